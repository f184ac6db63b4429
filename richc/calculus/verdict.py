"""From sizes to a verdict: desiderata, regime, limit, richness, gauges and named points.

The desiderata are those of Karkada 2024 (arXiv 2404.19719), section 3; the dichotomy is that of
Yang & Hu 2020 (arXiv 2011.14522), Theorem 3.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.exponent import HALF, ZERO
from richc.algebra.sizes import ZERO_SIZE, Size, finite, largest
from richc.calculus.loop import Placed
from richc.calculus.ops import Parameter, Step
from richc.calculus.run import Flow, LayerFlow, Stage, flow
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


class Network(NamedTuple):
    """What a verdict depends on: exponents, the update law, and one property of the activations."""

    stages: tuple[Stage, ...]
    step: Step
    gauge_power: int
    #: Sizes of multiplier, init std and rate of every weight, in the gauge it is written in.
    written: tuple[tuple[Size, Size, Size], ...]
    #: phi(t x) = t phi(x) for all t > 0 in every layer, and no biases.
    homogeneous: bool
    #: What it is made of where it is no chain of the stages; they are its layers all the same.
    ops: tuple[Placed, ...] = ()
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


def judge(network: Network) -> Verdict:
    """Decide everything that the exponents decide."""
    if network.ops:
        from richc.calculus.stack_verdict import judge_stack  # most networks are chains

        return judge_stack(network)
    flows = flow(network.stages, network.step)
    later = flows.later
    at_init = _size_violations(network.stages, flows)
    alive = all(layer.h is not ZERO_SIZE for layer in later[:-1])
    evaluated = not at_init or (network.homogeneous and alive)
    explosions = _update_explosions(later) if evaluated else []
    d1 = _output_violations(later) if evaluated else []
    moves = largest(*(largest(layer.df, layer.bias_df) for layer in later))
    nontrivial = moves >= ZERO if evaluated else None
    d2 = _useless(later) if evaluated and nontrivial else []
    d3 = _negligible(network.stages, later) if evaluated and nontrivial else []
    violations = (*at_init, *explosions, *d1, *d2, *d3)
    statuses = (
        ("D0", VIOLATED if at_init or explosions else HOLDS),
        ("D1", _status(evaluated, d1)),
        ("D2", _status(bool(evaluated and nontrivial), d2)),
        ("D3", _status(bool(evaluated and nontrivial), d3)),
    )
    stable = not at_init and not explosions and moves <= ZERO
    features = any(layer.dh >= ZERO for layer in later[:-1])
    passes = not violations
    on_scale = passes and all(layer.dh == later[0].dh for layer in later[1:-1])
    richness: Fraction | None = finite(later[0].dh + HALF) if on_scale else None
    gauges = named_gauges(network.written) if on_scale else ()
    function_richness = None
    if at_init and evaluated and not network.is_mixed:
        function_richness = _function_richness(network, later)
    return Verdict(
        statuses=statuses,
        violations=violations,
        flow=flows,
        stable=stable,
        nontrivial=nontrivial,
        regime=_regime(stable, nontrivial, passes, richness),
        limit=("feature_learning" if features else "kernel") if stable and nontrivial else None,
        richness=richness,
        equivalent_to=POINTS.get(richness) if richness is not None else None,
        gauges=gauges,
        point=named_point(richness, gauges),
        theta=tuple(-m for m, _, _ in network.written if isinstance(m, Fraction))
        if on_scale
        else (),
        asleep=sum(layer.reach < ZERO for layer in flows.first[:-1]) if passes else 0,
        known_heights=_known_heights(later, evaluated),
        function_richness=function_richness,
    )


def _status(evaluated: bool, violations: Sequence[Violation]) -> Status:
    if not evaluated:
        return NOT_EVALUATED
    return VIOLATED if violations else HOLDS


def _size_violations(stages: Sequence[Stage], flows: Flow) -> list[Violation]:
    """D0 at init, each at the layer whose own init is the cause."""
    found: list[Violation] = []
    source: Size = ZERO
    *hidden, output = flows.later
    for index, (stage, layer) in enumerate(zip(stages, hidden, strict=False)):
        if layer.h not in (ZERO, source):
            of_bias = stage.bias is not None and stage.bias.init == layer.h and layer.h > ZERO
            excess = layer.h if of_bias or not isinstance(source, Fraction) else layer.h + -source
            found.append(Violation("D0", Breach.SIZE, index, of_bias, finite(excess), layer.h))
        source = layer.h
    readout = stages[-1]
    if output.h > ZERO and (not found or readout.weight.init + HALF > ZERO):
        of_bias = readout.bias is not None and readout.bias.init == output.h
        last = len(stages) - 1
        found.append(Violation("D0", Breach.OUTPUT, last, of_bias, finite(output.h), output.h))
    return found


def _known_heights(later: Sequence[LayerFlow], evaluated: bool) -> int:
    if evaluated:
        return len(later)
    return next(index for index, layer in enumerate(later, start=1) if layer.h != ZERO)


def _update_explosions(later: Sequence[LayerFlow]) -> list[Violation]:
    """D0 after updates, at the layers whose own update explodes."""
    found: list[Violation] = []
    for index, layer in enumerate(later[:-1]):
        for of_bias, own in ((False, layer.own), (True, layer.bias_own)):
            if own > ZERO:
                found.append(Violation("D0", Breach.UPDATE, index, of_bias, finite(own), own))
    return found


def _output_violations(later: Sequence[LayerFlow]) -> list[Violation]:
    """D1: every layer that makes the output explode, or the whole network when nothing moves."""
    found: list[Violation] = []
    moves: Size = ZERO_SIZE
    for index, layer in enumerate(later):
        for of_bias, df in ((False, layer.df), (True, layer.bias_df)):
            if df > ZERO:
                found.append(Violation("D1", Breach.EXPLODES, index, of_bias, finite(df), df))
            moves = largest(moves, df)
    if moves < ZERO:
        found.append(Violation("D1", Breach.STILL, len(later) - 1, False, finite(moves), moves))
    return found


def _useless(later: Sequence[LayerFlow]) -> list[Violation]:
    """D2: representations whose update adds nothing to the output's change."""
    return [
        Violation("D2", Breach.USELESS, index, False, finite(layer.reach), layer.reach)
        for index, layer in enumerate(later[:-1])
        if layer.reach < ZERO
    ]


