"""What every rule sees: the model, its verdict, and where things are written."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from richc.calculus.ops import Parameter
from richc.calculus.run import Stage
from richc.calculus.verdict import Network, Verdict, judge
from richc.diagnostics import Span
from richc.optimizers import law
from richc.optimizers.law import Epsilon, Law
from richc.scaling.exponent import exact
from richc.scaling.monomial import WIDTH, Base, Monomial
from richc.scaling.sizes import ZERO_SIZE, Size, largest
from richc.spec.model import Layer, Model, Tensor
from richc.spec.numbers import logs
from richc.syntax import tree

if TYPE_CHECKING:
    from richc.calculus.traced import Trace


class Context:
    """One resolved model with everything derived from it."""

    def __init__(
        self,
        model: Model,
        node: tree.Model,
        text: str,
        path: str = "<text>",
        *,
        richness: Fraction | None = None,
        trace: Trace | None = None,
    ) -> None:
        self.model = model
        self.node = node
        #: The source, of which edits keep what they do not change.
        self.text = text
        #: Of the source: what it names is relative to it.
        self.path = path
        if richness is None:
            richness = model.richness if model.richness is not None else Fraction(0)
        #: The one that is judged: the declared one, unless it is one of an interval.
        self.richness = richness
        self._trace = trace
        #: By the tensor's identity; it is held so that no other takes its place.
        self._known: dict[int, tuple[Tensor, tuple[Size, Size, Size]]] = {}
        self.network = self.network_under(model.optimizer.name)
        self.verdict: Verdict = judge(self.network)

    @property
    def is_declared(self) -> bool:
        """Whether this is the file as it stands, not another r of its interval."""
        return self._trace is None and self.richness == (self.model.richness or 0)

    @cached_property
    def logs(self) -> dict[Base, float]:
        return logs(self.model)

    def log2(self, value: Monomial) -> float:
        """log2 of a value at the declared width: for finite-width findings, never a verdict."""
        return value.log2(self.logs, float(self.richness))

    def size(self, value: Monomial) -> Size:
        """The exponent of n at the declared richness."""
        if value.is_zero:
            return ZERO_SIZE
        exponent = value.exponent(WIDTH)
        return exact(
            exponent.at(self.richness) if self._trace is None else self._trace.value(exponent)
        )

    def network_under(self, optimizer: str) -> Network:
        """The model's exponents, read with some optimizer's update law."""
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

    @cached_property
    def expressions(self) -> Mapping[Span, tree.Expression]:
        """Every attribute's expression by its span, for edits."""
        found: dict[Span, tree.Expression] = {}

        def visit(block: tree.Block | None) -> None:
            for item in block.items if block else ():
                if isinstance(item, tree.Section):
                    visit(item.block)
                elif isinstance(item, tree.Option) and not isinstance(
                    item.value, tree.String | tree.List
                ):
                    found[item.value.span] = item.value

        for statement in self.node.statements:
            if isinstance(statement, tree.Layer | tree.Optimizer):
                visit(statement.block)
        return found

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name that stands in an expression."""
        found: set[str] = set()

        def visit(node: tree.Expression) -> None:
            if isinstance(node, tree.Name):
                found.add(node.text)
            elif isinstance(node, tree.Call):
                visit(node.argument)
            elif not isinstance(node, tree.Number | tree.Hole):
                for part in node:
                    if not isinstance(part, bool | Span):
                        visit(part)

        for expression in self.expressions.values():
            visit(expression)
        return frozenset(found)

    def tensor(self, layer: int, of_bias: bool) -> Tensor:
        at = self.model.layers[layer]
        tensor = at.bias if of_bias else at.weight
        assert tensor is not None
        return tensor

    def place(self, layer: Layer, tensor: Tensor, *attributes: str) -> Span:
        """Where an attribute is written; the layer's name where it was inferred."""
        return tensor.place(*attributes) or layer.name_place


def _is_alike(layer: Layer, other: Layer) -> bool:
    return (
        layer.weight is other.weight
        and layer.bias is other.bias
        and layer.fan_in.wide == other.fan_in.wide
        and layer.fan_out.wide == other.fan_out.wide
    )
