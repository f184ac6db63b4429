"""A model at one richness, as the calculus sees it: exponents of n, layer by layer."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from richc.algebra.exponent import exact
from richc.algebra.monomial import WIDTH, Monomial
from richc.algebra.sizes import ZERO_SIZE, Size, largest
from richc.calculus.ops import Parameter
from richc.calculus.run import Stage
from richc.calculus.verdict import Network
from richc.optimizers import law
from richc.optimizers.law import Epsilon, Law
from richc.spec.model import Layer, Model, Tensor

if TYPE_CHECKING:
    from richc.calculus.traced import Trace


class Exponents:
    """The exponents of a model's values at one richness, traced where a trace is given."""

    def __init__(self, model: Model, richness: Fraction, trace: Trace | None = None) -> None:
        self.model = model
        self.richness = richness
        self._trace = trace
        #: By the tensor's identity; it is held so that no other takes its place.
        self._known: dict[int, tuple[Tensor, tuple[Size, Size, Size]]] = {}

    def size(self, value: Monomial) -> Size:
        """The exponent of n."""
        if value.is_zero:
            return ZERO_SIZE
        exponent = value.exponent(WIDTH)
        return exact(
            exponent.at(self.richness) if self._trace is None else self._trace.value(exponent)
        )

    def network(self, optimizer: str) -> Network:
        """The model's exponents, read with the update law of some optimizer."""
        family = law(optimizer)
        stages: list[Stage] = []
        written: list[tuple[Size, Size, Size]] = []
        for index, layer in enumerate(self.model.layers):
            # Repeated layers share their tensors.
            if index and _is_alike(layer, self.model.layers[index - 1]):
                stages.append(stages[-1])
                written.append(written[-1])
                continue
            stages.append(self._stage(layer, family))
            scale, std, lr = self._sizes(layer.weight)
            frozen = layer.weight.frozen
            written.append((scale, std, ZERO_SIZE if frozen else self._global_rate + lr))
        homogeneous = all(
            layer.bias is None and (layer.activation is None or layer.activation.is_homogeneous)
            for layer in self.model.layers
        )
        return Network(tuple(stages), family.step, family.gauge_power, tuple(written), homogeneous)

    def stage(self, layer: Layer) -> Stage:
        """One layer's exponents; it need not be of the model, but for its place in it."""
        return self._stage(layer, self.model.optimizer.law)

    def _stage(self, layer: Layer, family: Law) -> Stage:
        option = self.model.optimizer.shape_factor

        def parameter(tensor: Tensor, wide_in: bool, wide_out: bool) -> Parameter:
            scale, std, lr = self._sizes(tensor)
            rms = std
            if family.eps == Epsilon.WEIGHT and tensor.eps is not None:
                rms = largest(std, self.size(tensor.eps))
            rate: Size = ZERO_SIZE
            if not tensor.frozen:
                kappa = family.shape(option, wide_in, wide_out)
                rate = family.rate(scale, rms, self._global_rate + lr, kappa)
            return Parameter(scale + std, rate)

        wide_in, wide_out = layer.fan_in.wide, layer.fan_out.wide
        bias = None if layer.bias is None else parameter(layer.bias, False, wide_out)
        return Stage(parameter(layer.weight, wide_in, wide_out), bias, wide_in, wide_out)

    def _sizes(self, tensor: Tensor) -> tuple[Size, Size, Size]:
        """The sizes of multiplier, init std and of the layer's own part of the rate."""
        known = self._known.get(id(tensor))
        if known is None or known[0] is not tensor:
            sizes = self.size(tensor.scale), self.size(tensor.std), self.size(tensor.lr)
            known = self._known[id(tensor)] = tensor, sizes
        return known[1]

    @cached_property
    def _global_rate(self) -> Size:
        return self.size(self.model.optimizer.lr)


def _is_alike(layer: Layer, other: Layer) -> bool:
    return (
        layer.weight is other.weight
        and layer.bias is other.bias
        and layer.fan_in.wide == other.fan_in.wide
        and layer.fan_out.wide == other.fan_out.wide
    )
