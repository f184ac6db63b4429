"""What a text says of one model, tensor by tensor, in the file's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from richc.algebra.monomial import ONE, ZERO, Monomial
from richc.diagnostics import Diagnostic, Span
from richc.fixing.gauge.words import Dims, Words, is_equal
from richc.gauge.moves import powers
from richc.pipeline import ModelResult
from richc.spec import infer
from richc.spec.activation import Activation
from richc.spec.carried import with_carried
from richc.spec.expressions import Rejected
from richc.spec.infer import Frame
from richc.spec.model import Dim, Model, Tensor, map_tensors
from richc.spec.places import place_of
from richc.syntax import tree

#: Role, fan-in and the activation before: the layers of one statement differ in nothing else.
Kind = tuple[str, Dim, Activation | None]


class TensorBlock(NamedTuple):
    """The weights, or the biases, of one statement: what one block says of them."""

    statement: tree.Layer
    of_bias: bool
    #: One layer of every kind: the first of a statement may be the read-in.
    members: tuple[int, ...]
    repeats: int
    written: Mapping[str, tree.Option]
    span: Span

    @property
    def words(self) -> str:
        name = f"`{self.statement.name.text}`"
        return f"the bias of {name}" if self.of_bias else name

    def span_of(self, *attributes: str) -> Span:
        found = (self.written[a].value.span for a in attributes if a in self.written)
        return next(found, self.span)


class Unmovable(Exception):
    """Why a model cannot be moved."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class Reading:
    """One model of a text."""

    def __init__(self, result: ModelResult, text: str) -> None:
        self.model = result.spec
        self.node = result.context.node
        self.size = result.context.size
        self.text = text
        self.words = Words(self.model)
        self.powers = powers(self.model.optimizer.name)
        self._read_optimizer()
        self.frame = _frame(self.model)
        self.places = list(self._places())

    def _read_optimizer(self) -> None:
        node = next(s for s in self.node.statements if isinstance(s, tree.Optimizer))
        given = {
            item.name.text: item.value
            for item in (node.block.items if node.block else ())
            if isinstance(item, tree.Option) and not isinstance(item.value, tree.String | tree.List)
        }
        self.global_words = {
            name: self.words.of_model(given[option])
            for name, option in (("lr", "lr"), ("decay", "weight_decay"), ("eps", "eps"))
            if option in given
        }
        values = {name: self.words.concrete(v) for name, v in self.global_words.items()}
        self.decay, self.eps = values.get("decay", ZERO), values.get("eps")

    def _places(self) -> Iterator[TensorBlock]:
        statements = {s.name.text: s for s in self.node.statements if isinstance(s, tree.Layer)}
        numbered = enumerate(self.model.layers)
        for name, run in groupby(numbered, key=lambda item: item[1].statement):
            statement = statements[name]
            layers = list(run)
            kinds: dict[Kind, int] = {}
            for index, _ in layers:
                kinds.setdefault(self.kind(index), index)
            members = tuple(kinds.values())
            items = statement.block.items if statement.block else ()
            yield TensorBlock(
                statement, False, members, len(layers), _options(items), statement.name.span
            )
            section = next((item for item in items if item.name.text == "bias"), None)
            if section is not None:
                inner = section.block.items if isinstance(section, tree.Section) else ()
                yield TensorBlock(
                    statement, True, members, len(layers), _options(inner), section.name.span
                )

    def kind(self, index: int) -> Kind:
        layer = self.model.layers[index]
        before = self.model.layers[index - 1].activation if index else None
        return layer.role, layer.fan_in, before

    def tensor(self, place: TensorBlock, member: int, model: Model | None = None) -> Tensor:
        layer = (model or self.model).layers[member]
        tensor = layer.bias if place.of_bias else layer.weight
        assert tensor is not None
        return tensor

    def dims(self, place: TensorBlock, member: int) -> Dims:
        layer = self.model.layers[member]
        return Dims(layer.fan_in, layer.fan_out, place.of_bias)

    def all_dims(self, place: TensorBlock) -> list[Dims]:
        return [self.dims(place, member) for member in place.members]

    def value(self, place: TensorBlock, attribute: str) -> Monomial | None:
        """An attribute as it is, in words; None where the members have no one formula for it."""
        dims = self.all_dims(place)
        if attribute == "std" and "var" in place.written:
            value = self.written(place, "var", dims)
            return None if value is None else value.root()
        if attribute in place.written:
            return self.written(place, attribute, dims)
        values = [attribute_of(self.tensor(place, m), attribute) for m in place.members]
        known = self.global_words.get(attribute) if attribute in ("decay", "eps") else None
        if known is not None and all(
            is_equal(self.words.concrete(known, d), v) for d, v in zip(dims, values, strict=True)
        ):
            return known
        return self.words.lift(values, dims)

    def written(self, place: TensorBlock, attribute: str, dims: Sequence[Dims]) -> Monomial | None:
        node = place.written[attribute].value
        assert not isinstance(node, tree.String | tree.List)
        try:
            return self.words.of_layer(node, dims)
        except Rejected as rejected:
            raise Unmovable(rejected.diagnostic) from None

    def gain(self, member: int) -> Monomial:
        before = self.model.layers[member - 1].activation if member else None
        return infer.gain(self.model.layers[member].role, before)

    def inferred(
        self, place: TensorBlock, member: int, frame: Frame, tensor: Tensor
    ) -> infer.InferredKnobs:
        layer = self.model.layers[member]
        before = self.model.layers[member - 1].activation if member else None
        if place.of_bias:
            has_std = "std" in place.written or "var" in place.written
            return infer.bias(frame, place_of(layer, before), tensor.std if has_std else None)
        return infer.weight(frame, place_of(layer, before))

    def defaults(
        self, place: TensorBlock, member: int, frame: Frame | None, model: Model, carried: Model
    ) -> dict[str, Monomial | None]:
        """What each attribute is when it is not written and all others are those of ``model``."""
        tensor = self.tensor(place, member, model)
        unwritten = self.tensor(place, member, carried)
        if frame is None:
            found = infer.InferredKnobs(ONE, None, ONE)
        else:
            found = self.inferred(place, member, frame, tensor)
        return {
            "scale": found.scale,
            "std": found.std,
            "lr": None if frame is None else found.lr,
            "decay": unwritten.decay,
            "eps": unwritten.eps,
        }

    def carried(self, model: Model, frame: Frame | None) -> Model:
        """The model with the decay and eps that it has where no layer writes any."""
        has_eps = model.optimizer.law.eps is not None

        def plain(tensor: Tensor) -> Tensor:
            places = tuple(p for p in tensor.places if p[0] not in ("decay", "eps"))
            eps = self.eps if has_eps else None
            return tensor._replace(decay=self.decay, eps=eps, places=places)

        gauge = model.gauge if frame is None or model.gauge is None else frame.gauge
        model = map_tensors(model, plain)._replace(gauge=gauge)
        return with_carried(model, () if self.eps is None else (model.optimizer.name,))


def _frame(model: Model) -> Frame | None:
    if model.parameterization is None:
        return None
    return Frame(
        model.parameterization,
        model.gauge or "stp",
        model.optimizer.name,
        model.optimizer.shape_factor,
        model.base_width is not None,
    )


def _options(items: Sequence[tree.Item]) -> dict[str, tree.Option]:
    return {item.name.text: item for item in items if isinstance(item, tree.Option)}


def attribute_of(tensor: Tensor, name: str) -> Monomial:
    value: Monomial | None = getattr(tensor, name)
    assert value is not None
    return value
