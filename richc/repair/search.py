"""The fewest exponents to change, statement by statement.

At one richness the invariants of every weight and bias are known, so what one statement lacks
concerns that statement alone (see richc.repair.equations).  What all rates lack may be changed in
the optimizer's, what a whole branch lacks in its multiplier.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, groupby
from operator import itemgetter
from typing import NamedTuple

from richc.algebra.joint import depth_of, width_of
from richc.algebra.monomial import NO_POWER, Affine, Monomial
from richc.calculus.nearest import richness_of
from richc.diagnostics import Span
from richc.repair.equations import (
    NONE,
    RATE,
    SCALE,
    STD,
    BranchGoal,
    Member,
    ScalePoint,
    lacking,
    member_at,
    solve,
)
from richc.repair.stack import BranchLayers, branches, member, sizes, streams, ways
from richc.repair.target import MUP, NTP, RepairTarget
from richc.rules.context import Context
from richc.spec.arrangement import ResidualBlock
from richc.spec.infer import STANDARD
from richc.spec.model import BRANCH_LAST, Layer, Optimizer, Tensor

#: Where there is a choice: a change of scale is a change of gauge besides.
_ORDER = (STD, RATE, SCALE)
#: Of richness and of the optimizer's rate; more are not worth trying.
_MAX_POINTS, _MAX_SHIFTS = 12, 4
#: Of one branch.
_MAX_WAYS = 4


class PlannedChange(NamedTuple):
    """Multiply one attribute by (n / n0)^exponent, and by (L / L0)^depth."""

    #: "scale", "std", "var" or "lr".
    attribute: str
    exponent: Affine
    #: Where it is written; None where it is to be added.
    place: Span | None
    #: The layers of the statement; none of them for an optimizer's rate and a branch's multiplier.
    layers: tuple[Layer, ...]
    of_bias: bool = False
    depth: Affine = NO_POWER
    optimizer: Optimizer | None = None
    block: ResidualBlock | None = None

    @property
    def tensor(self) -> Tensor:
        layer = self.layers[0]
        tensor = layer.bias if self.of_bias else layer.weight
        assert tensor is not None
        return tensor

    @property
    def value(self) -> Monomial:
        """What is multiplied."""
        if self.block is not None:
            return self.block.scale
        if self.optimizer is not None:
            return self.optimizer.lr
        std = self.tensor.std
        value: Monomial = getattr(self.tensor, self.attribute.replace("var", "std"))
        return std.times(std) if self.attribute == "var" else value


class RepairPlan(NamedTuple):
    changes: tuple[PlannedChange, ...]
    #: Where it leads; None for every richness of an interval.
    richness: Fraction | None
    #: The value that the ``richness`` statement is to have, where that changes.
    declared: Fraction | None = None


def plans(context: Context, target: RepairTarget) -> list[RepairPlan]:
    """Every way that is worth trying, the one with the fewest changes first.

    Layers are put on the scale: a bias of order one that already carries a hidden layer is not made
    use of.
    """
    model = context.model
    if model.interval is not None:
        ends = [context.at(end) for end in dict.fromkeys(model.interval)]
        points = tuple(ScalePoint(end, end.richness) for end in ends)
        return [RepairPlan(found, None) for found in _with_shifts(points, target.gauge)]
    found = [
        RepairPlan(changes, richness)
        for richness in _richnesses(context, target)
        for point in streams(ScalePoint(context, richness))
        for changes in _with_shifts((point,), target.gauge)
    ]
    if model.richness_place is not None and model.parameterization_place is None:
        for richness in _declarable(context, target):
            points = (ScalePoint(context.at(richness), richness),)
            found += [RepairPlan(c, richness, richness) for c in _with_shifts(points, target.gauge)]
    found.sort(key=lambda plan: _cost(plan, model.richness))
    return found


def _cost(plan: RepairPlan, declared: Fraction | None) -> tuple[int, bool, Fraction, int, Fraction]:
    edits = len(plan.changes) + (plan.declared is not None)
    richness = MUP if plan.richness is None else plan.richness
    # A richness off the scale is the likelier mistake.
    is_off = declared is not None and not NTP <= declared <= MUP
    is_odd = is_off and plan.declared is None
    added = sum(change.place is None for change in plan.changes)
    size = sum(map(_extent, plan.changes), NONE)
    # Of equally many changes never those that end lazier.
    return edits, is_odd, -richness, added, size


def _extent(change: PlannedChange) -> Fraction:
    return sum((abs(part) for power in (change.exponent, change.depth) for part in power), NONE)


def _declarable(context: Context, target: RepairTarget) -> Iterator[Fraction]:
    """Values that the ``richness`` statement might have instead."""
    points = (NTP, MUP) if target.richness is None else (target.richness,)
    return (p for p in points if p != context.model.richness and target.admits(p))


def _richnesses(context: Context, target: RepairTarget) -> list[Fraction]:
    """Every richness that could take the fewest changes."""
    if target.richness is not None:
        return [target.richness]
    found = dict.fromkeys((MUP, NTP))
    counts: Counter[Fraction] = Counter()
    for index in range(len(context.model.layers)):
        low, high = (member_at(ScalePoint(context, r), index, of_bias=False) for r in (NTP, MUP))
        for size, at_low, at_high in zip(low.now, low.goal, high.goal, strict=True):
            place = richness_of(size, at_low, at_high)
            if place is not None and not depth_of(place):
                counts[width_of(place)] += 1
    found |= dict.fromkeys(point for point, _ in counts.most_common(_MAX_POINTS))
    return [richness for richness in found if target.admits(richness)]


def _with_shifts(
    points: tuple[ScalePoint, ...], gauge: str | None
) -> Iterator[tuple[PlannedChange, ...]]:
    """The fewest changes, and those beside another rate of an optimizer."""
    found = _all(points, gauge)
    yield from found
    context = points[0].context
    for optimizer in context.model.optimizers:
        place = dict(optimizer.places).get(RATE)
        if place is not None and not _has_hole(context, place):
            rate = PlannedChange(RATE, NO_POWER, place, (), optimizer=optimizer)
            yield from _beside(rate, optimizer, points, gauge, found[0] if found else None)


def _beside(
    rate: PlannedChange,
    optimizer: Optimizer,
    points: tuple[ScalePoint, ...],
    gauge: str | None,
    found: tuple[PlannedChange, ...] | None,
) -> Iterator[tuple[PlannedChange, ...]]:
    """The changes beside another rate of an optimizer, where they may be fewer than ``found``."""
    model = points[0].context.model

    def is_of(tensor: Tensor) -> bool:
        return model.optimizer_of(tensor) is optimizer

    # A norm without a gain has no rate.
    statements = {
        x.statement: i
        for i, x in enumerate(model.layers)
        if is_of(x.weight) and not (x.kind.is_norm and x.weight.frozen)
    }
    counts = Counter(_lacking_rate(points, index) for index in statements.values())
    changed = {(x.layers, x.of_bias) for x in found or () if x.layers and is_of(x.tensor)}
    for shifts, count in counts.most_common(_MAX_SHIFTS):
        # It saves a change where this is what lacks, and costs one where nothing does.
        if any(shifts) and (found is None or count > len(statements) - len(changed)):
            shifted = tuple(
                point._replace(shift=shift, shifted=optimizer.name)
                for point, shift in zip(points, shifts, strict=True)
            )
            for rest in _all(shifted, gauge):
                yield (*rest, _by(rate, shifts, points))


def _lacking_rate(points: Sequence[ScalePoint], index: int) -> tuple[Fraction, ...]:
    """What the rate of a layer lacks at each point; empty where it has none."""
    usual = (
        tuple(BranchGoal(b.block, sizes(point, b)[0]) for b in branches(point.context))
        for point in points
    )
    members = (
        member(point._replace(branches=goals), index, of_bias=False)
        for point, goals in zip(points, usual, strict=True)
    )
    lacks = (lacking(each)[1] for each in members)
    found = tuple(each for each in lacks if each is not None)
    return found if len(found) == len(points) else ()


def _all(points: tuple[ScalePoint, ...], gauge: str | None) -> list[tuple[PlannedChange, ...]]:
    """The fewest changes of every statement, the best way first; empty where one has none."""
    context = points[0].context
    inside = list(branches(context))
    within = {index for branch in inside for index in branch.layers}
    outside = [i for i in range(len(context.model.layers)) if i not in within]
    changes = _of_statements(points, outside, gauge)
    choices = [_of_branch(points, branch, gauge) for branch in inside]
    if changes is None or not all(choices):
        return []
    best = [choice[0] for choice in choices]
    found = [best]
    for at, choice in enumerate(choices):
        found += [[*best[:at], other, *best[at + 1 :]] for other in choice[1:]]
    return [(*changes, *(c for part in way for c in part)) for way in found]


def _of_branch(
    points: tuple[ScalePoint, ...], branch: BranchLayers, gauge: str | None
) -> list[list[PlannedChange]]:
    """Ways to mend a branch, the fewest changes first."""
    context = points[0].context
    place = dict(branch.block.places).get(SCALE)
    preset = context.model.parameterization
    is_editable = preset in (None, STANDARD) if place is None else not _has_hole(context, place)
    found: list[tuple[tuple[int, Fraction, bool, Fraction], list[PlannedChange]]] = []
    for goal in ways(points[0], branch):
        if goal.shift and not (is_editable and len(points) == 1):
            continue
        at = tuple(point._replace(branches=(goal,)) for point in points)
        rest = _of_statements(at, branch.layers, gauge)
        if rest is None:
            continue
        if goal.shift:
            scale = PlannedChange(SCALE, NO_POWER, place, (), block=branch.block)
            rest = [_by(scale, [goal.shift], points), *rest]
        last = member(at[0], branch.last, of_bias=False)
        inits = {x.attribute for x in rest if last.layer in x.layers and not x.of_bias} - {RATE}
        # Where there is a choice the branch starts at the size that it trains at.
        is_smaller = not inits and last.now.init != last.goal.init
        extent = sum(map(_extent, rest), NONE)
        found.append(((len(rest), depth_of(goal.size), is_smaller, extent), rest))
    found.sort(key=itemgetter(0))
    fewest = {size: count for (count, size, is_smaller, _), _ in found[::-1] if not is_smaller}
    found = [
        (key, changes)
        for key, changes in found
        if not key[2] or key[0] < fewest.get(key[1], key[0] + 1)
    ]
    return [changes for _, changes in found[:_MAX_WAYS]]


def _of_statements(
    points: tuple[ScalePoint, ...], layers: Sequence[int], gauge: str | None
) -> list[PlannedChange] | None:
    """The fewest changes of the statements of some layers; None where one cannot be mended."""
    model = points[0].context.model
    changes: list[PlannedChange] = []
    for _, members in groupby(layers, key=lambda i: model.layers[i].statement):
        indices = _kinds(points[0].context, list(members))
        of_biases = (False, True) if model.layers[indices[0]].bias is not None else (False,)
        for of_bias in of_biases:
            found = _fewest(points, indices, gauge, of_bias=of_bias)
            if found is None:
                return None
            changes += found
    return changes


def obstacle(context: Context, target: RepairTarget) -> str | None:
    """What it is about one statement that no exponents mend, in words."""
    model = context.model
    readout = model.layers[-1]
    if target.richness not in (None, MUP) and readout.weight.std.is_zero:
        return f"`{readout.name}` starts at zero, which only μP does: give it a `std`"
    for richness in _richnesses(context, target) if model.is_chain else ():
        points = (ScalePoint(context, richness),)
        for name, members in groupby(range(len(model.layers)), lambda i: model.layers[i].statement):
            indices = _kinds(context, list(members))
            alone = [_fewest(points, [i], target.gauge, of_bias=False) for i in indices]
            together = _fewest(points, indices, target.gauge, of_bias=False)
            if together is None and None not in alone:
                return (
                    f"no power of {model.width_symbol} suits all layers of `{name}`, whose fan_in "
                    f"differs: give `{model.layers[indices[0]].name}` a statement of its own"
                )
    return None


def _kinds(context: Context, indices: Sequence[int]) -> list[int]:
    """One layer of each kind of a statement: its layers differ in the fan-in, if at all."""
    layers = context.model.layers
    found: dict[object, int] = {}
    for index in indices:
        found.setdefault((layers[index].fan_in.wide, layers[index].role), index)
    return list(found.values())


def _fewest(
    points: tuple[ScalePoint, ...], indices: Sequence[int], gauge: str | None, *, of_bias: bool
) -> list[PlannedChange] | None:
    """The fewest changes of a statement's weight, or of its bias."""
    members = [[member(point, index, of_bias=of_bias) for index in indices] for point in points]
    if gauge is None and all(each.fits({}) for at_point in members for each in at_point):
        return []
    context = points[0].context
    layers = [context.model.layers[index] for index in indices]
    knobs = [knob for knob in _ORDER if _is_editable(members[0][0], knob)]
    for count in range(len(knobs) + 1):
        for subset in combinations(knobs, count):
            solved = [solve(at_point, subset, gauge) for at_point in members]
            found = [each for each in solved if each is not None]
            if len(found) < len(solved):
                continue
            statement = layers[0].statement
            shared = tuple(x for x in context.model.layers if x.statement == statement)
            return [
                _change(shared, knob, [each[knob] for each in found], points, of_bias=of_bias)
                for knob in subset
            ]
    return None


