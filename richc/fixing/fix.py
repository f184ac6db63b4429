"""What ``richc fix`` does: solved holes, the smallest repair of what fails, edits of warnings.

A repair is applied only if the text that it makes passes; nothing else of the text is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

from richc.diagnostics import SLUGS, Diagnostic, Edit
from richc.fixing.slips import ROUNDS, slips
from richc.fixing.warning_edits import accept, edited
from richc.pipeline import FileResult, ModelResult, analyse_source
from richc.repair.repair import is_mended, mistakes, repair
from richc.repair.search import obstacle
from richc.repair.target import Contradiction, target
from richc.rules import INFERRED
from richc.rules.recognise import mistakes as known_mistakes
from richc.syntax.formatter import format_text, unfolded
from richc.syntax.source import Source

#: Their edits change values at the base width: a gain, a gauge.  They are made where selected.
ON_DEMAND = frozenset({"R701", "R702"})


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


def fix(
    source: Source,
    name: str | None = None,
    codes: Iterable[str] | None = None,
    to: Fraction | str | None = None,
) -> Fixed:
    """Fix the models of a text, or the one of this name (and then no slips of syntax).

    With ``codes``: the models that have errors of these rules, and warnings of these rules; R503
    stands for holes.  ``to`` is where models are to go, as ``richc.repair.target.parse_target``
    returns it; with a richness also those that pass elsewhere.
    """
    codes = frozenset(SLUGS.keys() - ON_DEMAND if codes is None else codes)
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
    left: list[str] = []
    mended = [
        step
        for model in _chosen(result, name)
        if (step := _mend(model, codes, to, left)) is not None
    ]
    steps += mended
    if mended:
        result = _after(result, mended)
    # What a misspelt suppression was meant to silence is not to be mended.
    spelling = codes & {"R802"}
    for part in (spelling, codes - spelling):
        result, offers = accept(result, name, part)
        steps += [_taken(found) for found in offers]
    if steps and unfolded(source.text) is not None:
        result = analyse_source(Source(source.path, format_text(result.source.text)))
    return Fixed(source, result, tuple(steps), tuple(left))


def _mend(
    model: ModelResult, codes: frozenset[str], to: Fraction | str | None, left: list[str]
) -> Step | None:
    """What puts a model where it is to go; else the reason, added to ``left``."""
    failing = any(is_mended(d) for d in model.diagnostics)
    chosen = any(d.is_error and d.code in codes for d in model.diagnostics)
    elsewhere = isinstance(to, Fraction) and to != model.verdict.richness
    if not (elsewhere or (failing and chosen)):
        return None
    name = model.spec.name
    try:
        found = model.repair if to is None else repair(model.context, to)
        why = None if found else obstacle(model.context, target(model.spec, to))
    except Contradiction as contradiction:
        left.append(f"`{name}` stays as it is: {contradiction}")
        return None
    if found is None:
        done = "makes `{}` pass" if failing else "that keeps its values takes `{}` there"
        reason = f"no change of exponents alone {done.format(name)}"
        if not model.spec.is_chain:
            # Not all that a network with blocks may be is tried.
            done = "makes it pass" if failing else "takes it there"
            reason = f"`{name}` stays as it is: no change of exponents was found that {done}"
        left.append(reason if why is None else f"{reason}: {why}")
        return None
    notes = (*known_mistakes(model.context), *mistakes(found.changes))
    for base in found.bases:
        depth = model.spec.depth
        is_depth = depth is not None and base.startswith(f"`base {depth.symbol}0 ")
        what = "depth" if is_depth else "width"
        notes = (*notes, f"{base}: the values at this {what} stay as they are")
    moves = ", ".join(change.moves for change in found.changes)
    lazy = f"; {found.lazy}" if found.lazy else ""
    return Step(f"`{found.model}` {found.becomes}: {moves}{lazy}", notes, found.edits)


def _chosen(result: FileResult, name: str | None) -> Iterator[ModelResult]:
    return (model for model in result.models if name in (None, model.spec.name))


def _after(result: FileResult, steps: Iterable[Step]) -> FileResult:
    return edited(result, [edit for step in steps for edit in step.edits])


def _fill(model: ModelResult) -> Iterator[Step]:
    for found in model.diagnostics:
        if found.code == INFERRED:
            yield Step(found.message, (), found.edits)


def _taken(found: Diagnostic) -> Step:
    """An edit that a warning offered."""
    return Step(f"{found.code}: {found.message}", (found.help,) if found.help else (), found.edits)
