"""What is judged, and what a verdict says: desiderata, regime, limit, richness, gauges, points.

The desiderata are those of Karkada 2024 (arXiv 2404.19719), section 3; the dichotomy is that of
Yang & Hu 2020 (arXiv 2011.14522), Theorem 3.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.exponent import HALF, ZERO
from richc.algebra.sizes import Size, largest
from richc.calculus.loop import Placed
from richc.calculus.ops import Bias, Elementwise, Linear, Step
from richc.calculus.run import Flow, Stage
from richc.words import Regime


class Status(StrEnum):
    """Of a desideratum."""

    HOLDS = "holds"
    VIOLATED = "violated"
    NOT_EVALUATED = "not_evaluated"


class Breach(StrEnum):
    """How a desideratum is broken."""

    #: D0: the stream of a stack grows faster than any power of its depth.
    EXPONENTIAL = "exponential"
    #: D0: a representation, the output at init, or an update is of another order than it should be.
    SIZE = "size"
    OUTPUT = "output"
    UPDATE = "update"
    #: D1: the output's change grows, or vanishes.
    EXPLODES = "explodes"
    STILL = "still"
    #: D2: a representation's update adds nothing to the output's.
    USELESS = "useless"
    #: D3: a weight's update, or the read-out's, is negligible beside the rest.
    WEIGHT = "weight"
    READOUT = "readout"
    #: D3 of a stack: all that the members of a family add together.
    FAMILY = "family"
    #: D4: branches move less than they could.
    LAZY = "lazy"


HOLDS, VIOLATED, NOT_EVALUATED = Status.HOLDS, Status.VIOLATED, Status.NOT_EVALUATED

MIXED = Regime.MIXED

DESIDERATA = ("D0", "D1", "D2", "D3")


POINTS: dict[Fraction, str] = {ZERO: "ntp", HALF: "mup"}


def is_chain(ops: Sequence[Placed]) -> bool:
    """Whether there is nothing but layers, each of which reads the one before it, once."""
    layers = [layer for layer, op in ops if isinstance(op, Linear)]
    is_plain = all(isinstance(op, Linear | Bias | Elementwise) for _, op in ops)
    return is_plain and len(layers) == len(set(layers))


class Network(NamedTuple):
    """What a verdict depends on: the exponents of every layer, and the update law."""

    stages: tuple[Stage, ...]
    #: What it is made of, in order.
    ops: tuple[Placed, ...]
    step: Step
    gauge_power: int
    #: Sizes of multiplier, init std and rate of every weight, in the gauge it is written in.
    written: tuple[tuple[Size, Size, Size], ...]
    #: Whether some layer has an optimizer of its own.
    is_mixed: bool = False


class Violation(NamedTuple):
    """One desideratum broken at one place.

    ``excess`` is by how many powers of n a size is too large (positive) or too small (negative);
    None stands for a size that is exactly zero.
    """

    desideratum: str
    kind: Breach
    layer: int
    of_bias: bool
    excess: Fraction | None
    size: Size
    #: Only because something else explodes: true, and not what has to be mended.
    is_consequence: bool = False


class Verdict(NamedTuple):
    #: (desideratum, status), in order.
    statuses: tuple[tuple[str, Status], ...]
    violations: tuple[Violation, ...]
    flow: Flow
    stable: bool
    #: None where D1 could not be evaluated.
    nontrivial: bool | None
    regime: Regime
    limit: str | None
    richness: Fraction | None
    equivalent_to: str | None
    gauges: tuple[str, ...]
    point: str | None
    #: On the richness scale: the gauge move from the STP gauge, one exponent a layer.
    theta: tuple[Fraction, ...]
    #: How many representations, counted from the input, the first step leaves alone; later ones
    #: do not.
    asleep: int
    #: How many sizes at init are exact, counted from the input: a size that is not of order one
    #: goes through the activation in its own way, unless that is positively homogeneous.
    known_heights: int
    #: For a homogeneous network off the scale whose function trains as one on it: that richness.
    function_richness: Fraction | None
    #: Why something is not decided, as a clause; empty where the sizes say it.
    reason: str = ""
    #: Whether constants add to the power of L of what precedes a stream that grows.
    is_grown: bool = False
    #: The powers of L that branches of L blocks are small by, each once, the smallest first.
    depth_exponents: tuple[Fraction, ...] = ()

    @property
    def is_decided(self) -> bool:
        """Whether powers of the symbols decide the desiderata, or what breaks one."""
        return not self.reason or bool(self.violations)

    @property
    def depth_exponent(self) -> Fraction | None:
        """The one power of L of all branches; None without such, and where branches differ."""
        return self.depth_exponents[0] if len(self.depth_exponents) == 1 else None

    @property
    def passes(self) -> bool:
        return not self.violations

    def status(self, desideratum: str) -> Status:
        return dict(self.statuses)[desideratum]

    @property
    def learning(self) -> tuple[int, ...]:
        """The layers whose own updates move the output by order one."""
        return tuple(
            i for i, at in enumerate(self.flow.later) if largest(at.df, at.bias_df) >= ZERO
        )


def named_gauges(written: Sequence[tuple[Size, Size, Size]]) -> tuple[str, ...]:
    """The named gauges: no multipliers, no layerwise rates, unit weights."""
    return tuple(
        name
        for name, knob in (("stp", 0), ("mup", 2), ("rescaling", 1))
        if all(sizes[knob] == ZERO for sizes in written)
    )


def named_point(richness: Fraction | None, gauges: Sequence[str]) -> str | None:
    """The names of the prism's vertices: docs/theory.md, "Named gauges"."""
    if richness == ZERO:
        return "ntp-lr" if "stp" in gauges else "ntp" if gauges else None
    if richness == HALF:
        names = {"stp": "mup-lr", "mup": "mup", "rescaling": "mfp"}
        return names[gauges[0]] if gauges else None
    return None
