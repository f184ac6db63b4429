"""Networks of tests as data: what stacks.json holds, as ops of the calculus.

Ops in order.  ``embed``, ``dense`` and ``bias`` have a multiplier n^-a0 L^-a1, an init std
n^-b0 L^-b1 and a rate n^-c0 L^-c1, each a number (a power of n) or a pair; "inf" is a zero init or
a frozen tensor.  ``in`` and ``out``: "n" grows with the width, "1" does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from richc.activations import NONLINEARITIES
from richc.algebra.joint import Joint
from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.loop import Placed
from richc.calculus.ops import (
    FIXED,
    WIDE,
    Bias,
    Elementwise,
    Gain,
    Linear,
    Norm,
    Parameter,
)
from richc.calculus.residual import DEPTH, Branch, Residual
from richc.optimizers import law
from richc.optimizers.law import Law


def size(power: Any) -> Size:
    """n^-power, or n^-x L^-y for a pair."""
    if power == "inf":
        return ZERO_SIZE
    width, depth = power if isinstance(power, list) else (power, 0)
    return -Joint(Fraction(str(width)), Fraction(str(depth)))


def parameter(op: dict[str, Any], family: Law) -> Parameter:
    scale, std, rate = (size(op.get(knob, 0)) for knob in "abc")
    if rate is not ZERO_SIZE:
        rate = family.rate(scale, std, rate, Joint(0, 0))
    return Parameter(scale + std, rate)


class Network:
    """The ops of a network, and the names of its layers in their order."""

    def __init__(self, net: dict[str, Any]) -> None:
        self.family = law(net["opt"])
        # What is no matrix is another optimizer's.
        self.of_vectors = law("adam") if net["opt"] == "muon" else self.family
        self.names: list[str] = []
        self.ops = tuple(self._ops(net["ops"]))

    def _ops(self, ops: Sequence[dict[str, Any]]) -> Iterator[Placed]:
        for op in ops:
            kind = op["op"]
            if kind != "act" or not self.names:
                self.names.append(op.get("name", kind))
            layer = len(self.names) - 1
            out = FIXED if op.get("out") == "1" else WIDE
            if kind in ("embed", "dense"):
                fan_in = WIDE if op.get("in") == "n" else FIXED
                yield layer, Linear(parameter(op, self.family), fan_in, out)
            elif kind == "bias":
                yield layer, Bias(parameter(op, self.of_vectors), out, self.of_vectors.step)
            elif kind == "act":
                yield layer, Elementwise.of(NONLINEARITIES[op["kind"]])
            elif kind == "norm":
                # eps is written as a power of its own sign.
                eps = -size(op["eps"]) if "eps" in op else ZERO_SIZE
                yield layer, Norm(op.get("mean", False), eps)
                if "gain" in op:
                    gain = parameter(op["gain"], self.of_vectors)
                    yield layer, Gain(gain, WIDE, self.of_vectors.step)
            else:
                yield from ((layer, block) for block in self._blocks(op))

    def _blocks(self, op: dict[str, Any]) -> Iterator[Residual]:
        """One for all where the number grows, else one after the other."""
        branches = tuple(
            Branch(tuple(self._ops(branch["ops"])), size(branch.get("a", 0)))
            for branch in op["branches"]
        )
        grows = op["repeat"] == "L"
        block = Residual(
            branches,
            DEPTH if grows else FIXED,
            size(op.get("skip", 0)),
            op.get("post_norm", False),
            op.get("shared", False),
        )
        for _ in range(1 if grows else int(op["repeat"])):
            yield block
