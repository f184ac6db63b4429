"""Forward, backward and update passes over a network of sizes.

The calculus of Karkada 2024 (arXiv 2404.19719), sections 3 and 4, and of Yang & Hu 2020
(arXiv 2011.14522), appendix H, in max-plus form: a sum has the size of its largest term, a product
the sum of exponents, and a coherent sum over n entries gains a whole power of n, an incoherent one
half.  A bias is a weight with fan-in 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.scaling.exponent import HALF, ONE, ZERO
from richc.scaling.sizes import ZERO_SIZE, Size, largest

UNIT = ZERO
#: How many steps a homogeneous network that starts small is followed: what grows by less than a
#: hundredth of its distance to one a step has not arrived when training ends; and layers times
#: steps, so that no file takes minutes.
_LEAST_STEPS = 8
_MOST_WORK = 5_000

#: (rate, size of the input, size of the gradient, number of wide dimensions) -> entry size of one
#: update: ``richc.optimizers.law.Law.step``.
Step = Callable[[Size, Size, Size, int], Size]


class Parameter(NamedTuple):
    """One tensor as training sees it."""

    #: n^-A, the size of multiplier times init std.
    init: Size
    #: n^-C, the size of the gauge-invariant rate.
    rate: Size


class Stage(NamedTuple):
    """One layer: its weight, its bias, and whether its fan-in and fan-out grow with n."""

    weight: Parameter
    bias: Parameter | None
    wide_in: bool
    wide_out: bool


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
    heights = _forward(stages)
    sources: Sequence[Size] = [ZERO, *heights[:-1]]
    first = _phase(stages, step, heights, sources, is_later=False)
    if not _wakes(stages, step, first):
        return Flow(first, first)
    later = first
    # From one step to the next sizes only grow, and a source to one at most.
    for _ in range(max(_LEAST_STEPS, _MOST_WORK // len(stages))):
        later = _phase(stages, step, heights, sources, is_later=True)
        grown = [at.source for at in later]
        for index, below in enumerate(later[:-1], start=1):
            if below.h < ZERO:
                grown[index] = largest(below.h, min(ZERO, below.dh))
        if grown == sources:
            break
        sources = grown
    return Flow(first, later)


def _wakes(stages: Sequence[Stage], step: Step, first: Sequence[LayerFlow]) -> bool:
    """Whether anything is smaller at init than its own update may make it."""
    if any(at.h < ZERO or at.gain < ZERO for at in first[:-1]):
        return True
    readout, at = stages[-1], first[-1]
    return step(readout.weight.rate, at.source, UNIT, _wide(readout)) > at.gain


def _forward(stages: Sequence[Stage]) -> list[Size]:
    """The size of every representation at init, the output last."""
    heights: list[Size] = []
    source: Size = ZERO
    for stage in stages:
        height = source + _incoherent(stage) + stage.weight.init
        if stage.bias is not None:
            height = largest(height, stage.bias.init)
        heights.append(height)
        source = height
    return heights


def _phase(
    stages: Sequence[Stage],
    step: Step,
    heights: Sequence[Size],
    sources: Sequence[Size],
    *,
    is_later: bool,
) -> tuple[LayerFlow, ...]:
    backward: list[tuple[Size, Size, Size]] = []
    gradient: Size = UNIT
    for stage, source in zip(reversed(stages), reversed(sources), strict=True):
        update = step(stage.weight.rate, source, gradient, _wide(stage))
        gain = _gain(stage, update if is_later else ZERO_SIZE)
        backward.append((gradient, gain, update))
        gradient = gradient + gain
    flows: list[LayerFlow] = []
    below: Size = ZERO_SIZE
    for index, (stage, (gradient, gain, update)) in enumerate(
        zip(stages, reversed(backward), strict=True)
    ):
        # The update is aligned with the input it was made from: a coherent sum.
        own = _coherent(stage) + sources[index] + update
        bias_own: Size = ZERO_SIZE
        if stage.bias is not None:
            bias_own = step(stage.bias.rate, UNIT, gradient, int(stage.wide_out))
        # The read-out's init meets an update that is aligned with it, for it was made from it.
        carried = below + gain if stage.wide_out else ONE + gain + below
        to_output = ONE + gradient if stage.wide_out else UNIT
        dh = largest(own, bias_own, carried)
        flows.append(
            LayerFlow(
                h=heights[index],
                source=sources[index],
                gradient=gradient,
                gain=gain,
                own=own,
                bias_own=bias_own,
                carried=carried,
                dh=dh,
                df=to_output + own,
                bias_df=to_output + bias_own,
                reach=to_output + dh,
            )
        )
        below = dh
    return tuple(flows)


def _gain(stage: Stage, update: Size) -> Size:
    """Init plus update.  Of the read-out, the entries: its sums are aligned in any case."""
    if not stage.wide_out:
        return largest(stage.weight.init, update)
    init = _incoherent(stage) + stage.weight.init
    # An update is aligned with what it was made from; beyond one, it explodes by itself.
    return init if init >= ZERO else largest(init, min(ZERO, _coherent(stage) + update))


def _incoherent(stage: Stage) -> Fraction:
    return HALF if stage.wide_in else UNIT


def _coherent(stage: Stage) -> Fraction:
    return ONE if stage.wide_in else UNIT


def _wide(stage: Stage) -> int:
    return int(stage.wide_in) + int(stage.wide_out)
