"""Where a model is in parameterization space: exact, in fractions.

On the richness scale a place is a richness and a gauge.  The gauge is one exponent theta a layer,
and it is given as a mixture of the named gauges: the nearest one, by least squares over read-in,
hidden layers and read-out, in the triangle that they span at that richness.  A named gauge is a
corner of it; what is left of theta beside the mixture is ``distance``.

Off the scale there is no gauge to speak of.  A place is then the richness whose gauge invariants A
and C (Karkada 2024, arXiv 2404.19719, section 4) are nearest, which may lie beyond the ends of the
scale, and by how many powers of n the gravest violation is off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

from richc.algebra.exponent import HALF, ZERO
from richc.calculus.nearest import Sides, scale
from richc.calculus.verdict import DESIDERATA, VIOLATED, Breach, Network, Verdict
from richc.gauge.prism import Prism, Shares, Theta, dot, prism
from richc.optimizers.law import Law
from richc.spec.model import Model


class Place(NamedTuple):
    """A model on the map."""

    prism: Prism
    #: On the scale the model's own; off it the nearest, which may lie beyond 0 and 1/2.
    richness: Fraction
    #: The desiderata that it breaks; none on the scale, and none of a mixed model.
    violated: tuple[str, ...]
    #: The nearest mixture of named gauges; empty off the scale.
    shares: Shares
    #: The largest difference of an exponent theta from that mixture's.
    distance: Fraction
    #: Whether the gauge is that mixture, in every layer.
    is_exact: bool
    #: Off the scale: the largest power of n by which a size is off, or by which the updates of a
    #: mixed model differ; None for one that is zero.
    excess: Fraction | None
    #: On the scale, of a model with as many blocks as its depth: the one power of L that their
    #: branches are small by, from 1/2 (Depth-μP) to 1 (CompleteP).
    depth: Fraction | None = None
    #: A size grows faster than any power; ``excess`` is None then.
    is_exponential: bool = False

    @property
    def on_scale(self) -> bool:
        return bool(self.shares)

    @property
    def named(self) -> str | None:
        """The named gauge that it is drawn at."""
        return self.shares[0][0] if len(self.shares) == 1 else None


def place(model: Model, network: Network, verdict: Verdict) -> Place:
    """Where a judged model is, at its declared richness."""
    if not model.is_chain:
        # A norm's gain has no multiplier, and so no gauge.
        kept = [i for i, layer in enumerate(model.layers) if not layer.kind.is_norm]
        network = network._replace(
            stages=tuple(network.stages[i] for i in kept),
            written=tuple(network.written[i] for i in kept),
        )
    sides = [(stage.wide_in, stage.wide_out) for stage in network.stages]
    where = prism(model, sides)
    violated = tuple(d for d in DESIDERATA if verdict.status(d) == VIOLATED)
    if verdict.richness is None:
        sizes = [violation.excess for violation in verdict.violations]
        if not sizes:
            sizes = [_spread(verdict)]
        finite = [abs(Fraction(size)) for size in sizes if size is not None]
        excess = max(finite) if len(finite) == len(sizes) else None
        near = _nearest_richness(model.optimizer.law, network, sides)
        exponential = any(v.kind == Breach.EXPONENTIAL for v in verdict.violations)
        return Place(
            where, near, violated, (), Fraction(0), False, excess, is_exponential=exponential
        )
    richness = Fraction(verdict.richness)
    # Rates that no gauge moves may be constant, and are so in every gauge then: no μP corner.
    named = [gauge for gauge in verdict.gauges if gauge in where.gauges]
    if named:
        # In several at once, the first names the point.
        shares: Shares = ((named[0], Fraction(1)),)
        return Place(where, richness, (), shares, Fraction(0), True, None, verdict.depth_exponent)
    shares, distance, is_whole = _mixture(network, sides)
    is_exact = is_whole and not distance
    return Place(where, richness, (), shares, distance, is_exact, None, verdict.depth_exponent)


def _spread(verdict: Verdict) -> Fraction:
    """By how much the updates of representations differ, of a model that passes."""
    updates = [at.dh for at in verdict.flow.later[:-1] if isinstance(at.dh, Fraction)]
    return max(updates) + -min(updates) if updates else Fraction(0)


def _mixture(network: Network, sides: Sequence[Sides]) -> tuple[Shares, Fraction, bool]:
    """The nearest mixture, how far off it is, and whether every layer has its say in it."""
    counted: list[int] = []
    theta: list[Fraction] = []
    corners: dict[str, list[Fraction]] = {"stp": [], "mup": [], "rescaling": []}
    for index, (multiplier, std, rate) in enumerate(network.written):
        if not isinstance(multiplier, Fraction) or not isinstance(std, Fraction):
            continue
        if network.gauge_power and not isinstance(rate, Fraction):
            continue
        counted.append(index)
        a, b = -Fraction(multiplier), -Fraction(std)
        theta.append(a)
        # A move by t makes these a + t, b - t and c - k t: docs/theory.md, "Gauge invariants".
        corners["stp"].append(Fraction(0))
        corners["rescaling"].append(a + b)
        if network.gauge_power and isinstance(rate, Fraction):
            corners["mup"].append(a - Fraction(rate) / network.gauge_power)
    named = {name: tuple(corner) for name, corner in corners.items() if corner}
    if not counted:
        return (("stp", Fraction(1)),), Fraction(0), False
    shares = nearest_mixture(tuple(theta), named, [sides[index] for index in counted])
    mixed = _mixed(named, shares)
    distance = max(abs(x - y) for x, y in zip(theta, mixed, strict=True))
    return shares, distance, len(counted) == len(sides)


def nearest_mixture(theta: Theta, corners: dict[str, Theta], sides: Sequence[Sides]) -> Shares:
    """The point nearest to theta in the corners' convex hull; of fewest corners, where tied."""
    best: tuple[Fraction, Shares] | None = None
    for count in range(1, len(corners) + 1):
        for some in combinations(corners, count):
            shares = _projection(theta, {name: corners[name] for name in some}, sides)
            if shares is None:
                continue
            rest = [x - y for x, y in zip(theta, _mixed(corners, shares), strict=True)]
            distance = dot(rest, rest, sides)
            if best is None or distance < best[0]:
                best = distance, shares
    assert best is not None
    return best[1]


