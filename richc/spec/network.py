"""A model at one richness, as the calculus sees it: exponents of n and L, layer by layer."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from richc.algebra.exponent import exact
from richc.algebra.joint import Joint
from richc.algebra.monomial import DEPTH, WIDTH, Monomial
from richc.algebra.sizes import ZERO_SIZE, Size, largest
from richc.calculus.ops import Parameter, Step
from richc.calculus.run import Stage
from richc.calculus.verdict import Network
from richc.optimizers import law
from richc.optimizers.law import Epsilon
from richc.spec.blocks import Blocks
from richc.spec.model import Layer, Model, Tensor

if TYPE_CHECKING:
    from richc.optimizers.law import Law


class Powers(Protocol):
    """Makes exponents of a kind of their own: traced ones, or sums of unknowns."""

    def power(self, value: Monomial, symbol: str) -> Fraction:
        """The exponent of a symbol in a value."""


class Exponents:
    """The exponents of a model's values at one richness, or those that ``trace`` makes of them."""

    def __init__(self, model: Model, richness: Fraction, trace: Powers | None = None) -> None:
        self.model = model
        self.richness = richness
        self._trace = trace
        #: By the tensor's identity; it is held so that no other takes its place.
        self._known: dict[int, tuple[Tensor, tuple[Size, Size, Size]]] = {}

    def size(self, value: Monomial) -> Size:
        """The exponent of n, and of L in a model with a depth."""
        if value.is_zero:
            return ZERO_SIZE
        if self.model.depth is not None:
            return Joint(self._power(value, WIDTH), self._power(value, DEPTH))
        return exact(self._power(value, WIDTH))

    def _power(self, value: Monomial, symbol: str) -> Fraction:
        if self._trace is not None:
            return self._trace.power(value, symbol)
        return value.exponent(symbol).at(self.richness)

    def network(self, optimizer: str) -> Network:
        """The model's exponents, read with the update law of some optimizer.

        What has an optimizer of its own is read with that.
        """
        first = law(optimizer)
        stages: list[Stage] = []
        written: list[tuple[Size, Size, Size]] = []
        for index, layer in enumerate(self.model.layers):
            # Repeated layers share their tensors.
            if index and _is_alike(layer, self.model.layers[index - 1]):
                stages.append(stages[-1])
                written.append(written[-1])
                continue
            stages.append(self._stage(layer, first))
            written.append(self._written(layer.weight))
        blocks = Blocks(self, stages)
        return Network(
            tuple(blocks.invariants(first)),
            tuple(blocks.ops(self.model.arrangement)),
            first.step,
            first.gauge_power,
            tuple(written),
            is_mixed=bool(self.model.others),
        )

    def stage(self, layer: Layer) -> Stage:
        """One layer's exponents; it need not be of the model, but for its place in it."""
        return self._stage(layer, self.model.optimizer.law)

    def _stage(self, layer: Layer, first: Law) -> Stage:
        wide_in, wide_out = layer.fan_in.wide, layer.fan_out.wide
        bias = None if layer.bias is None else self._parameter(layer.bias, first, False, wide_out)
        return Stage(
            self._parameter(layer.weight, first, wide_in, wide_out),
            bias,
            wide_in,
            wide_out,
            self._step(layer.weight),
            None if layer.bias is None else self._step(layer.bias),
        )

    def _step(self, tensor: Tensor) -> Step | None:
        """The update law of an optimizer of its own."""
        return self.model.optimizer_of(tensor).law.step if tensor.optimizer else None

    def _parameter(self, tensor: Tensor, first: Law, wide_in: bool, wide_out: bool) -> Parameter:
        optimizer = self.model.optimizer_of(tensor)
        family = optimizer.law if tensor.optimizer else first
        scale, std, lr = self._sizes(tensor)
        rms = std
        if family.eps == Epsilon.WEIGHT and tensor.eps is not None:
            rms = largest(std, self.size(tensor.eps))
        rate: Size = ZERO_SIZE
        if not tensor.frozen:
            kappa = family.shape(optimizer.shape_factor, wide_in, wide_out)
            whole = self.size(optimizer.lr) if tensor.optimizer else self._global_rate
            rate = family.rate(scale, rms, whole + lr, kappa)
        return Parameter(scale + std, rate)

    def _written(self, tensor: Tensor) -> tuple[Size, Size, Size]:
        """The sizes of multiplier, init std and whole rate."""
        scale, std, lr = self._sizes(tensor)
        whole = self._global_rate
        if tensor.optimizer:
            whole = self.size(self.model.optimizer_of(tensor).lr)
        return scale, std, ZERO_SIZE if tensor.frozen else whole + lr

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
