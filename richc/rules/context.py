"""What every rule sees: the model, its verdict, and where things are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from richc.algebra.monomial import Base, Monomial
from richc.algebra.sizes import Size
from richc.calculus.judging import judge
from richc.calculus.run import Stage
from richc.calculus.verdict import Network, Verdict
from richc.diagnostics import Span
from richc.spec.declared_values import logs
from richc.spec.model import Layer, Model, Tensor
from richc.spec.network import Exponents
from richc.syntax import tree

if TYPE_CHECKING:
    from richc.calculus.traced import Trace
    from richc.rules.signal import Passed


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
        self._is_traced = trace is not None
        self.exponents = Exponents(model, richness, trace)
        self.network = self.network_under(model.optimizer.name)
        self.verdict: Verdict = judge(self.network)

    def at(self, richness: Fraction, trace: Trace | None = None) -> Context:
        """The same model at another richness."""
        return Context(self.model, self.node, self.text, self.path, richness=richness, trace=trace)

    @property
    def is_declared(self) -> bool:
        """Whether this is the file as it stands, not another r of its interval."""
        return not self._is_traced and self.richness == (self.model.richness or 0)

    @cached_property
    def is_chain(self) -> bool:
        """As of the model, which would look at all layers each time."""
        return self.model.is_chain

    @cached_property
    def logs(self) -> dict[Base, float]:
        return logs(self.model)

    def log2(self, value: Monomial) -> float:
        """log2 of a value at the declared width: for finite-width findings, never a verdict."""
        return value.log2(self.logs, float(self.richness))

    def size(self, value: Monomial) -> Size:
        """The exponent of n at the declared richness."""
        return self.exponents.size(value)

    @cached_property
    def passed(self) -> Sequence[Passed]:
        """The forward pass at init, in numbers: several rules look at it."""
        from richc.rules.signal import forward  # not for an r that is not declared

        return forward(self)

    def rate(self, tensor: Tensor) -> Size:
        """The exponent of a tensor's whole learning rate."""
        return self.size(self.model.optimizer_of(tensor).lr) + self.size(tensor.lr)

    def network_under(self, optimizer: str) -> Network:
        """The model's exponents, read with some optimizer's update law."""
        return self.exponents.network(optimizer)

    def stage(self, layer: Layer) -> Stage:
        """One layer's exponents; it need not be of the model, but for its place in it."""
        return self.exponents.stage(layer)

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

        def through(statements: Iterable[object]) -> None:
            for statement in statements:
                if isinstance(statement, tree.Layer | tree.Optimizer | tree.Norm):
                    visit(statement.block)
                elif isinstance(statement, tree.Repeat):
                    through(statement.statements)
                elif isinstance(statement, tree.Residual):
                    visit(tree.Block(options(statement), statement.span))
                    through(statement.parts)

        def options(residual: tree.Residual) -> tuple[tree.Item, ...]:
            return tuple(part for part in residual.parts if isinstance(part, tree.Item))

        through(self.node.statements)
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
