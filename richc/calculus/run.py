"""The loop over a network's ops, in the first step and in every later one.  It knows no op."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from richc.calculus.ops import (
    FIXED,
    PLAIN,
    UNIT,
    WIDE,
    Bias,
    Domain,
    Linear,
    Op,
    Parameter,
    Site,
    Step,
)
from richc.scaling.exponent import ONE
from richc.scaling.sizes import ZERO_SIZE, Size, largest

#: How many steps a homogeneous network that starts small is followed: what grows by less than a
#: hundredth of its distance to one a step has not arrived when training ends; and layers times
#: steps, so that no file takes minutes.
_LEAST_STEPS = 8
_MOST_WORK = 5_000


class Stage(NamedTuple):
    """One layer: its weight, its bias, and whether its fan-in and fan-out grow with n."""

    weight: Parameter
    bias: Parameter | None
    wide_in: bool
    wide_out: bool

    @property
    def ops(self) -> Iterator[Op]:
        fan_in, fan_out = (WIDE if wide else FIXED for wide in (self.wide_in, self.wide_out))
        yield Linear(self.weight, fan_in, fan_out)
        if self.bias is not None:
            yield Bias(self.bias, fan_out)


class LayerFlow(NamedTuple):
    """The sizes at one layer, in one phase.

    The read-out's own "representation" is the output f: there ``h`` is f at init, ``dh`` the
    whole change of f, and ``gradient`` is one.
    """

    #: The representation at init.
    h: Size
    #: What reaches the weight from below.
    source: Size
    #: The entries of df/dh.
    gradient: Size
    #: By what the weight multiplies a change from below, and a gradient on its way back.
    gain: Size
    #: What the weight's and the bias's own updates add to the representation.
    own: Size
    bias_own: Size
    #: What the layers below add, through this layer's weight.
    carried: Size
    #: The representation's whole update.
    dh: Size
    #: What this layer's own updates add to the output's change.
    df: Size
    bias_df: Size
    #: What the whole update of the representation adds to the output's change.
    reach: Size


class Flow(NamedTuple):
    """All sizes of a network: in the first step, and in every later one."""

    first: tuple[LayerFlow, ...]
    later: tuple[LayerFlow, ...]


def flow(stages: Sequence[Stage], step: Step) -> Flow:
    """Run all passes, in both phases.

    In the first step every factor is its init; later it is init plus update.  That wakes a
    read-out that starts at zero, a hidden weight that starts small beside a bias of order one, and
    the representations of a homogeneous network that start small.
    """
    heights = forward(stages, PLAIN)
    sources: Sequence[Size] = [UNIT, *heights[:-1]]
    first = phase(stages, step, PLAIN, heights, sources, is_later=False)
    if not _wakes(stages, step, first):
        return Flow(first, first)
    later = first
    # From one step to the next sizes only grow, and a source to one at most.
    for _ in range(max(_LEAST_STEPS, _MOST_WORK // len(stages))):
        later = phase(stages, step, PLAIN, heights, sources, is_later=True)
        grown = [at.source for at in later]
        for index, below in enumerate(later[:-1], start=1):
            if below.h < UNIT:
                grown[index] = largest(below.h, min(UNIT, below.dh))
        if grown == sources:
            break
        sources = grown
    return Flow(first, later)


def _wakes(stages: Sequence[Stage], step: Step, first: Sequence[LayerFlow]) -> bool:
    """Whether anything is smaller at init than its own update may make it."""
    if any(at.h < UNIT or at.gain < UNIT for at in first[:-1]):
        return True
    readout, at = stages[-1], first[-1]
    return step(readout.weight.rate, at.source, UNIT, readout.wide_in + readout.wide_out) > at.gain


def forward(stages: Sequence[Stage], domain: Domain) -> list[Size]:
    """The size of every representation at init, the output last."""
    heights: list[Size] = []
    height: Size = UNIT
    for index, stage in enumerate(stages):
        for op in stage.ops:
            height = op.forward(height, domain)
        height = domain.named("q", index, height)
        heights.append(height)
    return heights


def phase(
    stages: Sequence[Stage],
    step: Step,
    domain: Domain,
    heights: Sequence[Size],
    sources: Sequence[Size],
    *,
    is_later: bool,
) -> tuple[LayerFlow, ...]:
    """One step, from what reaches every layer: gradients and updates down, then changes up."""
    layers = [
        [Site(op, index, source) for op in stage.ops]
        for index, (stage, source) in enumerate(zip(stages, sources, strict=True))
    ]
    gradient: Size = UNIT
    for layer in reversed(layers):
        for site in reversed(layer):
            site.gradient = gradient
            site.own = domain.named(site.op.letter, site.layer, site.op.own(site, step))
            gradient = site.op.pull(site, domain, is_later=is_later)
        gradient = domain.named("g", layer[0].layer - 1, gradient)
    change: Size = ZERO_SIZE
    flows: list[LayerFlow] = []
    for index, layer in enumerate(layers):
        for site in layer:
            site.carried = site.op.push(site, change)
            change = domain.total(site.own, site.carried)
        change = domain.named("U", index, change)
        flows.append(_summary(stages[index], layer, heights[index], change, domain))
    return tuple(flows)


def _summary(
    stage: Stage, layer: Sequence[Site], height: Size, change: Size, domain: Domain
) -> LayerFlow:
    weight, bias = layer[0], layer[1:]
    bias_own = bias[0].own if bias else ZERO_SIZE
    index, gradient = weight.layer, weight.gradient
    # An update is aligned with the gradient that it was made from.
    to_output = ONE + gradient if stage.wide_out else UNIT
    return LayerFlow(
        h=height,
        source=weight.source,
        gradient=gradient,
        gain=weight.gain,
        own=weight.own,
        bias_own=bias_own,
        carried=weight.carried,
        dh=change,
        df=domain.named("t", index, to_output + weight.own),
        bias_df=domain.named("t'", index, to_output + bias_own) if bias else ZERO_SIZE,
        reach=domain.named("T", index, to_output + change),
    )
