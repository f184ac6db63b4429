"""All sizes of a chain of layers, in the first step and in every later one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from richc.algebra.exponent import ONE
from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.loop import Placed, backward, forward, place, upward, wake
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
    Phase,
    Site,
    Step,
)

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
    #: The update laws of optimizers of their own.
    step: Step | None = None
    bias_step: Step | None = None

    @property
    def ops(self) -> Iterator[Op]:
        fan_in, fan_out = (WIDE if wide else FIXED for wide in (self.wide_in, self.wide_out))
        yield Linear(self.weight, fan_in, fan_out, self.step)
        if self.bias is not None:
            yield Bias(self.bias, fan_out, self.bias_step)


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
    sites = place(placed(stages))
    forward(sites, UNIT, PLAIN)
    first = run(sites, Phase(step, PLAIN, is_later=False))
    if not _wakes(stages, step, first):
        return Flow(first, first)
    later, phase = first, Phase(step, PLAIN, is_later=True)
    # From one step to the next sizes only grow, and a source to one at most.
    for _ in range(most_steps(len(stages))):
        later = run(sites, phase)
        if not wake(sites):
            break
    return Flow(first, later)


def most_steps(layers: int) -> int:
    """How many steps a network of so many layers is followed at most."""
    return max(_LEAST_STEPS, _MOST_WORK // layers)


def _wakes(stages: Sequence[Stage], step: Step, first: Sequence[LayerFlow]) -> bool:
    """Whether anything is smaller at init than its own update may make it."""
    if any(at.h < UNIT or at.gain < UNIT for at in first[:-1]):
        return True
    readout, at = stages[-1], first[-1]
    return (readout.step or step)(
        readout.weight.rate, at.source, UNIT, readout.wide_in + readout.wide_out
    ) > at.gain


def placed(stages: Sequence[Stage]) -> Iterator[Placed]:
    """The ops of a chain, each with its layer."""
    for layer, stage in enumerate(stages):
        for op in stage.ops:
            yield layer, op


def run(sites: Sequence[Site], phase: Phase) -> tuple[LayerFlow, ...]:
    """One step of a chain: gradients and updates down, then changes up."""
    backward(sites, UNIT, phase)
    upward(sites, ZERO_SIZE, phase)
    flows: list[LayerFlow] = []
    for index, layer in groupby(sites, attrgetter("layer")):
        flows.append(_summary([*layer], phase.domain, is_last=index == sites[-1].layer))
    return tuple(flows)


def _summary(layer: Sequence[Site], domain: Domain, *, is_last: bool) -> LayerFlow:
    weight, last = layer[0], layer[-1]
    has_bias = len(layer) > 1
    bias_own = last.own if has_bias else ZERO_SIZE
    index, gradient, change = weight.layer, weight.gradient, last.change
    # An update is aligned with the gradient that it was made from.
    to_output = UNIT if is_last else ONE + gradient
    return LayerFlow(
        h=last.height,
        source=weight.source,
        gradient=gradient,
        gain=weight.gain,
        own=weight.own,
        bias_own=bias_own,
        carried=weight.carried,
        dh=change,
        df=domain.named("t", index, to_output + weight.own),
        bias_df=domain.named("t'", index, to_output + bias_own) if has_bias else ZERO_SIZE,
        reach=domain.named("T", index, to_output + change),
    )
