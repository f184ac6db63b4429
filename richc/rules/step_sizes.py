"""Sizes of a network in the first steps, layer by layer, at the declared numbers.

RMS values at init, estimated to a factor of a few: what R702 and R705 compare with formats and
with epsilons.  Gradients go back as sizes come: independent terms add as squares do, an
activation multiplies their square by E phi'(z)^2 (Schoenholz et al. 2017, arXiv 1611.01232), and a
norm divides a gradient by what it divided its input by.
"""

from __future__ import annotations

from math import inf, log2
from typing import NamedTuple

from richc.optimizers.law import UpdateSizes
from richc.rules.context import Context
from richc.rules.signal import BEYOND, Closed, Opened, divisor_of, returning, skip_of, total
from richc.spec.model import Layer

_DEFAULT_BATCH = 128


class Sizes(NamedTuple):
    """log2 of the RMS of everything at one layer; -inf for what is zero.

    Of a layer that blocks repeat, those of the first block.
    """

    scale: float
    weight: float
    #: What the matrix is multiplied with, and what comes out before a multiplier on that side.
    source: float
    product: float
    #: The gradients with respect to those two, and to the weight, of examples that cancel.
    source_gradient: float
    product_gradient: float
    weight_gradient: float
    #: The change of a weight's entries in one step, at most.
    update: float
    #: Whether the multiplier is applied to the inputs, which are then the fewer entries.
    is_on_input: bool


class _Backward:
    """Gradients on their way back, from the loss's."""

    def __init__(self, context: Context) -> None:
        model = context.model
        self._context = context
        self._batch = log2(model.train.batch or _DEFAULT_BATCH)
        outputs = log2(model.layers[-1].fan_out.at(model.width))
        #: With respect to what the next layer makes, for one example.
        self.gradient = 1 - outputs if model.loss == "mse" else -outputs / 2

    def through(self, layer: Layer, below: float, *, is_first: bool) -> Sizes:
        """A layer that reads entries of size 2^below."""
        context, model = self._context, self._context.model
        tensor = layer.weight
        scale, weight = context.log2(tensor.scale), context.log2(tensor.std)
        rate = context.log2(model.optimizer_of(tensor).lr) + context.log2(tensor.lr)
        fan_in, fan_out = layer.fan_in.at(model.width), layer.fan_out.at(model.width)
        on_input = fan_in < fan_out  # As in the compiled Dense.
        source = below + (scale if on_input else 0.0)
        product = source + weight + log2(fan_in) / 2
        product_gradient = self.gradient + (0.0 if on_input else scale)
        coherent = product_gradient + source
        update = _update(context, layer, rate, coherent)
        # A read-out that starts smaller than its update is its update from the second step on.
        source_gradient = product_gradient + max(weight, update) + log2(fan_out) / 2
        self.gradient = source_gradient + (scale if on_input else 0.0)
        return Sizes(
            scale,
            weight,
            source,
            product,
            -inf if is_first else source_gradient - self._batch,
            product_gradient - self._batch,
            coherent - self._batch / 2,
            update,
            on_input,
        )

    def through_norm(self, layer: Layer, divisor: float) -> Sizes:
        """A norm, whose gain stands for a weight: it is one, of entries of size one."""
        context, tensor = self._context, layer.weight
        rate = context.log2(context.model.optimizer_of(tensor).lr) + context.log2(tensor.lr)
        update = _update(context, layer, rate, self.gradient)
        own = self.gradient - self._batch
        self.gradient -= divisor
        of_gain = own + self._batch / 2
        return Sizes(0.0, 0.0, 0.0, 0.0, self.gradient - self._batch, own, of_gain, update, False)


def measure(context: Context) -> list[Sizes]:
    """Sizes at init and in the first steps, layer by layer; empty where they are not followed."""
    backward = _Backward(context)
    found: dict[int, Sizes] = {}
    skipped: list[float] = []
    for at in reversed(context.passed):
        step, layer = at.step, at.layer
        if isinstance(step, Closed):
            skipped.append(backward.gradient + skip_of(context, step.block))
            backward.gradient += context.log2(step.block.scale)
        elif isinstance(step, Opened):
            backward.gradient = total(2 * backward.gradient, 2 * skipped.pop()) / 2
        elif isinstance(step, int) and layer is not None:
            if layer.kind.is_norm:
                divisor = divisor_of(context, layer, at.source)
                found[step] = backward.through_norm(layer, divisor / 2)
            else:
                # A signal that is lost is other rules' matter.
                below = 0.0 if BEYOND < abs(at.source) < inf else at.source / 2
                found[step] = backward.through(layer, below, is_first=step == 0)
        backward.gradient += returning(at.activation, at.before) / 2
    return [found[index] for index in sorted(found)]


def _update(context: Context, layer: Layer, rate: float, gradient: float) -> float:
    """log2 of the change of a weight's entries in one step."""
    if layer.weight.frozen:
        return -inf
    optimizer, width = context.model.optimizer_of(layer.weight), context.model.width
    floor = layer.weight.eps
    return optimizer.law.update(
        UpdateSizes(
            rate=rate,
            weight=context.log2(layer.weight.std),
            gradient=gradient,
            floor=None if floor is None else context.log2(floor),
            fan_in=log2(layer.fan_in.at(width)),
            fan_out=log2(layer.fan_out.at(width)),
            options=dict(optimizer.options),
        )
    )
