"""Where the best learning rate of a network with blocks goes as its width, or its depth, grows.

As for chains (richc.calculus.drift): the largest rate at which no update explodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from richc.algebra.joint import Joint, depth_of, width_of
from richc.algebra.sizes import Size
from richc.calculus.drift import Drift, root
from richc.calculus.loop import Placed
from richc.calculus.ops import Bias, Gain, Linear, Op
from richc.calculus.residual import Residual
from richc.calculus.stack import judge, summaries
from richc.calculus.verdict import Breach, Network

#: Slopes of the largest update as a function of the rate's exponent, at most.
_MOST_STEPS = 60


def stack_drift(network: Network, symbol: str) -> Drift | None:
    """The drift in n or L; None where nothing moves, or that is not decided."""
    power = depth_of if symbol == "L" else width_of

    def at(x: Fraction) -> Fraction | None:
        found = _updates(network, Joint(0, x) if symbol == "L" else x)
        # The other symbol stays.
        return max((power(size) for size in found if isinstance(size, Fraction)), default=None)

    x = root(at, _MOST_STEPS)
    return None if x is None else Drift(x, x)


def _updates(network: Network, change: Fraction) -> list[Size]:
    """What each update does to the output, and by how much those explode that do, at such rates."""
    found = judge(_faster(network.ops, change), network.step)
    if not found.values or found.reason:
        return []
    over = [f.excess for f in found.faults if f.kind in (Breach.UPDATE, Breach.EXPLODES)]
    return [
        *over,
        *(size for at in summaries(found.values).values() for size in (at.df, at.bias_df)),
    ]


def _faster(ops: Sequence[Placed], change: Fraction) -> tuple[Placed, ...]:
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
