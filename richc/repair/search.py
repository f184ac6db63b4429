"""The fewest exponents to change, statement by statement.

At one richness the invariants of every weight and bias are known, so what one statement lacks
concerns that statement alone (see richc.repair.equations).  What all rates lack may be changed in
the optimizer's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, groupby
from typing import NamedTuple

from richc.algebra.monomial import Affine
from richc.calculus.nearest import scale
from richc.diagnostics import Span
from richc.repair.equations import NONE, RATE, SCALE, STD, ScalePoint, lacking, member_at, solve
from richc.repair.target import MUP, NTP, RepairTarget
from richc.rules.context import Context
from richc.spec.infer import STANDARD
from richc.spec.model import Layer, Tensor

#: Where there is a choice: a change of scale is a change of gauge besides.
_ORDER = (STD, RATE, SCALE)
#: Of richness and of the optimizer's rate; more are not worth trying.
_MAX_POINTS, _MAX_SHIFTS = 12, 4


class PlannedChange(NamedTuple):
    """Multiply one attribute by (n / n0)^exponent."""

    #: "scale", "std", "var" or "lr".
    attribute: str
    exponent: Affine
    #: Where it is written; None where it is to be added.
    place: Span | None
    #: The layers of the statement; none of them for the optimizer's rate.
    layers: tuple[Layer, ...]
    of_bias: bool = False

    @property
    def tensor(self) -> Tensor:
        layer = self.layers[0]
        tensor = layer.bias if self.of_bias else layer.weight
        assert tensor is not None
        return tensor


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
        ends = [_at(context, end) for end in dict.fromkeys(model.interval)]
        points = tuple(ScalePoint(end, end.richness) for end in ends)
        return [RepairPlan(found, None) for found in _with_shifts(points, target.gauge)]
    found = [
        RepairPlan(changes, richness)
        for richness in _richnesses(context, target)
        for changes in _with_shifts((ScalePoint(context, richness),), target.gauge)
    ]
    if model.richness_place is not None and model.parameterization_place is None:
        for richness in _declarable(context, target):
            points = (ScalePoint(_at(context, richness), richness),)
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
    size = sum((_size(change.exponent) for change in plan.changes), NONE)
    # Of equally many changes never those that end lazier.
    return edits, is_odd, -richness, added, size


def _size(exponent: Affine) -> Fraction:
    return abs(exponent.const) + abs(exponent.slope)


def _at(context: Context, richness: Fraction) -> Context:
    return Context(context.model, context.node, context.text, context.path, richness=richness)


def _declarable(context: Context, target: RepairTarget) -> Iterator[Fraction]:
    """Values that the ``richness`` statement might have instead."""
    points = (NTP, MUP) if target.richness is None else (target.richness,)
    return (p for p in points if p != context.model.richness and target.admits(p))


def _richnesses(context: Context, target: RepairTarget) -> list[Fraction]:
    """Every richness that could take the fewest changes."""
    if target.richness is not None:
        return [target.richness]
    found = dict.fromkeys((MUP, NTP))
    stages = context.network.stages
    family = context.model.optimizer.law
    sides = [(stage.wide_in, stage.wide_out) for stage in stages]
    lazy, rich = (scale(family.step, sides, r) for r in (NTP, MUP))
    counts: Counter[Fraction] = Counter()
    for stage, low, high in zip(stages, lazy, rich, strict=True):
        for size, at_low, at_high in (
            (stage.weight.init, low.init, high.init),
            (stage.weight.rate, low.rate, high.rate),
        ):
            if isinstance(size, Fraction) and at_low != at_high:
                assert isinstance(at_low, Fraction)
                assert isinstance(at_high, Fraction)
                counts[MUP * (size - at_low) / (at_high - at_low)] += 1
    found |= dict.fromkeys(point for point, _ in counts.most_common(_MAX_POINTS))
    return [richness for richness in found if target.admits(richness)]


def _with_shifts(
    points: tuple[ScalePoint, ...], gauge: str | None
) -> Iterator[tuple[PlannedChange, ...]]:
    """The fewest changes, and those beside another rate of the optimizer."""
    found = _all(points, gauge)
    if found is not None:
        yield found
    model = points[0].context.model
    place = dict(model.optimizer.places).get(RATE)
    if place is None or _has_hole(points[0].context, place):
        return
    statements = {layer.statement: index for index, layer in enumerate(model.layers)}
    counts = Counter(_lacking_rate(points, index) for index in statements.values())
    right = len(statements) - len({(x.layers, x.of_bias) for x in found or ()})
    for shifts, count in counts.most_common(_MAX_SHIFTS):
        # It saves a change where this is what lacks, and costs one where nothing does.
        if any(shifts) and (found is None or count > right):
            shifted = tuple(p._replace(shift=s) for p, s in zip(points, shifts, strict=True))
            rest = _all(shifted, gauge)
            if rest is not None:
                yield (*rest, PlannedChange(RATE, _exponent(shifts, points), place, ()))


def _lacking_rate(points: Sequence[ScalePoint], index: int) -> tuple[Fraction, ...]:
    """What the rate of a layer lacks at each point; empty where it has none."""
    lacks = (lacking(member_at(point, index, of_bias=False))[1] for point in points)
    found = tuple(each for each in lacks if each is not None)
    return found if len(found) == len(points) else ()


def _all(points: tuple[ScalePoint, ...], gauge: str | None) -> tuple[PlannedChange, ...] | None:
    """The fewest changes of every statement; None where one cannot be mended."""
    model = points[0].context.model
    changes: list[PlannedChange] = []
    for _, members in groupby(range(len(model.layers)), key=lambda i: model.layers[i].statement):
        indices = _kinds(points[0].context, list(members))
        of_biases = (False, True) if model.layers[indices[0]].bias is not None else (False,)
        for of_bias in of_biases:
            found = _fewest(points, indices, gauge, of_bias=of_bias)
            if found is None:
                return None
            changes += found
    return tuple(changes)


def obstacle(context: Context, target: RepairTarget) -> str | None:
    """What it is about one statement that no exponents mend, in words."""
    model = context.model
    readout = model.layers[-1]
    if target.richness not in (None, MUP) and readout.weight.std.is_zero:
        return f"`{readout.name}` starts at zero, which only μP does: give it a `std`"
    for richness in _richnesses(context, target):
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
    members = [[member_at(point, index, of_bias=of_bias) for index in indices] for point in points]
    if gauge is None and all(member.fits({}) for at_point in members for member in at_point):
        return []
    context = points[0].context
    layers = [context.model.layers[index] for index in indices]
    knobs = [knob for knob in _ORDER if _is_editable(context, members[0][0].tensor, knob)]
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
    exponent = _exponent(exponents, points)
    found = PlannedChange(knob, exponent, None, layers, of_bias)
    if knob == STD and found.tensor.place("var"):
        found = found._replace(attribute="var", exponent=exponent.times(Fraction(2)))
    return found._replace(place=found.tensor.place(found.attribute))


def _exponent(values: Sequence[Fraction], points: Sequence[ScalePoint]) -> Affine:
    """An exponent from its values at one richness, or at both ends of an interval."""
    if len(points) == 1:
        return Affine(values[0])
    slope = (values[-1] - values[0]) / (points[-1].richness - points[0].richness)
    return Affine(values[0] - slope * points[0].richness, slope)


def _is_editable(context: Context, tensor: Tensor, knob: str) -> bool:
    """Whether an attribute can be multiplied where it is written, or written as it is not."""
    place = tensor.place(knob, "var") if knob == STD else tensor.place(knob)
    if getattr(tensor, knob).is_zero or (knob == RATE and tensor.frozen):
        return False
    if place is not None:
        return not _has_hole(context, place)
    preset = context.model.parameterization
    return preset == STANDARD or (preset is None and knob == SCALE)


def _has_hole(context: Context, place: Span) -> bool:
    """A hole is written by what fills it."""
    return any(place.start <= hole.place.start < place.end for hole in context.model.inferred)