def _negligible(stages: Sequence[Stage], later: Sequence[LayerFlow]) -> list[Violation]:
    """D3: weights whose update vanishes beside the rest of the update that follows.

    Beside an update that explodes, that is a consequence: to be mended where the explosion is.
    """
    found: list[Violation] = []
    last = len(later) - 1
    below: Size = ZERO_SIZE
    for index, (stage, layer) in enumerate(zip(stages, later, strict=True)):
        explodes = layer.dh > ZERO or layer.reach > ZERO
        whole = layer.dh
        if 0 < index < last and layer.gain > HALF + stage.weight.init:
            # What the weight's own update carries is no rest beside it.
            carried = below + HALF + stage.weight.init
            whole = largest(layer.own, layer.bias_own, carried)
        below = layer.dh
        for of_bias, own in ((False, layer.own), (True, layer.bias_own)):
            # A bias that is not there has nothing to add.
            if own < whole and not (of_bias and own is ZERO_SIZE):
                gap = own + -whole if isinstance(whole, Fraction) else own
                kind = Breach.READOUT if index == last else Breach.WEIGHT
                found.append(Violation("D3", kind, index, of_bias, finite(gap), own, explodes))
    return found


def _regime(
    stable: bool, nontrivial: bool | None, passes: bool, richness: Fraction | None
) -> Regime:
    if not stable:
        return Regime.UNSTABLE
    if not nontrivial:
        return Regime.TRIVIAL
    if richness is None:
        return MIXED if passes else Regime.PARTIAL
    return Regime.RICH if richness == HALF else Regime.LAZY


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


def _function_richness(network: Network, later: Sequence[LayerFlow]) -> Fraction | None:
    """Rescale the layers of a homogeneous network until every representation is of order one.

    Layer l times t_l with the product of all t_l equal to 1 leaves the function alone, and its
    training too when the rate goes along; so the verdict on the rescaled network is a verdict on
    the function.
    """
    power = network.gauge_power if network.gauge_power == 2 else 1
    stages: list[Stage] = []
    product: Fraction = ZERO
    source: Size = ZERO
    for stage, layer in zip(network.stages, later, strict=True):
        if stage.wide_out:
            change = source + -layer.h if isinstance(layer.h, Fraction) else ZERO
            assert isinstance(change, Fraction)
            product += change
        else:
            change = -product
        init, rate = stage.weight
        stages.append(stage._replace(weight=Parameter(init + change, rate + power * change)))
        source = layer.h
    rescaled = judge(network._replace(stages=tuple(stages), homogeneous=False))
    return rescaled.richness
