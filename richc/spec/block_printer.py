"""The statements of a network, as a text that needs no inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from richc.algebra.monomial import ONE
from richc.spec.activation import Activation
from richc.spec.arrangement import Part, RepeatedBlocks, ResidualBlock
from richc.spec.model import Layer, Model, Tensor
from richc.spec.printer import (
    Formula,
    activation_words,
    shared_items,
    statement_of,
    statements,
)


class BlockPrinter:
    """Prints the parts of one model."""

    def __init__(self, model: Model, formula: Formula) -> None:
        self._model = model
        self._formula = formula

    def lines(self) -> list[str]:
        """The statements of the whole network, without indentation of their own."""
        return [*self._parts(self._model.arrangement, "")]

    def _parts(self, parts: Sequence[Part], path: str) -> Iterator[str]:
        for is_layer, group in groupby(parts, key=lambda part: isinstance(part, int)):
            if is_layer:
                yield from self._layers([part for part in group if isinstance(part, int)], path)
                continue
            for part in group:
                if isinstance(part, Activation):
                    yield activation_words(part)
                elif isinstance(part, ResidualBlock):
                    yield from self._residual(part, path)
                elif isinstance(part, RepeatedBlocks):
                    yield from self._repeat(part, path)

    def _layers(self, indices: Sequence[int], path: str) -> Iterator[str]:
        layers = [self._model.layers[index] for index in indices]
        taken = {layer.statement.removeprefix(path) for layer in layers}
        for statement, members in groupby(layers, key=lambda layer: layer.statement):
            group = list(members)
            name = statement.removeprefix(path)
            if group[0].kind.is_norm:
                yield from self._norm(name, group[0])
                continue
            width = self._model.width_symbol
            yield from statements(name, group, self._formula, width, taken)

    def _norm(self, name: str, layer: Layer) -> Iterator[str]:
        items = []
        if not layer.is_bare and layer.weight.places:
            items.append(f"gain {{ {', '.join(self._gain(layer.weight))} }}")
        if layer.bias is not None:
            bias = shared_items([layer._replace(weight=layer.bias, bias=None)], self._formula)
            items.append(f"bias {{ {', '.join(bias or ())} }}")
        if layer.floor is not None:
            items.append(f"eps = {self._formula(layer.floor)}")
        head = f"{name}: {layer.kind}"
        yield from statement_of(head, items) if items else [head]
        if layer.activation is not None:
            yield activation_words(layer.activation)

    def _gain(self, tensor: Tensor) -> Iterator[str]:
        """The attributes of a gain, which begins at one."""
        yield f"lr = {self._formula(tensor.lr)}"
        if not tensor.decay.is_zero:
            yield f"decay = {self._formula(tensor.decay)}"
        if tensor.eps is not None:
            yield f"eps = {self._formula(tensor.eps)}"
        if tensor.frozen and not tensor.lr.is_zero:
            yield "frozen"
        if tensor.optimizer is not None:
            yield f"optimizer = {tensor.optimizer}"

    def _residual(self, part: ResidualBlock, path: str) -> Iterator[str]:
        yield f"{part.name.removeprefix(path)}: residual {{"
        yield f"  scale = {self._formula(part.scale)}"
        if part.is_leaky and self._model.depth is not None:
            yield f"  skip = 1 - 1/{self._model.depth.symbol}"
        elif part.skip != ONE:
            yield f"  skip = {self._formula(part.skip)}"
        yield from (f"  {line}" for line in self._parts(part.parts, f"{part.name}."))
        yield "}"

    def _repeat(self, part: RepeatedBlocks, path: str) -> Iterator[str]:
        depth = self._model.depth
        times = part.times if part.times is not None or depth is None else depth.symbol
        yield f"{part.name.removeprefix(path)}: repeat {times} {{"
        yield from (f"  {line}" for line in self._parts(part.parts, f"{part.name}."))
        yield "}"
