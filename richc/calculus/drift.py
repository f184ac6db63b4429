"""Where the best learning rate goes as the width grows.

The largest rate at which no update explodes is the one at which the largest of them is of order
one: a multiple n^x of the file's rates.  x is zero where the desiderata hold (Yang et al. 2022,
arXiv 2203.03466, section 4: then the best rate carries over); PyTorch's parameterization under SGD
has x = -1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.exponent import ZERO
from richc.algebra.sizes import Size, largest
from richc.calculus.run import Flow, LayerFlow, Stage, flow
from richc.calculus.verdict import Network

#: Products of updates are of no higher degree in the rate than there are layers.
_MOST_LAYERS = 200
#: Finds the slope of a piecewise linear function of exponents whose denominators are small.
_EPSILON = Fraction(1, 10**9)


class Drift(NamedTuple):
    """The best rate goes as n^x, with ``low`` <= x <= ``high``."""

    low: Fraction
    high: Fraction

    def nearest(self, exponent: float) -> float:
        """The predicted exponent that is nearest to a measured one."""
        return min(max(exponent, float(self.low)), float(self.high))

    def distance(self, exponent: float) -> float:
        """How far a measured exponent lies outside."""
        return abs(exponent - self.nearest(exponent))


def rate_drift(network: Network, *, forgives_outputs: bool) -> Drift | None:
    """The drift of the best rate; None where nothing moves or there are too many layers.

    ``forgives_outputs``: a network still trains while its outputs grow, as long as its
    representations do not: under a cross-entropy, whose gradient is bounded, or with an optimizer
    whose updates ignore the size of their gradient.  An output that overshoots makes no later
    update larger.  How far that goes, exponents do not say.
    """
    if len(network.stages) > _MOST_LAYERS:
        return None
    strict = _root(network, _largest_update)
    if strict is None:
        return None
    loose = _root(network, _largest_representation) if forgives_outputs else None
    return Drift(strict, strict if loose is None else max(strict, loose))


def _largest_update(flows: Flow) -> Size:
    return largest(
        _largest_representation(flows),
        *(largest(layer.df, layer.bias_df) for layer in (*flows.first, *flows.later)),
    )


def _largest_representation(flows: Flow) -> Size:
    hidden: Sequence[LayerFlow] = (*flows.first[:-1], *flows.later[:-1])
    return largest(*(layer.dh for layer in hidden))


def _root(network: Network, size: Callable[[Flow], Size]) -> Fraction | None:
    """The x at which the largest size is of order one."""

    def at(x: Fraction) -> Fraction | None:
        found = size(flow([_faster(stage, x) for stage in network.stages], network.step))
        return found if isinstance(found, Fraction) else None

    return root(at, 4 * len(network.stages) + 8)


def root(at: Callable[[Fraction], Fraction | None], most: int) -> Fraction | None:
    """The zero of a largest of terms that are linear in x, by at most so many of Newton's steps.

    That is convex, so that from above every step stops at the zero or short of it, and after as
    many as there are slopes it is exact.  None where no term depends on x, or there is none.
    """
    x = Fraction(ZERO)
    for _ in range(most):
        value, beyond = at(x), at(x + _EPSILON)
        if value is None or beyond is None or beyond == value:
            return None
        if value == 0:
            return x
        x -= value * _EPSILON / (beyond - value)
    return None


def _faster(stage: Stage, x: Fraction) -> Stage:
    """The stage, with rates n^x as large."""
    bias = stage.bias
    return stage._replace(
        weight=stage.weight._replace(rate=stage.weight.rate + x),
        bias=None if bias is None else bias._replace(rate=bias.rate + x),
    )
