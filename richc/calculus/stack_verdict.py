"""The verdict on a network with blocks and norms, in the terms of that on a chain.

Its richness is that of the stream: what moves inside of a branch may be larger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from richc.algebra.exponent import HALF, ONE, ZERO, exact
from richc.algebra.joint import depth_of, width_of
from richc.algebra.sizes import ZERO_SIZE, Size, Zero, largest
from richc.calculus.ops import Elementwise, Linear, Site, every
from richc.calculus.residual import Residual
from richc.calculus.run import Flow, LayerFlow
from richc.calculus.stack import Representation, StackFault, judge, summaries
from richc.calculus.verdict import (
    DESIDERATA,
    POINTS,
    Network,
    Verdict,
    Violation,
    named_gauges,
    named_point,
)
from richc.words import Regime


def judge_stack(network: Network) -> Verdict:
    """Decide everything that the exponents decide."""
    found = judge(network.ops, network.step)
    violations = tuple(_violation(fault) for fault in found.faults)
    if violations and all(v.is_consequence for v in violations):
        # The cause is no fault by itself: a stream of a size that only norms read is free.
        violations = tuple(
            v._replace(
                is_consequence=False,
                excess=v.size if isinstance(v.size, Fraction) and not v.excess else v.excess,
            )
            for v in violations
        )
    broken = {v.desideratum for v in violations}
    evaluated = not found.reason
    stable = evaluated and not any(
        fault.desideratum == "D0" or fault.kind == "explodes" for fault in found.faults
    )
    is_still = any(fault.kind == "still" for fault in found.faults)
    nontrivial = not is_still if evaluated else None
    passes = evaluated and broken.isdisjoint(DESIDERATA)
    moved = [*changes(found.sites, found.values)] if evaluated else []
    powers = [exact(width_of(size)) for size in moved if isinstance(size, Fraction)]
    is_one = bool(powers) and all(power == powers[0] for power in powers)
    richness = powers[0] + HALF if passes and is_one else None
    features = any(power >= ZERO for power in powers)
    # A norm's gain has no multiplier, and so no gauge.
    weights = {site.layer for site in every(found.sites) if isinstance(site.op, Linear)}
    written = [network.written[index] for index in sorted(weights)]
    gauges = named_gauges(written) if richness is not None else ()
    later = _flow(network, summaries(found.values))
    regime = Regime.UNSTABLE
    if stable:
        regime = Regime.PARTIAL if nontrivial else Regime.TRIVIAL
        if passes:
            regime = Regime.MIXED
            if richness is not None:
                regime = Regime.RICH if richness == HALF else Regime.LAZY
    return Verdict(
        statuses=tuple(found.statuses.items()),
        violations=violations,
        flow=Flow(_flow(network, found.first) if found.first else later, later),
        stable=stable,
        nontrivial=nontrivial,
        regime=regime,
        limit=("feature_learning" if features else "kernel") if stable and nontrivial else None,
        richness=richness,
        equivalent_to=POINTS.get(richness) if richness is not None else None,
        gauges=gauges,
        point=named_point(richness, gauges),
        theta=(),
        asleep=0,
        known_heights=len(later) if found.values else 0,
        function_richness=None,
        reason=found.reason,
        is_grown=any(map(_is_grown, _regions(found.sites))) if evaluated else False,
        depth_exponents=depth_exponents(found.sites) if evaluated else (),
    )


#: Of a layer of which nothing is run: a norm without a gain, or a network that is not decided.
_NOTHING = LayerFlow(*[ZERO_SIZE] * len(LayerFlow._fields))


def _flow(network: Network, known: Mapping[int, LayerFlow]) -> tuple[LayerFlow, ...]:
    return tuple(known.get(index, _NOTHING) for index in range(len(network.stages)))


def _is_grown(site: Site) -> bool:
    """Whether a stream grows with the depth through branches that are not homogeneous.

    What precedes it is then off by a power of L that constants decide (docs/theory.md, "Residual
    stacks and depth").
    """
    ops = [at.op for inner in site.inner for at in inner]
    is_rigid = all(op.is_homogeneous for op in ops if isinstance(op, Elementwise))
    return site.height > site.source and not is_rigid


def _violation(fault: StackFault) -> Violation:
    excess = fault.excess if isinstance(fault.excess, Fraction) else None
    return Violation(
        fault.desideratum,
        fault.kind,
        fault.layer,
        fault.of_bias,
        excess,
        fault.size,
        fault.is_consequence,
    )


def changes(sites: Sequence[Site], values: Sequence[Representation]) -> Iterator[Size]:
    """How much the representations outside of branches move, those that only norms read by share.

    The last is the stream, as the read-out reads it.
    """
    for value in values:
        if value.region is None and not value.is_output:
            yield _share(value, value.at)
    before: Site | None = None
    for site in sites:
        is_readout = isinstance(site.op, Linear) and site.layer == sites[-1].layer
        if site is sites[-1] or is_readout:
            break
        before = site
    if before is not None:
        change = before.change
        yield change if isinstance(before.height, Zero) else change + -before.height


def _share(value: Representation, site: Site) -> Size:
    if value.is_normed and isinstance(site.height, Fraction):
        return site.change + -site.height
    return site.change


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
