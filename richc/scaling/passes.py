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
    #: The entries of df/dh.
    gradient: Size
    #: What the weight's and the bias's own updates add to the representation.
    own: Size
    bias_own: Size
    #: What the layers below add, through this layer's init.
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

    In the first step the read-out is its init; later it is init plus updates, which is what
    wakes a network whose read-out starts at zero.
    """
    heights = _forward(stages)
    readout = stages[-1]
    sources = [ZERO, *heights[:-1]]
    first_gradient: Size = readout.weight.init
    update = step(readout.weight.rate, sources[-1], UNIT, _wide(readout))
    later_gradient = largest(first_gradient, update)
    first = _phase(stages, step, heights, first_gradient)
    if later_gradient is first_gradient:
        return Flow(first, first)
    return Flow(first, _phase(stages, step, heights, later_gradient))


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
    stages: Sequence[Stage], step: Step, heights: Sequence[Size], readout: Size
) -> tuple[LayerFlow, ...]:
    gradients = _backward(stages, readout)
    flows: list[LayerFlow] = []
    below: Size = ZERO_SIZE
    source: Size = ZERO
    for stage, height, gradient in zip(stages, heights, gradients, strict=True):
        update = step(stage.weight.rate, source, gradient, _wide(stage))
        # The update is aligned with the input it was made from: a coherent sum.
        own = (ONE if stage.wide_in else UNIT) + source + update
        bias_own: Size = ZERO_SIZE
        if stage.bias is not None:
            bias_own = step(stage.bias.rate, UNIT, gradient, int(stage.wide_out))
        # The read-out's init meets an update that is aligned with it, for it was made from it.
        if stage.wide_out:
            carried = below + _incoherent(stage) + stage.weight.init
            to_output = ONE + gradient
        else:
            carried = ONE + readout + below
            to_output = UNIT
        dh = largest(own, bias_own, carried)
        flows.append(
            LayerFlow(
                h=height,
                gradient=gradient,
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
        source = height
    return tuple(flows)


def _backward(stages: Sequence[Stage], readout: Size) -> list[Size]:
    """The entries of df/dh for every representation, and 1 for the output itself."""
    gradients: list[Size] = [UNIT, readout]
    for stage in reversed(stages[1:-1]):
        gradients.append(gradients[-1] + HALF + stage.weight.init)
    gradients.reverse()
    return gradients[-len(stages) :]


def _incoherent(stage: Stage) -> Fraction:
    return HALF if stage.wide_in else UNIT


def _wide(stage: Stage) -> int:
    return int(stage.wide_in) + int(stage.wide_out)
