"""Where the best learning rate goes as the width, or the depth, grows.

The largest rate at which no update explodes is the one at which the largest of them is of order
one: a multiple n^x of the file's rates.  x is zero where the desiderata hold (Yang et al. 2022,
arXiv 2203.03466, section 4: then the best rate carries over); PyTorch's parameterization under SGD
has x = -1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.exponent import ZERO
from richc.algebra.joint import Joint, depth_of, width_of
from richc.algebra.sizes import Size, Zero
from richc.calculus.desiderata import decide
from richc.calculus.loop import Placed
from richc.calculus.ops import Bias, Gain, Linear, Op
from richc.calculus.residual import Residual
from richc.calculus.run import Representation
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


def rate_drift(network: Network, symbol: str = "n", *, forgives_outputs: bool) -> Drift | None:
    """The drift of the best rate in n or L.

    None where nothing moves, that is not decided, or there are too many layers.

    ``forgives_outputs``: a network still trains while its outputs grow, as long as its
    representations do not: under a cross-entropy, whose gradient is bounded, or with an optimizer
    whose updates ignore the size of their gradient.  An output that overshoots makes no later
    update larger.  How far that goes, exponents do not say.
    """
    if len(network.stages) > _MOST_LAYERS:
        return None
    strict = _root(network, symbol, _updates)
    if strict is None:
        return None
    loose = _root(network, symbol, _of_representation) if forgives_outputs else None
    return Drift(strict, strict if loose is None else max(strict, loose))


#: By how much the updates at a representation are larger than they may be.
_Excesses = Callable[[Representation], Iterator[Size]]


def _of_representation(value: Representation) -> Iterator[Size]:
    change, most = value.at.change, value.most
    if value.is_bounded and not isinstance(most, Zero):
        yield change + -most


def _updates(value: Representation) -> Iterator[Size]:
    yield from _of_representation(value)
    yield from (share for _, share in value.shares)


def _root(network: Network, symbol: str, excesses: _Excesses) -> Fraction | None:
    """The x at which the largest update is as large as it may be; the other symbol stays."""
    power = depth_of if symbol == "L" else width_of

    def at(x: Fraction) -> Fraction | None:
        change = Joint(0, x) if symbol == "L" else x
        found = decide(_faster(network.ops, change), network.step)
        if not found.is_evaluated:
            return None
        sizes = (size for value in found.values for size in excesses(value))
        return max((power(size) for size in sizes if isinstance(size, Fraction)), default=None)

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


def _faster(ops: Sequence[Placed], change: Fraction) -> tuple[Placed, ...]:
    """The ops, with rates n^x as large, or L^x."""
    return tuple((layer, _changed(op, change)) for layer, op in ops)


def _changed(op: Op, change: Fraction) -> Op:
    if isinstance(op, Linear):
        return op._replace(weight=op.weight._replace(rate=op.weight.rate + change))
    if isinstance(op, Bias):
        return op._replace(bias=op.bias._replace(rate=op.bias.rate + change))
    if isinstance(op, Gain):
        return op._replace(gain=op.gain._replace(rate=op.gain.rate + change))
    if isinstance(op, Residual):
        branches = (b._replace(ops=_faster(b.ops, change)) for b in op.branches)
        return op._replace(branches=tuple(branches))
    return op
