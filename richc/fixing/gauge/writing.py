"""The blocks of a moved model: what is written, and what inference gives as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from richc.algebra.monomial import ONE, Affine, Monomial
from richc.diagnostics import Diagnostic, Edit, Span
from richc.fixing.gauge import blocks, refusals
from richc.fixing.gauge.blocks import BlockText
from richc.fixing.gauge.moving import Factors
from richc.fixing.gauge.reading import Reading, TensorBlock, Unmovable, attribute_of
from richc.fixing.gauge.words import is_equal
from richc.gauge.moves import moved
from richc.spec.infer import Frame
from richc.spec.model import Layer, Model, Tensor
from richc.spec.places import LayerPlace
from richc.syntax import tree

ATTRIBUTES = ("scale", "std", "lr", "decay", "eps")
#: What does not matter to a tensor that does not train.
OF_TRAINING = ("lr", "decay", "eps")


class Writing:
    """The edits of one model's text, for moves of all its places."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        #: What every tensor must come to; filled in by ``edits``.
        self.needed = reading.model

    def edits(
        self, frame: Frame | None, moves: Sequence[Factors]
    ) -> tuple[list[Edit], list[Diagnostic]]:
        """The edits, or why there are none; ``frame``: the gauge that the text then names."""
        self._move_model(moves)
        before = self.reading.carried(self.reading.model, self.reading.frame)
        after = self.reading.carried(self.needed, frame)
        new_blocks: dict[tuple[str, bool], BlockText] = {}
        edits: list[Edit] = []
        refusals: list[Diagnostic] = []
        for place, move in zip(self.reading.places, moves, strict=True):
            try:
                new_blocks[place.name, place.of_bias] = self._block(
                    place, move, frame, before, after
                )
            except Unmovable as refused:
                refusals.append(refused.diagnostic)
        if refusals:
            return [], refusals
        for name, of_statement in groupby(self.reading.places, key=lambda place: place.name):
            place = next(of_statement)
            block = new_blocks.get((name, False)) or self._whole_block(place)
            if (name, True) in new_blocks:
                block = block.replaced("bias", "bias" + new_blocks[name, True].text)
            span = Span(place.head_end, place.statement.span.end)
            if block.text != self.reading.text[span.start : span.end]:
                edits.append(Edit(span, block.text))
        if (
            frame is not None
            and self.reading.frame is not None
            and frame.gauge != self.reading.frame.gauge
        ):
            edits.append(self._gauge_edit(frame.gauge))
        return edits, []

    def _move_model(self, moves: Sequence[Factors]) -> None:
        """Apply the moves to the specification."""
        factors: dict[tuple[str, bool], dict[LayerPlace, Monomial]] = {}
        for place, move in zip(self.reading.places, moves, strict=True):
            kinds = map(self.reading.kind, place.members)
            factors[place.name, place.of_bias] = dict(zip(kinds, move.factors, strict=True))

        def tensor_moved(tensor: Tensor, index: int, *, of_bias: bool) -> Tensor:
            statement = self.reading.model.layers[index].statement
            of_kinds = factors.get((statement, of_bias))
            if of_kinds is None:  # A gain has no multiplier.
                return tensor
            optimizer = self.reading.model.optimizer_of(tensor).name
            return moved(tensor, of_kinds[self.reading.kind(index)], optimizer)

        def layer_moved(index: int, layer: Layer) -> Layer:
            weight = tensor_moved(layer.weight, index, of_bias=False)
            bias = layer.bias
            if bias is not None:
                bias = tensor_moved(bias, index, of_bias=True)
            return layer._replace(weight=weight, bias=bias)

        layers = tuple(layer_moved(i, layer) for i, layer in enumerate(self.reading.model.layers))
        self.needed = self.reading.model._replace(layers=layers)

    def _block(
        self, place: TensorBlock, move: Factors, frame: Frame | None, before: Model, after: Model
    ) -> BlockText:
        """The place's block after the move.  Raises Unmovable."""
        block = self._read_block(place)
        old = [
            self.reading.defaults(place, m, self.reading.frame, self.reading.model, before)
            for m in place.members
        ]
        new = [self.reading.defaults(place, m, frame, self.needed, after) for m in place.members]
        for attribute in (*ATTRIBUTES, "var"):
            if attribute in place.written:
                block = self._with_written(place, move, block, attribute, old, new)
            elif attribute != "var" and not (attribute == "std" and "var" in place.written):
                block = self._with_unwritten(place, move, block, attribute, new)
        return block

    def _read_block(self, place: TensorBlock) -> BlockText:
        if not place.of_bias:
            return self._whole_block(place)
        assert place.statement.block is not None
        section = next(i for i in place.statement.block.items if i.name.text == "bias")
        inner = section.block if isinstance(section, tree.Section) else None
        return blocks.read(self.reading.text, section.name.span.end, inner)

    def _whole_block(self, place: TensorBlock) -> BlockText:
        """The block of the place's statement."""
        return blocks.read(self.reading.text, place.head_end, place.statement.block)

    def _with_written(
        self,
        place: TensorBlock,
        move: Factors,
        block: BlockText,
        attribute: str,
        old: Sequence[Mapping[str, Monomial | None]],
        new: Sequence[Mapping[str, Monomial | None]],
    ) -> BlockText:
        """The block with a written attribute moved, or taken out where it has become needless."""
        node = place.written[attribute]
        of_tensor = "std" if attribute == "var" else attribute
        values = [attribute_of(self.reading.tensor(place, m), of_tensor) for m in place.members]
        if all(value.is_zero for value in values):
            return block
        needed = [
            attribute_of(self.reading.tensor(place, m, self.needed), of_tensor)
            for m in place.members
        ]
        if (
            attribute != "var"
            and not (attribute == "lr" and self._thaws(place))
            and _all_equal([of[attribute] for of in new], needed)
            and not _all_equal([of[attribute] for of in old], values)
            and (shorter := block.without(attribute)) is not None
        ):
            return shorter
        power = Affine(self.reading.powers(place)[attribute])
        if all(t.power(power) == ONE for t in move.factors):
            return block
        value = self.reading.written(place, attribute, self.reading.all_dims(place))
        if value is not None and move.words is not None:
            value = value.times(move.words.power(power))
        else:
            if attribute == "var":
                needed = [value.times(value) for value in needed]
            value = self.reading.words.lift(needed, self.reading.all_dims(place))
        if value is None:
            raise Unmovable(refusals.no_one_formula(place.words, place.repeats, node.value.span))
        head = self.reading.text[node.span.start : node.value.span.start]
        return block.replaced(attribute, head + self.reading.words.formula(value))

    def _with_unwritten(
        self,
        place: TensorBlock,
        move: Factors,
        block: BlockText,
        attribute: str,
        new: Sequence[Mapping[str, Monomial | None]],
    ) -> BlockText:
        """The block with an attribute that inference would not give."""
        tensors = [self.reading.tensor(place, member, self.needed) for member in place.members]
        if attribute in OF_TRAINING and all(tensor.frozen for tensor in tensors):
            return block
        if attribute == "eps" and tensors[0].eps is None:
            return block
        needed = [attribute_of(tensor, attribute) for tensor in tensors]
        if _all_equal([of[attribute] for of in new], needed):
            return block
        dims = self.reading.all_dims(place)
        words = self.reading.value(place, attribute)
        value = None
        if words is not None and move.words is not None:
            value = words.times(move.words.power(Affine(self.reading.powers(place)[attribute])))
        if value is None:
            value = self.reading.words.lift(needed, dims)
        if value is None:
            raise Unmovable(refusals.no_one_formula(place.words, place.repeats, place.span))
        return block.with_item(attribute, f"{attribute} = {self.reading.words.formula(value)}")

    def _thaws(self, place: TensorBlock) -> bool:
        """True for a bias that trains only because a rate is written: its weight is frozen."""
        return place.of_bias and self.reading.model.layers[place.members[0]].weight.frozen

    def _gauge_edit(self, gauge: str) -> Edit:
        """The ``gauge`` option, which is left out for the one that is meant without it."""
        node = next(s for s in self.reading.node.statements if isinstance(s, tree.Parameterization))
        at = next((i for i, o in enumerate(node.options) if o.name.text == "gauge"), None)
        if at is None:
            return Edit(Span(node.span.end, node.span.end), f", gauge = {gauge}")
        option = node.options[at]
        before = node.options[at - 1].span.end if at else node.preset.span.end
        if gauge == "stp" and self.reading.text[before : option.span.start] == ", ":
            return Edit(Span(before, option.span.end), "")
        return Edit(option.value.span, gauge)


def _all_equal(some: Sequence[Monomial | None], others: Sequence[Monomial]) -> bool:
    return all(x is not None and is_equal(x, y) for x, y in zip(some, others, strict=True))
