"""From a network to its verdict: desiderata, regime, limit, richness, gauges and named points.

The dichotomy of limits is that of Yang & Hu 2020 (arXiv 2011.14522), Theorem 3.8.  The richness of
a network with blocks is that of its stream: what moves inside of a branch may be larger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from richc.algebra.exponent import HALF, ONE, ZERO, exact
from richc.algebra.joint import depth_of, width_of
from richc.algebra.sizes import Size, finite, largest
from richc.calculus.desiderata import Decided, decide
from richc.calculus.ops import Elementwise, Linear, Parameter, Site, every
from richc.calculus.residual import Residual
from richc.calculus.run import NOTHING, Flow, LayerFlow, Representation, Stage, placed
from richc.calculus.verdict import (
    DESIDERATA,
    MIXED,
    POINTS,
    Breach,
    Network,
    Verdict,
    Violation,
    is_chain,
    named_gauges,
    named_point,
)
from richc.words import Regime


def judge(network: Network) -> Verdict:
    """Decide everything that the exponents decide."""
    found = decide(network.ops, network.step)
    evaluated = found.is_evaluated
    violations = _with_a_cause(found.violations)
    kinds = {violation.kind for violation in violations}
    stable = evaluated and Breach.EXPLODES not in kinds
    stable = stable and all(v.desideratum != "D0" for v in violations)
    nontrivial = Breach.STILL not in kinds if evaluated else None
    powers = _movement(found)
    passes = _passes(found)
    richness = _richness(found, powers)
    features = any(power >= ZERO for power in powers)
    written = _written(network, found) if richness is not None else []
    gauges = named_gauges(written) if richness is not None else ()
    flows = Flow(_flow(network, found.first), _flow(network, found.later))
    is_plain = is_chain(network.ops)
    function_richness = None
    is_off = Breach.SIZE in kinds or Breach.OUTPUT in kinds
    if is_off and evaluated and is_plain and not network.is_mixed:
        function_richness = _function_richness(network, flows.later)
    return Verdict(
        statuses=tuple(found.statuses.items()),
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
        theta=tuple(-m for m, _, _ in written if isinstance(m, Fraction)) if is_plain else (),
        asleep=sum(at.reach < ZERO for at in flows.first[:-1]) if passes and is_plain else 0,
        known_heights=_known_heights(found, len(network.stages)),
        function_richness=function_richness,
        reason=found.reason,
        is_grown=any(map(_is_grown, _regions(found.sites))) if evaluated else False,
        depth_exponents=depth_exponents(found.sites) if evaluated else (),
    )


def _written(network: Network, found: Decided) -> list[tuple[Size, Size, Size]]:
    """What gauges are made of; a norm's gain has no multiplier, and so no gauge."""
    weights = {site.layer for site in every(found.sites) if isinstance(site.op, Linear)}
    return [network.written[index] for index in sorted(weights)]


def _passes(found: Decided) -> bool:
    """Whether D0 to D3 hold."""
    return found.is_evaluated and not any(v.desideratum in DESIDERATA for v in found.violations)


def _movement(found: Decided) -> list[Fraction]:
    """The powers of n by which representations move, as far as they are known."""
    moved = changes(found.values) if found.is_evaluated else ()
    return [exact(width_of(size)) for size in moved if isinstance(size, Fraction)]


def _richness(found: Decided, powers: Sequence[Fraction]) -> Fraction | None:
    """That of all representations, of a network that passes; None where they differ."""
    is_one = bool(powers) and all(power == powers[0] for power in powers)
    return powers[0] + HALF if is_one and _passes(found) else None


def _with_a_cause(violations: tuple[Violation, ...]) -> tuple[Violation, ...]:
    """The violations; all of them where the cause is none by itself.

    A stream of a size that only norms read is free, and what reads it otherwise is off.
    """
    if not all(violation.is_consequence for violation in violations):
        return violations
    return tuple(
        v._replace(is_consequence=False, excess=v.excess or finite(v.size)) for v in violations
    )


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


def _known_heights(found: Decided, layers: int) -> int:
    if found.is_evaluated:
        return layers
    if not found.values:
        return 0
    off = (v.layer for v in found.violations if v.kind == Breach.SIZE)
    return min(off, default=layers - 1) + 1


def _flow(network: Network, known: Mapping[int, LayerFlow]) -> tuple[LayerFlow, ...]:
    return tuple(known.get(index, NOTHING) for index in range(len(network.stages)))


def _is_grown(site: Site) -> bool:
    """Whether a stream grows with the depth through branches that are not homogeneous.

    What precedes it is then off by a power of L that constants decide (docs/theory.md, "Residual
    stacks and depth").
    """
    ops = [at.op for inner in site.inner for at in inner]
    is_rigid = all(op.is_homogeneous for op in ops if isinstance(op, Elementwise))
    return site.height > site.source and not is_rigid


def changes(values: Sequence[Representation]) -> Iterator[Size]:
    """How much the representations outside of branches move, those that only norms read by share.

    The last is the stream, as the read-out reads it.
    """
    for value in values:
        if value.region is None and not value.is_output:
            at = value.at
            is_share = value.is_normed and isinstance(at.height, Fraction)
            yield at.change + -at.height if is_share else at.change


def depth_exponents(sites: Sequence[Site]) -> tuple[Fraction, ...]:
    """The powers of L that the branches of L blocks are small by, beside their stream.

    Each once, the smallest first; from 1 on all of them are one point, and the smallest stands for
    them.

    A branch that is smaller at init than what its updates make it trains as if it were as large
    as they do (docs/theory.md, "Residual stacks and depth").
    """
    powers: list[Fraction] = []
    for site in _regions(sites):
        op = site.op
        assert isinstance(op, Residual)
        for branch, inner in zip(op.branches, site.inner, strict=True):
            size = inner[-1].height + branch.multiplier
            moved = inner[-1].coherent + branch.multiplier
            reached = largest(size, moved)
            # Before a norm, the stream is as large as what the norm divides by.
            stream = site.height + site.divisor
            if isinstance(reached, Fraction) and isinstance(stream, Fraction):
                powers.append(-depth_of(reached + -stream))
    lazy = {power for power in powers if power < ONE}
    others = powers and max(powers) >= ONE
    return (*sorted(lazy), *([min(power for power in powers if power >= ONE)] if others else []))


def _regions(sites: Sequence[Site]) -> Iterator[Site]:
    for site in sites:
        if isinstance(site.op, Residual) and site.op.blocks.wide:
            yield site


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
    rescaled = decide(tuple(placed(stages)), network.step)
    return _richness(rescaled, _movement(rescaled))
