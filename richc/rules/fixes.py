"""What ``richc fix`` does: solved holes, the smallest repair of what fails, edits of warnings.

A repair is applied only if the text that it makes passes; nothing else of the text is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

from richc.diagnostics import Diagnostic, Edit, Span
from richc.inference.repair import Change, Repair, repair
from richc.pipeline import FileResult, ModelResult, analyse_source
from richc.rules import INFERRED, SLUGS
from richc.rules.context import Context
from richc.rules.mending import Mistake, any_edit, misread, swap
from richc.rules.offers import accept, edited
from richc.rules.recognise import mistakes
from richc.rules.sentence import point_name
from richc.rules.slips import ROUNDS, slips
from richc.scaling.formula import general_power
from richc.spec.infer import STANDARD
from richc.spec.model import Layer
from richc.syntax import tree
from richc.syntax.source import Source

_HALF = Fraction(1, 2)
#: Attributes that are looked at for a confusion of std and var.
_MOST_WORDS = 40


class Step(NamedTuple):
    """One thing that was done, in words, with its edits."""

    what: str
    notes: tuple[str, ...]
    edits: tuple[Edit, ...]


class Fixed(NamedTuple):
    """A text after everything safe was done to it."""

    before: Source
    #: The analysis of the text as it is now.
    result: FileResult
    steps: tuple[Step, ...]
    #: The models that still fail, and why exponents cannot mend them.
    left: tuple[str, ...]

    @property
    def is_changed(self) -> bool:
        return self.before.text != self.result.source.text


def fix(source: Source, name: str | None = None, codes: Iterable[str] | None = None) -> Fixed:
    """Fix the models of a text, or the one of this name (and then no slips of syntax).

    With ``codes``: the models that have errors of these rules, and warnings of these rules; R503
    stands for holes.
    """
    codes = frozenset(SLUGS if codes is None else codes)
    result = analyse_source(source)
    steps: list[Step] = []
    for _ in range(ROUNDS if name is None else 0):
        spelt = [Step(slip.message, (), slip.edits) for slip in slips(result, codes)]
        if not spelt:
            break
        steps += spelt
        result = _after(result, spelt)
    # Holes first: what they are filled with is what is then judged.
    filled = [step for model in _chosen(result, name) if "R503" in codes for step in _fill(model)]
    if filled:
        steps += filled
        result = _after(result, filled)
    failing = [
        model
        for model in _chosen(result, name)
        if any(d.is_error and d.code in codes for d in model.diagnostics)
    ]
    mended, left = _mend_all(result, failing)
    steps += mended
    if mended:
        result = _after(result, mended)
    # What a misspelt suppression was meant to silence is not to be mended.
    spelling = codes & {"R802"}
    for part in (spelling, codes - spelling):
        result, offers = accept(result, name, part)
        steps += [_taken(found) for found in offers]
    words = "no change of exponents alone makes `{}` pass"
    return Fixed(source, result, tuple(steps), tuple(words.format(name) for name in left))


def _mend_all(result: FileResult, failing: Iterable[ModelResult]) -> tuple[list[Step], list[str]]:
    """A step for each model that can be mended, and the names of the others.

    All models are tried at once: a text may hold many.
    """
    mended: list[Step] = []
    left: list[str] = []
    # By place: of one name there may be several.
    waiting = {m.spec.name_place.start: (m.spec.name, _ways(m)) for m in failing}
    while waiting:
        tried: dict[int, Step] = {}
        for place, (name, ways) in list(waiting.items()):
            step = next(ways, None)
            if step is None:
                left.append(name)
                del waiting[place]
            else:
                tried[place] = step
        if not tried:
            break
        after = {m.spec.name_place.start: m for m in _after(result, tried.values()).models}
        for place, step in tried.items():
            found = after.get(_moved(place, tried.values()))
            if found is not None and _satisfies(found):
                mended.append(step)
                del waiting[place]
    return mended, left


def _moved(place: int, steps: Iterable[Step]) -> int:
    """Where an offset outside of all edits is after them."""
    edits = {edit for step in steps for edit in step.edits if edit.span.end <= place}
    return place + sum(len(edit.text) - (edit.span.end - edit.span.start) for edit in edits)


def _chosen(result: FileResult, name: str | None) -> Iterator[ModelResult]:
    return (model for model in result.models if name in (None, model.spec.name))


def _after(result: FileResult, steps: Iterable[Step]) -> FileResult:
    return edited(result, [edit for step in steps for edit in step.edits])


def _satisfies(model: ModelResult) -> bool:
    """Whether D0 to D3 hold; what a requirement adds may be another matter."""
    return not any(d.desideratum and d.is_error for d in model.diagnostics)


def _fill(model: ModelResult) -> Iterator[Step]:
    for found in model.diagnostics:
        if found.code == INFERRED:
            yield Step(found.message, (), found.edits)


def _taken(found: Diagnostic) -> Step:
    """An edit that a warning offered."""
    return Step(f"{found.code}: {found.message}", (found.help,) if found.help else (), found.edits)


def _ways(model: ModelResult) -> Iterator[Step]:
    """Repairs that could do, the best first."""
    context = model.context
    required = {r.point for r in model.spec.requirements if r.point is not None}
    if len(required) > 1:
        return  # No model is at two places.
    point = next(iter(required), None)
    if context.model.parameterization == STANDARD:
        yield from _other_parameterizations(context, point)
    found = repair(context.model, point)
    if found is not None and (found.changes or found.declared is not None):
        yield _repaired(context, found)
    if found is None:
        yield from _other_words(context)


def _other_words(context: Context) -> Iterator[Step]:
    """`var` for one `std`, or the reverse: what no power of n does for layers that differ."""
    seen: set[Span] = set()
    for layer in context.model.layers:
        for tensor in layer.tensors:
            for attribute, place in tensor.places:
                other = {"std": "var", "var": "std"}.get(attribute)
                edit = None if other is None or place in seen else swap(context, place, other)
                seen.add(place)
                if edit is not None and len(seen) <= _MOST_WORDS:
                    what = f"`{context.model.name}` passes: `{attribute}` of `{layer.statement}`"
                    note = f"`{attribute}` is written where `{other}` was meant"
                    yield Step(f"{what} -> `{other}`", (note,), (edit,))


def _repaired(context: Context, found: Repair) -> Step:
    edits: list[Edit] = []
    words = []
    notes = list(mistakes(context))
    for change in found.changes:
        edits.append(_edit(context, change))
        words.append(_words(change))
        mistake = _misread(change)
        if mistake is not None:
            notes.append(f"{change.given.shown}: {mistake.words}")
    if found.declared is not None:
        edits.insert(0, _declare(context, found.declared))
        words.insert(0, f"`richness` r = {context.model.richness} -> {found.declared}")
    return Step(f"{_goal(context, found)}: {', '.join(words)}", tuple(notes), tuple(edits))


def _other_parameterizations(context: Context, required: Fraction | None) -> Iterator[Step]:
    """One word for `standard`: NTP first, whose init is the same."""
    (statement,) = (s for s in context.node.statements if isinstance(s, tree.Parameterization))
    points = {"ntp": Fraction(0), "mup": _HALF}
    if required is not None and required not in points.values():
        points = {f"rich(r = {required})": required}
    for word, richness in points.items():
        if required in (None, richness):
            notes = mistakes(context)
            if required is None and word == "ntp":
                notes = (*notes, "`mup` instead of `ntp` would let features be learnt")
            yield Step(
                f"`{context.model.name}` becomes {point_name(richness)}: "
                f"`parameterization` standard -> {word}",
                notes,
                (Edit(statement.preset.span, word),),
            )


def _goal(context: Context, found: Repair) -> str:
    name = context.model.name
    if found.richness is None:
        return f"`{name}` passes for every r of its interval"
    return f"`{name}` becomes {point_name(found.richness)}"


def _edit(context: Context, change: Change) -> Edit:
    """Another word where std and var were confused, else another power of n."""
    place, mistake = change.given.place, _misread(change)
    if mistake is not None and mistake.other is not None:
        found = swap(context, place, mistake.other)
        if found is not None:
            return found
    return any_edit(context, _layer(context, change), place, change.exponent)


def _words(change: Change) -> str:
    written = change.given.written
    assert written is not None
    new = written.plus(change.exponent)
    return f"{change.given.shown} ~ {general_power(written)} -> {general_power(new)}"


def _misread(change: Change) -> Mistake | None:
    written = change.given.written
    assert written is not None
    return misread(change.given.attribute, written, written.plus(change.exponent))


def _layer(context: Context, change: Change) -> Layer:
    """The first layer that the change concerns."""
    for layer in context.model.layers:
        for tensor in layer.tensors:
            if change.given.place in dict(tensor.places).values():
                return layer
    return context.model.layers[0]  # The optimizer's rate: of no layer in particular.


def _declare(context: Context, richness: Fraction) -> Edit:
    (statement,) = (s for s in context.node.statements if isinstance(s, tree.Richness))
    return Edit(statement.value.span, str(richness))
