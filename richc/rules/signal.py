"""The size of every representation at init, at the declared width: what R701 looks at.

A module of its own because every file that is checked passes through it.
"""

from __future__ import annotations

from math import inf, log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from richc.rules.context import Context
    from richc.spec.activation import Activation
    from richc.spec.model import Layer

#: log2 of the RMS, or of its inverse, that is worth a warning.
LIMIT = log2(10)
#: log2 of variances that are no longer followed: all is said, and squares stay in a float's reach.
BEYOND = 80.0
#: Layers that are followed one by one where an activation needs a sum: about 10 µs each.
_MAX_SUMS = 500


#: log2 of a layer's factor below which h does not drift: tanh fades like 1/depth, and may.
STILL = 0.05


def first_far(variances: list[float]) -> int | None:
    """The first representation that is far from order one, and on its way there."""
    before = 0.0
    for index, variance in enumerate(variances):
        if abs(variance) > 2 * LIMIT and abs(variance - before) > STILL:
            return index
        before = variance
    return None


def drifts(context: Context) -> bool:
    """Whether a representation is far from order one."""
    if context.model.is_chain:
        return first_far(context.signal) is not None
    from richc.rules import stack_signal  # most models are chains

    return stack_signal.first_far(context.passed) is not None


def signal(context: Context) -> list[float]:
    """log2 of the mean square of every representation at init, as far as it is followed."""
    found: list[float] = []
    variance, before, sums = 0.0, None, 0
    previous: Layer | None = None
    for layer in context.model.layers[:-1]:
        same = previous is not None and previous.weight is layer.weight
        if same and len(found) > 1 and abs(found[-1] - found[-2]) < 1e-9:
            found.append(variance)  # A fixed point.
            continue
        variance = following(context, layer, before, variance)
        found.append(variance)
        sums += before is not None and not before.is_homogeneous
        if abs(variance) > BEYOND or sums > _MAX_SUMS:
            break
        previous, before = layer, layer.activation
    return found


def following(context: Context, layer: Layer, before: Activation | None, variance: float) -> float:
    """log2 of the mean square of the layer's output, from that of the representation below."""
    tensor = layer.weight
    result = 2 * (context.log2(tensor.scale) + context.log2(tensor.std))
    result += log2(layer.fan_in.at(context.model.width))
    return with_bias(context, layer, result + reaching(before, variance))


def reaching(before: Activation | None, variance: float) -> float:
    """log2 of the mean square of what an activation makes of a Gaussian with this variance."""
    if before is None:
        return variance
    if before.is_homogeneous:
        return variance + log2((1 + before.below**2) / 2)
    from richc.algebra.gaussian import second_moment

    return log2(second_moment(*known(before), 2.0**variance))


def with_bias(context: Context, layer: Layer, result: float) -> float:
    """log2 of the mean square, with that of the layer's bias."""
    bias = layer.bias
    if bias is not None and not bias.std.is_zero:
        return total(result, 2 * context.log2(bias.scale.times(bias.std)))
    return result


def total(one: float, other: float) -> float:
    """log2(2^one + 2^other)."""
    high, low = max(one, other), min(one, other)
    return high + log2(1 + 2.0 ** (low - high)) if low > -inf else high


def known(activation: Activation) -> tuple[str, float]:
    """The arguments of ``second_moment``."""
    return activation.name, float(activation.below)
