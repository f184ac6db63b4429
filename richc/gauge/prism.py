"""The prism: the richness scale of one optimizer in parameterization space, and how it is drawn.

Richness is its length; at every richness the named gauges are the corners of a triangle.  Which
of them meet, and where, follows from the update law: under SGD the μP and the rescaling gauges are
one at r = 0, so that the prism is a wedge; where a gauge move leaves rates alone there is no μP
gauge, so that it is a strip.  Incidences are exact; lengths and angles of the drawing mean nothing
but the richness.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.exponent import HALF, ZERO
from richc.calculus.nearest import Sides, plain_rates, scale
from richc.optimizers.law import Law
from richc.spec.model import Model

#: The exponents of theta, one a layer: a gauge move from the gauge without multipliers.
Theta = tuple[Fraction, ...]

#: Gauge -> its share in a mixture of the named gauges; shares are positive and sum to 1.
Shares = tuple[tuple[str, Fraction], ...]

#: In the drawing: x is 0 to 1 along the richness axis, y is 0 to 1 from STP to rescaling.
Point = tuple[Fraction, Fraction]

_STP: Point = (Fraction(0), Fraction(0))
_RESCALING: Point = (Fraction(0), Fraction(1))
#: Nearer to the eye than the other two.
_MUP: Point = (Fraction(1, 6), Fraction(2, 5))

_ENDS = (Fraction(ZERO), Fraction(HALF))


class Prism(NamedTuple):
    """Equal for models that one drawing can hold."""

    #: Of the optimizer: one for all that share an update law.
    family: str
    #: The optimizer's shape factor.
    shape: str | None
    #: There is no layer between read-in and read-out, and that makes a difference.
    is_shallow: bool
    has_mup: bool
    #: At r = 0 and r = 1/2, where the μP gauge is on the line from STP (0) to rescaling (1).
    #: None where it is off that line, and a corner of its own.
    on_line: tuple[Fraction | None, Fraction | None]

    @property
    def gauges(self) -> tuple[str, ...]:
        return ("stp", "mup", "rescaling") if self.has_mup else ("stp", "rescaling")

    def vertex(self, gauge: str, end: int) -> Point:
        """Where a named gauge is drawn at r = 0 (``end`` 0) and r = 1/2 (``end`` 1)."""
        x, y = {"stp": _STP, "mup": _MUP, "rescaling": _RESCALING}[gauge]
        meets = self.on_line[end]
        if gauge == "mup" and meets is not None:
            x, y = Fraction(0), meets
        return x + end, y

    def corner(self, gauge: str, richness: Fraction) -> Point:
        """Where a named gauge is drawn at any richness: named gauges are linear in it."""
        at = 2 * richness
        (x0, y0), (x1, y1) = self.vertex(gauge, 0), self.vertex(gauge, 1)
        return x0 + at * (x1 - x0), y0 + at * (y1 - y0)

    def point(self, richness: Fraction, shares: Shares) -> Point:
        """Where a mixture of named gauges is drawn."""
        corners = [(self.corner(gauge, richness), share) for gauge, share in shares]
        return (
            sum((share * x for (x, _), share in corners), Fraction(0)),
            sum((share * y for (_, y), share in corners), Fraction(0)),
        )


def prism(model: Model, sides: Sequence[Sides]) -> Prism:
    """The prism of a model's optimizer and layers."""
    family, shape = model.optimizer.law, model.optimizer.shape_factor
    deep = ((False, True), (True, True), (True, False))
    shallow = tuple(dict.fromkeys(sides))
    on_line, usual = (_on_line(family, shape, some) for some in (shallow, deep))
    return Prism(
        family=family.family,
        shape=shape,
        is_shallow=on_line != usual,
        has_mup=bool(family.gauge_power),
        on_line=on_line,
    )


def _on_line(
    family: Law, shape: str | None, sides: Sequence[Sides]
) -> tuple[Fraction | None, Fraction | None]:
    lazy, rich = (_meeting(family, shape, sides, end) for end in _ENDS)
    return lazy, rich


def _meeting(
    family: Law, shape: str | None, sides: Sequence[Sides], richness: Fraction
) -> Fraction | None:
    """Where the μP gauge is on the line from STP to rescaling, None where it is off it."""
    if not family.gauge_power:
        return None
    mup: list[Fraction] = []
    rescaling: list[Fraction] = []
    rates = plain_rates(family, shape, sides, richness)
    for lr, (init, _) in zip(rates, scale(family.step, sides, richness), strict=True):
        rescaling.append(-_finite(init))
        mup.append(-Fraction(lr) / family.gauge_power)
    share = dot(mup, rescaling, sides) / dot(rescaling, rescaling, sides)
    on_line = all(m == share * r for m, r in zip(mup, rescaling, strict=True))
    return share if on_line else None


def dot(one: Sequence[Fraction], other: Sequence[Fraction], sides: Sequence[Sides]) -> Fraction:
    """A product of vectors in which read-in, hidden layers together, and read-out count alike.

    So what is the same in every hidden layer does not depend on their number.
    """
    counts = {side: sides.count(side) for side in dict.fromkeys(sides)}
    products = (x * y / counts[side] for x, y, side in zip(one, other, sides, strict=True))
    return sum(products, Fraction(0))


def _finite(size: object) -> Fraction:
    assert isinstance(size, Fraction)
    return Fraction(size)
