"""The one change that would put a model on the richness scale: where its fault really is.

What breaks a desideratum is often a consequence: under a read-out that starts too large, the
updates of all layers below explode.  The invariants n^-A and n^-C of each weight (Karkada 2024,
arXiv 2404.19719, section 4) say more: on the scale all of them are known, so a model with a single
fault is the scale but for one layer.  Biases are left alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.sizes import Size, Zero
from richc.calculus.ops import UNIT, Parameter, Step
from richc.optimizers.law import Law, rate_powers

INIT = "init"
RATE = "rate"

_HALF = Fraction(1, 2)
_ONE = Fraction(1)

#: Whether the fan-in and the fan-out of a layer grow with n.
Sides = tuple[bool, bool]
#: Which of ``INIT`` and ``RATE`` to multiply, and by which power of n.
_Move = tuple[str, Fraction]


class Change(NamedTuple):
    """Multiply one layer's init or rate by n^exponent, and the network is on the scale."""

    #: The first of ``layers``.
    layer: int
    knob: str
    exponent: Fraction
    #: Where on the scale it then is.
    richness: Fraction
    #: More than one where layers that are written as one share the fault.
    layers: tuple[int, ...]


def single_change(
    inits: Sequence[Size],
    rates: Sequence[Size],
    family: Law,
    sides: Sequence[Sides],
    richness: Fraction | None = None,
    groups: Sequence[Hashable] | None = None,
) -> Change | None:
    """The smallest single change that leads to the scale, or to one point of it.

    ``inits`` and ``rates`` are the sizes n^-A and n^-C of every weight, from the input to the
    output, the optimizer's shape factor included in the rate.  Layers of one group are changed
    together.  None where no single change will do, none is needed, or two are equally small.
    """
    weights = [Parameter(*pair) for pair in zip(inits, rates, strict=True)]
    names = list(range(len(weights))) if groups is None else list(groups)
    reached = _candidates(weights, family.step, sides)
    found = (
        _change(weights, family, sides, point, names)
        for point in sorted(reached)
        if richness in (None, point)
    )
    changes = [change for change in found if change is not None]
    smallest = min((abs(change.exponent) for change in changes), default=None)
    nearest = [change for change in changes if abs(change.exponent) == smallest]
    return nearest[0] if len(nearest) == 1 else None


class ScaleSizes(NamedTuple):
    """What one weight starts at on the scale, adds in a step, and has for a gradient above it."""

    init: Fraction
    own: Fraction
    gradient: Fraction


def sizes_on_scale(sides: Sides, richness: Fraction) -> ScaleSizes:
    """The sizes at a weight at one point of the richness scale, from what defines it.

    Representations are of order one, f ~ n^-r at init, a layer's own update of its representation
    ~ n^(r - 1/2), and the read-out's of f ~ 1 (Karkada 2024, section 4).
    """
    wide_in, wide_out = sides
    readout = -_HALF - richness
    init = UNIT if not wide_in else -_HALF if wide_out else readout
    return ScaleSizes(init, richness - _HALF, readout) if wide_out else ScaleSizes(init, UNIT, UNIT)


def scale(step: Step, sides: Sequence[Sides], richness: Fraction) -> list[Parameter]:
    """The invariants of every weight at one point of the richness scale."""
    weights: list[Parameter] = []
    for each in sides:
        init, own, gradient = sizes_on_scale(each, richness)
        weights.append(Parameter(init, rate_of(step, own, gradient, each)))
    return weights


def richness_of(size: Size, lazy: Size, rich: Size) -> Fraction | None:
    """The r at which an invariant of the scale is of a size, from what it is at r = 0 and r = 1/2.

    None where it is the same at every r, and of exact zeros.
    """
    if lazy == rich or isinstance(size, Zero) or isinstance(lazy, Zero) or isinstance(rich, Zero):
        return None
    return (size + -lazy) * (_HALF / (rich + -lazy))


def rate_of(step: Step, own: Size, gradient: Size, sides: Sides, source: Fraction = UNIT) -> Size:
    """The rate n^-C by which a layer's own update of what it makes is of the size ``own``.

    ``gradient`` is the size of the gradient there, ``source`` that of the layer's input.
    """
    wide_in, wide_out = sides
    # Every law is a product of powers, so the rate is what a rate of one lacks.
    unit = step(UNIT, source, gradient, int(wide_in) + int(wide_out))
    assert isinstance(unit, Fraction)
    return own + (-source + -unit + -(_ONE if wide_in else UNIT))


def plain_rates(
    family: Law, shape_factor: str | None, sides: Sequence[Sides], richness: Fraction
) -> list[Fraction]:
    """The learning rates of the scale without multipliers: what an effective rate of 1 lacks."""
    found = []
    for weight, (wide_in, wide_out) in zip(scale(family.step, sides, richness), sides, strict=True):
        kappa = family.shape(shape_factor, wide_in, wide_out)
        of_one = family.rate(UNIT, weight.init, UNIT, kappa)
        assert isinstance(of_one, Fraction)
        assert isinstance(weight.rate, Fraction)
        found.append(weight.rate + -of_one)
    return found


def _candidates(weights: Sequence[Parameter], step: Step, sides: Sequence[Sides]) -> set[Fraction]:
    """Every richness that a single change may lead to.

    A single change leaves the read-out's init or the read-in's rate as it is, and either one names
    the richness, in which it is linear; a read-out that starts smaller than on the scale is μP.
    """
    lazy, rich = (scale(step, sides, r) for r in (UNIT, _HALF))
    of_init = richness_of(weights[-1].init, lazy[-1].init, rich[-1].init)
    of_rate = richness_of(weights[0].rate, lazy[0].rate, rich[0].rate)
    return {r for r in (_HALF, of_init, of_rate) if r is not None and 0 <= r <= _HALF}


def _change(
    weights: Sequence[Parameter],
    family: Law,
    sides: Sequence[Sides],
    richness: Fraction,
    groups: Sequence[Hashable],
) -> Change | None:
    wanted = scale(family.step, sides, richness)
    last = len(weights) - 1
    off: list[int] = []
    moves: list[_Move] = []
    for index, (weight, goal) in enumerate(zip(weights, wanted, strict=True)):
        # A read-out that starts smaller than its own update is μP as well.
        spare = index == last and richness == _HALF
        fits = weight.init == goal.init or (spare and weight.init < goal.init)
        if fits and weight.rate == goal.rate:
            continue
        able = list(_moves(weight, goal, family, fits=fits))
        moves = [move for move in moves if move in able] if off else able
        off.append(index)
        if not moves or groups[index] != groups[off[0]]:
            return None
    if not off or (len(off) > 1 and len(off) != groups.count(groups[off[0]])):
        return None
    knob, exponent = moves[0]
    return Change(off[0], knob, exponent, richness, tuple(off))


def _moves(weight: Parameter, goal: Parameter, family: Law, *, fits: bool) -> Iterator[_Move]:
    """What puts one weight on the scale; the init first, where either would do."""
    init, rate = weight
    # A rate that is relative to RMS(W) follows it.
    follows = rate_powers(family).std
    if isinstance(init, Fraction) and isinstance(goal.init, Fraction):
        exponent = goal.init - init
        if exponent and rate + follows * exponent == goal.rate:
            yield INIT, exponent
    if fits and isinstance(rate, Fraction) and isinstance(goal.rate, Fraction):
        yield RATE, goal.rate - rate
