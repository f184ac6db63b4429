"""A plan as edits of the text, held to what it promises before it is offered.

The text that the edits make is read and judged again: it must pass, be where the plan leads, and at
the base width and depth have every multiplier, std, rate and decay that the file had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from heapq import merge
from typing import NamedTuple

from richc.algebra.formula import general_power
from richc.algebra.monomial import DEPTH, WIDTH, Affine, Monomial
from richc.diagnostics import Diagnostic, Edit, Label, Span
from richc.repair.proof import edited, is_close, log2_at_base, proved, read
from richc.repair.search import PlannedChange, RepairPlan, obstacle, plans
from richc.repair.target import MUP, NTP, Contradiction, RepairTarget, target
from richc.rules.attributes import added, added_to_residual
from richc.rules.context import Context
from richc.rules.mending import at_base, depth_unit, fresh, swap, unit
from richc.rules.sentence import depth_words, point_name
from richc.spec.infer import STANDARD
from richc.spec.model import Claim
from richc.syntax import tree

#: Plans that are tried on the text, and changes that a help names.
_MOST_TRIED, _MOST_NAMED = 8, 3


class Repaired(NamedTuple):
    """One change of a plan, done."""

    #: The name of the statement or residual; None for optimizers and what else is no layer.
    layer: str | None
    #: What is written now: "`lr = n0 / n`".
    words: str
    #: "`lr` of `body` ~ n^0 -> n^-1".
    moves: str
    #: Where it is written.
    place: Span
    edit: Edit
    #: "lr = n0 / n"; empty for what is no attribute.
    attribute: str = ""
    #: A well-known mistake that it was, in words.
    mistake: str | None = None


class Repair(NamedTuple):
    """What makes a model pass."""

    model: str
    changes: tuple[Repaired, ...]
    #: Where it leads; None for every richness of an interval.
    richness: Fraction | None
    #: What declares a base width or depth, where the file has none and may have one.
    declares: tuple[Edit, ...] = ()
    #: Whether ``--to`` may lead elsewhere.
    has_choice: bool = True
    #: The power of L that branches are then small by, where there are as many as the depth.
    alpha: Fraction | None = None

    @property
    def edits(self) -> tuple[Edit, ...]:
        # What is added to one block is one edit.
        return (*dict.fromkeys(change.edit for change in self.changes), *self.declares)

    @property
    def bases(self) -> tuple[str, ...]:
        """``base n0 = 256``: what the file declares from now on."""
        return tuple(f"`{edit.text.removeprefix(', ')}`" for edit in self.declares)

    def beginning_with(self, layer: str | None) -> Repair:
        """What concerns a layer first."""
        return self._replace(changes=tuple(sorted(self.changes, key=lambda c: c.layer != layer)))

    @property
    def becomes(self) -> str:
        """``becomes μP (r = 1/2)``."""
        if self.richness is None:
            return "passes for every r of its interval"
        depth = "" if self.alpha is None else f", {depth_words(self.alpha)}"
        return f"becomes {point_name(self.richness)}{depth}"

    @property
    def lazy(self) -> str | None:
        """What is lost below r = 1/2, and how to have it; None where nothing is."""
        if self.richness is None or self.richness == MUP:
            return None
        lost = "features will not learn"
        return f"{lost}; for μP: `richc fix --to mup`" if self.has_choice else lost

    def help(self, layer: str | None) -> str:
        """What to do, said at a layer."""
        shown = [
            c.words if c.layer in (None, layer) else f"{c.words} on `{c.layer}`"
            for c in self.changes
        ]
        shown += self.bases
        more = len(shown) - _MOST_NAMED
        if more > 0:
            shown[_MOST_NAMED:] = [f"{more} more"]
        listed = " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
        lazy = f", where {self.lazy}" if self.lazy else ""
        return f"use {listed}: `{self.model}` {self.becomes}{lazy}"


def repair(context: Context, wanted: Fraction | str | None = None) -> Repair | None:
    """The fewest changes that put a model where it is to go (see richc.repair.target).

    None where exponents alone cannot, or not without another value at the base width.  Raises
    Contradiction.
    """
    if not context.verdict.is_decided:
        return None
    goal = target(context.model, wanted)
    found = _first(context, goal)
    if found is None and goal.is_declared:
        # A read-out that starts at zero, say, is μP or nothing.
        found = _first(context, RepairTarget(MUP, gauge=goal.gauge))
    return found


def _first(context: Context, goal: RepairTarget) -> Repair | None:
    """The fewest changes that lead to a target and are what they say."""
    # Both come with the fewest changes first, and are written out one after the other.
    plain = (carried_out(context, plan) for plan in plans(context, goal)[:_MOST_TRIED])
    ways = merge(plain, _with_another_word(context, goal), key=lambda way: len(way.changes))
    for way in ways:
        after = proved(context, way.edits, way.richness) if way.changes else None
        if after is not None:
            return way._replace(alpha=after.verdict.depth_exponent)
    return None


def advise(
    context: Context, found: tuple[Diagnostic, ...]
) -> tuple[Repair | None, tuple[Diagnostic, ...]]:
    """The repair of a model, and its findings with it as help and as edits."""
    if not any(is_mended(d) for d in found):
        return None, found
    try:
        done = repair(context)
        if done is not None:
            return done, tuple(_helped(d, done) if is_mended(d) else d for d in found)
        reason = obstacle(context, target(context.model))
    except Contradiction as contradiction:
        reason = str(contradiction)
    if reason is None:
        return None, found
    return None, tuple(d._replace(notes=(*d.notes, reason)) if is_mended(d) else d for d in found)


def is_mended(found: Diagnostic) -> bool:
    """Whether a repair of its model removes a finding."""
    return found.is_error and (found.desideratum is not None or found.code == "R502")


def _helped(found: Diagnostic, done: Repair) -> Diagnostic:
    layer = found.layer and _statement(found.layer, done)
    if found.code == "R502":
        if found.help is not None:
            return found  # What it is to be equivalent to is in another file.
        layer = done.changes[0].layer
        labels = tuple(Label(c.place, f"should be {c.words}") for c in done.changes[:_MOST_NAMED])
        found = found._replace(labels=labels, layer=layer if len(done.changes) == 1 else None)
    ordered = done.beginning_with(layer)
    return found._replace(help=ordered.help(layer), edits=ordered.edits)


def _statement(layer: str, done: Repair) -> str:
    """The changed statement that a finding is at: layers of a repeat are called `body.0`."""
    base, _, number = layer.rpartition(".")
    is_changed = any(change.layer == base for change in done.changes)
    return base if number.isdigit() and is_changed else layer


# ---- plans as edits ----


def carried_out(context: Context, plan: RepairPlan) -> Repair:
    """A plan as edits and in words, not yet held to what it promises."""
    changes: list[Repaired] = []
    if plan.declared is not None:
        changes.append(_declared(context, plan.declared))
    made = [_made(context, change) for change in plan.changes]
    changes += _together(context, list(zip(plan.changes, made, strict=True)))
    declares: tuple[Edit, ...] = ()
    if any(not change.exponent.is_zero for change in plan.changes):
        declares += unit(context).edits
    if any(not change.depth.is_zero for change in plan.changes):
        declares += depth_unit(context).edits
    choice = _has_choice(context)
    return Repair(context.model.name, tuple(changes), plan.richness, declares, choice)


def _declared(context: Context, richness: Fraction) -> Repaired:
    """Another value in the ``richness`` statement."""
    (statement,) = (s for s in context.node.statements if isinstance(s, tree.Richness))
    moves = f"`richness` r = {context.model.richness} -> {richness}"
    edit = Edit(statement.value.span, str(richness))
    return Repaired(None, f"`richness r = {richness}`", moves, statement.span, edit)


def _together(
    context: Context, made: Sequence[tuple[PlannedChange, Repaired]]
) -> Iterator[Repaired]:
    """What is added to one weight or bias becomes one edit."""
    words: dict[tuple[str, bool], list[str]] = {}
    for change, done in made:
        if change.place is None and change.layers:
            key = (change.layers[0].statement, change.of_bias)
            words.setdefault(key, []).append(done.attribute)
    for change, done in made:
        if change.place is None and change.layers:
            layer = change.layers[0]
            attributes = ", ".join(words[layer.statement, change.of_bias])
            yield done._replace(edit=added(context, layer, attributes, change.of_bias))
        else:
            yield done


def _has_choice(context: Context) -> bool:
    """Whether the file does not require a point, and can be elsewhere with its values kept."""
    model = context.model
    is_relative = model.parameterization in (None, STANDARD) or model.base_symbol is not None
    return is_relative and not any(
        r.kind in (Claim.POINT, Claim.REGIME) for r in model.requirements
    )


def _with_another_word(context: Context, goal: RepairTarget) -> list[Repair]:
    """Another `parameterization`, and what then is left to change."""
    model = context.model
    richness = MUP if goal.richness is None else goal.richness
    if model.parameterization is None or model.interval is not None:
        return []
    if model.parameterization != STANDARD and model.richness == richness:
        return []
    (old,) = (s for s in context.node.statements if isinstance(s, tree.Parameterization))
    words: list[Repaired] = []
    word = {MUP: "mup", NTP: "ntp"}.get(richness, f"rich(r = {richness})")
    if model.richness_place is not None:
        # `rich` follows the statement.
        word = "rich"
        if model.richness != richness:
            words.append(_declared(context, richness))
    before = context.text[old.preset.span.start : old.preset.span.end]
    if before != word:
        edit = Edit(old.preset.span, word)
        moves = f"`parameterization` {before} -> {word}"
        words.append(Repaired(None, f"`parameterization {word}`", moves, old.preset.span, edit))
    choice = _has_choice(context)
    found = [Repair(model.name, tuple(words), richness, unit(context).edits, choice)]
    after = read(context, edited(context, found[0].edits))
    if after is not None and not after.verdict.passes:
        back = _Shift(found[0].edits, context.node.span.start)
        for plan in plans(after, goal)[:_MOST_TRIED]:
            rest = (back.moved(change) for change in carried_out(after, plan).changes)
            found.append(found[0]._replace(changes=(*words, *rest)))
    return found


class _Shift(NamedTuple):
    """From places in an edited model back to those in the file."""

    edits: tuple[Edit, ...]
    #: Where the model begins.
    start: int

    def span(self, span: Span) -> Span:
        moved = self.start
        for edit in sorted(self.edits):
            grown = len(edit.text) - (edit.span.end - edit.span.start)
            if edit.span.end + grown <= span.start + moved:
                moved -= grown
        return Span(span.start + moved, span.end + moved)

    def moved(self, change: Repaired) -> Repaired:
        edit = change.edit._replace(span=self.span(change.edit.span))
        return change._replace(place=self.span(change.place), edit=edit)


def _made(context: Context, change: PlannedChange) -> Repaired:
    """One change as an edit, and in words."""
    name, place, value = change.attribute, change.place, change.value
    layer, shown, around = _subject(change)
    before = value.exponent(WIDTH), value.exponent(DEPTH)
    after = before[0].plus(change.exponent), before[1].plus(change.depth)
    moves = f"`{name}` of {shown} ~ {_power(*before)} -> {_power(*after)}"
    mistake = None
    if place is None:
        words = f"{name} = {fresh(context, value, change.exponent, change.depth)}"
        if change.block is not None:
            edit, place = added_to_residual(context, change.block, words), change.block.name_place
        else:
            edit = added(context, change.layers[0], words, change.of_bias)
            place = change.layers[0].name_place
    else:
        other = _other_word(context, change, value)
        text = at_base(
            context,
            change.layers,
            place,
            change.exponent,
            of_bias=change.of_bias,
            depth=change.depth,
        )
        swapped = None if other is None else swap(context, place, other)
        if other is not None and swapped is not None:
            edit = swapped
            words = f"{other} = {context.text[place.start : place.end]}"
            mistake = f"`{name}` is written where `{other}` was meant"
        else:
            edit = Edit(place, text)
            words = f"{name} = {text}"
            mistake = _mistake(context, change, value, text)
    attribute = words
    if around:
        words = f"{around} {{ {words} }}"
    if mistake is not None:
        mistake = f"`{name}` of {shown}: {mistake}"
    return Repaired(layer, f"`{words}`", moves, place, edit, attribute, mistake)


def _subject(change: PlannedChange) -> tuple[str | None, str, str]:
    """What is changed: its name, how messages call it, and what its attributes stand in."""
    if change.optimizer is not None:
        around = f"optimizer {change.optimizer.name}"
        return None, f"`{around}`", around
    if change.block is not None:
        return change.block.name, f"`{change.block.name}`", ""
    name = change.layers[0].statement
    part = "bias" if change.of_bias else "gain" if change.layers[0].kind.is_norm else ""
    return name, f"the {part} of `{name}`" if part else f"`{name}`", part


def _power(width: Affine, depth: Affine) -> str:
    if depth.is_zero:
        return general_power(width)
    of_depth = general_power(depth, "L")
    return of_depth if width.is_zero else f"{general_power(width)} {of_depth}"


def _other_word(context: Context, change: PlannedChange, value: Monomial) -> str | None:
    """`var` for `std` or the reverse, where that is all: the value at the base width is one."""
    other = {"std": "var", "var": "std"}.get(change.attribute)
    half = Fraction(1, 2) if change.attribute == "std" else Fraction(2)
    exponent = value.exponent(WIDTH)
    if other is None or not change.depth.is_zero:
        return None
    if exponent.plus(change.exponent) != exponent.times(half):
        return None
    return other if is_close(log2_at_base(context, value), 0.0) else None


def _mistake(context: Context, change: PlannedChange, value: Monomial, text: str) -> str | None:
    """A well-known one; ``text`` undoes it, with the value that the file has at the base width."""
    old = value.exponent(WIDTH)
    assert change.place is not None
    if change.attribute != "std" or not change.depth.is_zero:
        return None
    if old.plus(change.exponent) == old.times(Fraction(2)) and is_close(
        log2_at_base(context, value), 0
    ):
        return "one square root too many"
    halved = old == Affine(Fraction(-1)) and change.exponent == Affine(Fraction(1, 2))
    # What is left stands in the file: the edit drops a factor, and changes none.
    written = context.text[change.place.start : change.place.end]
    if halved and text in written:
        return "it is ~ n^-1/2 already, and divided by the root of the width once more"
    return None


def mistakes(changes: Sequence[Repaired]) -> tuple[str, ...]:
    """The well-known mistakes among what was changed."""
    return tuple(change.mistake for change in changes if change.mistake is not None)