def _change(
    layers: tuple[Layer, ...],
    knob: str,
    exponents: Sequence[Fraction],
    points: Sequence[ScalePoint],
    *,
    of_bias: bool,
) -> PlannedChange:
    found = PlannedChange(knob, NO_POWER, None, layers, of_bias)
    if knob == STD and found.tensor.place("var"):
        exponents = [2 * exponent for exponent in exponents]
        found = found._replace(attribute="var")
    place = found.tensor.place(found.attribute)
    return _by(found._replace(place=place), exponents, points)


def _by(
    change: PlannedChange, powers: Sequence[Fraction], points: Sequence[ScalePoint]
) -> PlannedChange:
    """A change by these powers of n and L, one for each point."""
    width = _exponent([*map(width_of, powers)], points)
    return change._replace(exponent=width, depth=_exponent([*map(depth_of, powers)], points))


def _exponent(values: Sequence[Fraction], points: Sequence[ScalePoint]) -> Affine:
    """An exponent from its values at one richness, or at both ends of an interval."""
    if len(points) == 1:
        return Affine(values[0])
    slope = (values[-1] - values[0]) / (points[-1].richness - points[0].richness)
    return Affine(values[0] - slope * points[0].richness, slope)


def _is_editable(member: Member, knob: str) -> bool:
    """Whether an attribute can be multiplied where it is written, or written as it is not."""
    context, tensor = member.context, member.tensor
    is_gain = member.layer.kind.is_norm and not member.of_bias
    if is_gain and knob != RATE:
        return False
    place = tensor.place(knob, "var") if knob == STD else tensor.place(knob)
    if getattr(tensor, knob).is_zero or (knob == RATE and tensor.frozen):
        return False
    if place is not None:
        return not _has_hole(context, place)
    preset = context.model.parameterization
    if knob == SCALE and member.layer.role == BRANCH_LAST:
        return False  # The residual multiplies it.
    return preset == STANDARD or (preset is None and knob == SCALE)


def _has_hole(context: Context, place: Span) -> bool:
    """A hole is written by what fills it."""
    return any(place.start <= hole.place.start < place.end for hole in context.model.inferred)
