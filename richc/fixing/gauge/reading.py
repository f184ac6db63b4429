"""What a text says of one model, tensor by tensor, in the file's own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from richc.algebra.monomial import ONE, ZERO, Monomial
from richc.diagnostics import Diagnostic, Span
from richc.fixing.gauge.words import Dims, Words, is_equal
from richc.gauge.moves import powers
from richc.pipeline import ModelResult
from richc.spec import infer
from richc.spec.carried import with_carried
from richc.spec.expressions import Rejected
from richc.spec.infer import Frame
from richc.spec.model import Model, Optimizer, Tensor, map_tensors
from richc.spec.places import LayerPlace, places_of
from richc.syntax import tree

#: What of a model has tensors, in their order.
_STATEMENTS = (tree.Layer, tree.Norm)


class TensorBlock(NamedTuple):
    """The weights, or the biases, of one statement: what one block says of them.

    A norm has none but its bias: nothing multiplies a gain, so that it has no gauge.
    """

    statement: tree.Layer | tree.Norm
    #: With the names of what it stands in: ``blocks.mlp.up``.
    name: str
    of_bias: bool
    #: One layer of every kind: the first of a statement may be the read-in.
    members: tuple[int, ...]
    repeats: int
    written: Mapping[str, tree.Option]
    span: Span

    @property
    def words(self) -> str:
        return f"the bias of `{self.name}`" if self.of_bias else f"`{self.name}`"

    @property
    def head_end(self) -> int:
        """Where what stands before the statement's block ends."""
        node = self.statement
        return (node.dim if isinstance(node, tree.Layer) else node.kind).span.end

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
        nodes = [s for s in self.node.statements if isinstance(s, tree.Optimizer)]
        #: By the optimizers' words: what their statements say of rates, decays and eps.
        self._global_words = {node.name.text: self._options_of(node) for node in nodes}
        self.frame = _frame(self.model)
        self._kinds = [p._replace(slot=0, position=0) for p in places_of(self.model)]
        self.places = list(self._places())

    def _options_of(self, node: tree.Optimizer) -> Mapping[str, Monomial]:
        given = {
            item.name.text: item.value
            for item in (node.block.items if node.block else ())
            if isinstance(item, tree.Option) and not isinstance(item.value, tree.String | tree.List)
        }
        return {
            name: self.words.of_model(given[option])
            for name, option in (("lr", "lr"), ("decay", "weight_decay"), ("eps", "eps"))
            if option in given
        }

    def optimizer(self, place: TensorBlock) -> Optimizer:
        """The optimizer that trains a place's tensors."""
        return self.model.optimizer_of(self.tensor(place, place.members[0]))

    def powers(self, place: TensorBlock) -> Mapping[str, Fraction]:
        """Attribute -> the power of t that a move of this place multiplies it by."""
        return powers(self.optimizer(place).name)

    def global_words(self, place: TensorBlock) -> Mapping[str, Monomial]:
        """What the statement of a place's optimizer says: ``lr``, ``decay``, ``eps``."""
        return self._global_words[self.optimizer(place).name]

    def _places(self) -> Iterator[TensorBlock]:
        nodes = (s for s in tree.every(self.node.statements) if isinstance(s, _STATEMENTS))
        numbered = enumerate(self.model.layers)
        runs = groupby(numbered, key=lambda item: item[1].statement)
        for statement, (name, run) in zip(nodes, runs, strict=True):
            layers = list(run)
            kinds: dict[LayerPlace, int] = {}
            for index, _ in layers:
                kinds.setdefault(self.kind(index), index)
            members = tuple(kinds.values())
            items = statement.block.items if statement.block else ()
            if isinstance(statement, tree.Layer):
                span = statement.name.span
                written = _options(items)
                yield TensorBlock(statement, name, False, members, len(layers), written, span)
            section = next((item for item in items if item.name.text == "bias"), None)
            if section is not None:
                inner = section.block.items if isinstance(section, tree.Section) else ()
                written = _options(inner)
                span = section.name.span
                yield TensorBlock(statement, name, True, members, len(layers), written, span)

    def kind(self, index: int) -> LayerPlace:
        """The place of a layer, but for what the layers of one statement never differ in."""
        return self._kinds[index]

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
        known = None
        if attribute in ("decay", "eps"):
            known = self.global_words(place).get(attribute)
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
        kind = self.kind(member)
        return infer.gain(kind.role, kind.before)

    def inferred(
        self, place: TensorBlock, member: int, frame: Frame, tensor: Tensor
    ) -> infer.InferredKnobs:
        known = self.model.optimizer_of(tensor)
        frame = frame._replace(optimizer=known.name, shape_factor=known.shape_factor)
        if place.of_bias:
            has_std = "std" in place.written or "var" in place.written
            return infer.bias(frame, self.kind(member), tensor.std if has_std else None)
        return infer.weight(frame, self.kind(member))

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
        given = {
            name: {knob: self.words.concrete(value) for knob, value in words.items()}
            for name, words in self._global_words.items()
        }

        def plain(tensor: Tensor) -> Tensor:
            places = tuple(p for p in tensor.places if p[0] not in ("decay", "eps"))
            optimizer = model.optimizer_of(tensor)
            known = given[optimizer.name]
            eps = None if optimizer.law.eps is None else known.get("eps")
            return tensor._replace(decay=known.get("decay", ZERO), eps=eps, places=places)

        gauge = model.gauge if frame is None or model.gauge is None else frame.gauge
        model = map_tensors(model, plain)._replace(gauge=gauge)
        return with_carried(model, [name for name, known in given.items() if "eps" in known])


def _frame(model: Model) -> Frame | None:
    if model.parameterization is None:
        return None
    return Frame(
        model.parameterization,
        model.gauge or "stp",
        model.optimizer.name,
        model.optimizer.shape_factor,
        model.base_width is not None,
        Fraction(1) if model.depth_exponent is None else model.depth_exponent,
        model.depth is not None and model.depth.base is not None,
    )


def _options(items: Sequence[tree.Item]) -> dict[str, tree.Option]:
    return {item.name.text: item for item in items if isinstance(item, tree.Option)}


def attribute_of(tensor: Tensor, name: str) -> Monomial:
    value: Monomial | None = getattr(tensor, name)
    assert value is not None
    return value