def _projection(theta: Theta, corners: dict[str, Theta], sides: Sequence[Sides]) -> Shares | None:
    """The nearest point of the plane through one to three corners, None where it is outside."""
    (first, origin), *others = corners.items()
    ways = [_difference(corner, origin) for _, corner in others]
    goal = _difference(theta, origin)
    gram = [[dot(one, other, sides) for other in ways] for one in ways]
    right = [dot(way, goal, sides) for way in ways]
    solved = _solve(gram, right)
    if solved is None or any(share <= 0 for share in solved) or sum(solved) > 1:
        return None
    shares = {first: 1 - sum(solved, Fraction(0))}
    shares |= dict(zip((name for name, _ in others), solved, strict=True))
    return tuple((name, share) for name, share in shares.items() if share)


def _solve(gram: Sequence[Sequence[Fraction]], right: Sequence[Fraction]) -> list[Fraction] | None:
    """Up to two equations by Cramer's rule, None where they are not independent."""
    if not right:
        return []
    if len(right) == 1:
        return [right[0] / gram[0][0]] if gram[0][0] else None
    (a, b), (c, d) = gram
    determinant = a * d - b * c
    if not determinant:
        return None
    x, y = right
    return [(x * d - b * y) / determinant, (a * y - c * x) / determinant]


def _difference(one: Iterable[Fraction], other: Iterable[Fraction]) -> Theta:
    return tuple(x - y for x, y in zip(one, other, strict=True))


def _mixed(corners: dict[str, Theta], shares: Shares) -> Theta:
    columns = zip(*([share * x for x in corners[name]] for name, share in shares), strict=True)
    return tuple(sum(column, Fraction(0)) for column in columns)


def _nearest_richness(family: Law, network: Network, sides: Sequence[Sides]) -> Fraction:
    """Where the invariants that are finite differ least from the scale's, added up.

    A sum of differences, not of squares, so that one wrong exponent moves nothing.  0 where no
    invariant says anything, and the lazier of two that are equally near.
    """
    lazy, rich = (scale(family.step, sides, r) for r in (ZERO, HALF))
    count = {side: sides.count(side) for side in set(sides)}
    #: The difference is offset + slope * r, and counts so much.
    differences: list[tuple[Fraction, Fraction, Fraction]] = []
    for stage, low, high, side in zip(network.stages, lazy, rich, sides, strict=True):
        for size, start, end in zip(stage.weight, low, high, strict=True):
            assert isinstance(start, Fraction)
            assert isinstance(end, Fraction)
            if isinstance(size, Fraction) and start != end:
                counts = Fraction(1, count[side])
                differences.append((Fraction(start - size), 2 * Fraction(end - start), counts))

    def total(richness: Fraction) -> Fraction:
        terms = (counts * abs(at + slope * richness) for at, slope, counts in differences)
        return sum(terms, Fraction(0))

    # A sum of such terms is least where one of them vanishes.
    candidates = {-at / slope for at, slope, _ in differences}
    return min(sorted(candidates), key=total, default=Fraction(0))
