"""A text in another gauge: comments and layout kept, every value exact, in the file's own words.

A model is moved tensor by tensor.  What is written moves as a formula; what is left to inference
stays unwritten where inference, in the gauge that the text then names, gives what the move needs.
In the end the new text is read again and compared with the move: richc never writes a text that
is not the same network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from richc.diagnostics import Diagnostic, Edit, Label, Span, apply
from richc.gauge import blocks, messages
from richc.gauge.blocks import Block
from richc.gauge.equivalence import IDENTICAL, compare
from richc.gauge.moves import KNOBS, Condition, Target, moved, powers
from richc.gauge.words import Dims, Words, is_equal
from richc.pipeline import FileResult, ModelResult, analyse
from richc.scaling.monomial import ONE, ZERO, Affine, Monomial
from richc.spec import infer
from richc.spec.carried import with_carried
from richc.spec.expressions import Rejected
from richc.spec.infer import STANDARD, Frame
from richc.spec.model import Activation, Dim, Layer, Model, Tensor, map_tensors
from richc.syntax import tree
from richc.syntax.source import MAX_BYTES
from richc.words import GAUGES

_ATTRIBUTES = ("scale", "std", "lr", "decay", "eps")
#: What does not matter to a tensor that does not train.
_OF_TRAINING = ("lr", "decay", "eps")


class Regauged(NamedTuple):
    """The new text, or why there is none."""

    text: str
    refusals: tuple[Diagnostic, ...]
    #: Requirements that were true before and no longer are.
    broken: tuple[Diagnostic, ...]


class UnknownLayer(ValueError):
    """A condition on a layer, or a bias, that is not there."""


class RewriteBug(Exception):
    """The new text is not what the move makes of the old one: nothing is written then."""


class _Refused(Exception):
    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def regauge(result: FileResult, target: Target, model: str | None = None) -> Regauged:
    """Move the models of an analysed text (or one of them), none of which has errors of names.

    Raises UnknownLayer.
    """
    text = result.source.text
    chosen = [m for m in result.models if model in (None, m.spec.name)]
    _refuse_unknown_layers(chosen, target)
    unwritten = [
        messages.holes([h.place for h in m.spec.inferred]) for m in chosen if m.spec.inferred
    ]
    if unwritten:
        return Regauged(text, tuple(unwritten), ())
    movers = [_Mover(m, target, text) for m in chosen]
    refusals: list[Diagnostic] = []
    edits: list[Edit] = []
    for mover in movers:
        edits += mover.edits()
        refusals += _merged(mover.refusals)
    if refusals:
        return Regauged(text, tuple(refusals), ())
    new_text = apply(text, edits)
    if new_text == text:
        return Regauged(text, (), ())
    if len(new_text.encode()) > MAX_BYTES:
        span = movers[0].model.name_place
        return Regauged(text, (messages.too_large(MAX_BYTES // 1024, span),), ())
    after = analyse(new_text, result.source.path)
    refusals = [
        messages.out_of_range(d.message, mover.model.name_place)
        for mover in movers
        for d in after.diagnostics
        if d.code == "R024" and d.model == mover.model.name
    ]
    if refusals:
        # One value that no float holds makes others such.
        return Regauged(text, tuple(refusals[:1]), ())
    for mover in movers:
        mover.check(after)
    return Regauged(new_text, (), tuple(_broken(result, after)))


def _refuse_unknown_layers(chosen: Sequence[ModelResult], target: Target) -> None:
    for condition in target.conditions:
        for result in chosen:
            layers = [x for x in result.spec.layers if condition.statement in (None, x.statement)]
            if not layers:
                raise UnknownLayer(
                    f"model `{result.spec.name}` has no layer `{condition.statement}`"
                )
            if condition.of_bias and layers[0].bias is None:
                raise UnknownLayer(f"the layer `{condition.statement}` has no bias")


def _merged(refusals: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """One refusal for one reason, with all places that it concerns."""
    by_message: dict[str, list[Diagnostic]] = {}
    for refusal in refusals:
        by_message.setdefault(refusal.message, []).append(refusal)
    for first, *others in by_message.values():
        yield first._replace(labels=tuple(Label(d.span, d.label) for d in others))


def _broken(before: FileResult, after: FileResult) -> Iterator[Diagnostic]:
    known = {(d.model, d.message) for d in before.diagnostics if d.code == "R502"}
    for diagnostic in after.diagnostics:
        if diagnostic.code == "R502" and (diagnostic.model, diagnostic.message) not in known:
            yield diagnostic


#: Role, fan-in and the activation before: the layers of one statement differ in nothing else.
_Kind = tuple[str, Dim, Activation | None]


class _Place(NamedTuple):
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


class _Move(NamedTuple):
    """t for each member of a place, and in words where one formula says it."""

    factors: tuple[Monomial, ...]
    words: Monomial | None


class _Mover:
    """One model on its way into another gauge."""

    def __init__(self, result: ModelResult, target: Target, text: str) -> None:
        self.model = result.spec
        self.node = result.context.node
        self.size = result.context.size
        self.target = target
        self.text = text
        self.words = Words(self.model)
        self.refusals: list[Diagnostic] = []
        self.powers = powers(self.model.optimizer.name)
        self._read_optimizer()
        self.frame = _frame(self.model)
        self.places = list(self._places())
        #: What every tensor must come to; filled in by ``edits``.
        self.needed = self.model

    # ---- reading ----

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

    def _places(self) -> Iterator[_Place]:
        statements = {s.name.text: s for s in self.node.statements if isinstance(s, tree.Layer)}
        numbered = enumerate(self.model.layers)
        for name, run in groupby(numbered, key=lambda item: item[1].statement):
            statement = statements[name]
            layers = list(run)
            kinds: dict[_Kind, int] = {}
            for index, _ in layers:
                kinds.setdefault(self._kind(index), index)
            members = tuple(kinds.values())
            items = statement.block.items if statement.block else ()
            yield _Place(
                statement, False, members, len(layers), _options(items), statement.name.span
            )
            section = next((item for item in items if item.name.text == "bias"), None)
            if section is not None:
                inner = section.block.items if isinstance(section, tree.Section) else ()
                yield _Place(
                    statement, True, members, len(layers), _options(inner), section.name.span
                )

    def _kind(self, index: int) -> _Kind:
        layer = self.model.layers[index]
        before = self.model.layers[index - 1].activation if index else None
        return layer.role, layer.fan_in, before

    def _tensor(self, place: _Place, member: int, model: Model | None = None) -> Tensor:
        layer = (model or self.model).layers[member]
        tensor = layer.bias if place.of_bias else layer.weight
        assert tensor is not None
        return tensor

    def _dims(self, place: _Place, member: int) -> Dims:
        layer = self.model.layers[member]
        return Dims(layer.fan_in, layer.fan_out, place.of_bias)

    def _all_dims(self, place: _Place) -> list[Dims]:
        return [self._dims(place, member) for member in place.members]

    def _value(self, place: _Place, attribute: str) -> Monomial | None:
        """An attribute as it is, in words; None where the members have no one formula for it."""
        dims = self._all_dims(place)
        if attribute == "std" and "var" in place.written:
            value = self._written(place, "var", dims)
            return None if value is None else value.root()
        if attribute in place.written:
            return self._written(place, attribute, dims)
        values = [_attribute(self._tensor(place, m), attribute) for m in place.members]
        known = self.global_words.get(attribute) if attribute in ("decay", "eps") else None
        if known is not None and all(
            is_equal(self.words.concrete(known, d), v) for d, v in zip(dims, values, strict=True)
        ):
            return known
        return self.words.lift(values, dims)

    def _written(self, place: _Place, attribute: str, dims: Sequence[Dims]) -> Monomial | None:
        node = place.written[attribute].value
        assert not isinstance(node, tree.String | tree.List)
        try:
            return self.words.of_layer(node, dims)
        except Rejected as rejected:
            raise _Refused(rejected.diagnostic) from None

    # ---- the move of one place ----

    def _move(self, place: _Place, frame: Frame | None) -> _Move:
        """Raises _Refused."""
        name = place.statement.name.text
        conditions = [c for c in self.target.conditions if c.concerns(name, of_bias=place.of_bias)]
        if not conditions:
            return self._still(place)
        for condition in conditions:
            if condition.knob == "b" and not place.of_bias:
                self._refuse_zero_std(place)
        inferred = self._inferred_move(place, frame, conditions)
        if inferred is not None:
            return inferred
        if self.target.gauge is not None and self.powers[KNOBS[conditions[0].knob]]:
            words = self._to_one(place, conditions[0].knob)
        else:
            words = self._to_exponents(place, conditions)
        if words is None:
            return self._still(place)
        factors = tuple(self.words.concrete(words, d) for d in self._all_dims(place))
        return _Move(factors, words)

    def _still(self, place: _Place) -> _Move:
        return _Move(tuple(ONE for _ in place.members), ONE)

    def _refuse_zero_std(self, place: _Place) -> None:
        if any(self._tensor(place, member).std.is_zero for member in place.members):
            raise _Refused(messages.zero_std(place.words, place.span_of("std", "var")))

    def _inferred_move(
        self, place: _Place, frame: Frame | None, conditions: Sequence[Condition]
    ) -> _Move | None:
        """The move that inference makes by itself, where it reaches the target."""
        if frame is None or frame.parameterization == STANDARD or "scale" in place.written:
            return None
        factors = []
        for member in place.members:
            tensor = self._tensor(place, member)
            scale = self._inferred(place, member, frame, tensor).scale
            factors.append(scale.over(tensor.scale))
            after = moved(tensor, factors[-1], self.model.optimizer.name)
            for condition in conditions:
                exponent = self._exponent(after, condition.knob)
                if exponent is not None and exponent != condition.exponent:
                    return None
        return _Move(tuple(factors), self.words.lift(factors, self._all_dims(place)))

    def _exponent(self, tensor: Tensor, knob: str) -> Fraction | None:
        """q, where a knob goes like n^-q; None for zeros and what does not train."""
        value = _attribute(tensor, KNOBS[knob])
        if knob == "c":
            if tensor.frozen:
                return None
            value = value.times(self.model.optimizer.lr)
        return None if value.is_zero else -_finite(self.size(value))

    def _to_one(self, place: _Place, knob: str) -> Monomial | None:
        """The move that makes a knob 1, a std but for its gain; None where it is zero."""
        value = self._value(place, KNOBS[knob])
        if value is None:
            raise _Refused(messages.no_one_formula(place.words, place.repeats, place.span))
        if value.is_zero:
            return None
        if knob == "c" and (rate := self.global_words.get("lr")) is not None:
            # The optimizer's statement is left alone; what of it grows is taken back here.
            value = value.times(self.words.growing(rate, self._all_dims(place)))
        if knob == "b" and not place.of_bias:
            # The gain stays with the weights, where inference has it, too.
            plain = Monomial(tuple(p for p in value.powers if not isinstance(p[0], str)))
            if {self._gain(member) for member in place.members} == {plain}:
                value = value.over(plain)
        return value.power(Affine(-1 / self.powers[KNOBS[knob]]))

    def _gain(self, member: int) -> Monomial:
        before = self.model.layers[member - 1].activation if member else None
        return infer.gain(self.model.layers[member].role, before)

    def _to_exponents(self, place: _Place, conditions: Sequence[Condition]) -> Monomial | None:
        """A move that makes all conditions hold; None where nothing needs to move."""
        found: list[tuple[Condition, list[Fraction]]] = []
        for condition in conditions:
            asked = [self._shift(place, member, condition) for member in place.members]
            known = [shift for shift in asked if shift is not None]
            if known:
                found.append((condition, known))
        if not found:
            return None
        (first, shifts), *others = found
        for other, other_shifts in others:
            if shifts != other_shifts:
                raise _Refused(self._contradiction(place, first, shifts, other, other_shifts))
        if not any(shifts):
            return None
        dims = self._all_dims(place)
        # They agree on the power; one that takes it away altogether leaves the simplest formulas.
        first = min((condition for condition, _ in found), key=lambda c: c.exponent != 0)
        power = self.powers[KNOBS[first.knob]]
        value = self._value(place, KNOBS[first.knob])
        if value is not None:
            if first.knob == "c" and (rate := self.global_words.get("lr")) is not None:
                value = value.times(rate)
            wanted = self.words.ratio.power(Affine(-first.exponent))
            words = wanted.over(self.words.growing(value, dims)).power(Affine(1 / power))
            if [self.words.exponent(words, d) for d in dims] == shifts:
                return words
        if len(set(shifts)) > 1:
            raise _Refused(messages.no_one_formula(place.words, place.repeats, place.span))
        return self.words.ratio.power(Affine(shifts[0]))

    def _shift(self, place: _Place, member: int, condition: Condition) -> Fraction | None:
        """The exponent of t that one condition asks for; None where it asks for nothing."""
        current = self._exponent(self._tensor(place, member), condition.knob)
        if current is None:
            return None
        power = self.powers[KNOBS[condition.knob]]
        if power:
            return (current - condition.exponent) / power
        if current != condition.exponent:
            gauge = self.target.gauge
            wanted = f"the {gauge} gauge" if gauge else f"c = {condition.exponent}"
            name = self.model.optimizer.name
            place_of_rate = place.span_of("lr")
            raise _Refused(messages.fixed_rate(name, wanted, current, place_of_rate))
        return None

    def _contradiction(
        self,
        place: _Place,
        first: Condition,
        shifts: Sequence[Fraction],
        other: Condition,
        other_shifts: Sequence[Fraction],
    ) -> Diagnostic:
        at = next(
            (i for i, (x, y) in enumerate(zip(shifts, other_shifts, strict=False)) if x != y), 0
        )
        attribute = KNOBS[other.knob]
        span = place.span_of(attribute, "var") if attribute == "std" else place.span_of(attribute)
        return messages.contradiction(
            place.words,
            first.knob,
            first.exponent,
            -shifts[at],
            other.knob,
            other.exponent,
            -other_shifts[at],
            span,
        )

    # ---- what inference would say ----

    def _inferred(self, place: _Place, member: int, frame: Frame, tensor: Tensor) -> infer.Inferred:
        layer = self.model.layers[member]
        if place.of_bias:
            has_std = "std" in place.written or "var" in place.written
            return infer.bias(frame, layer.role, tensor.std if has_std else None)
        before = self.model.layers[member - 1].activation if member else None
        return infer.weight(frame, layer.role, layer.fan_in, before)

    def _defaults(
        self, place: _Place, member: int, frame: Frame | None, model: Model, carried: Model
    ) -> dict[str, Monomial | None]:
        """What each attribute is when it is not written and all others are those of ``model``."""
        tensor = self._tensor(place, member, model)
        unwritten = self._tensor(place, member, carried)
        if frame is None:
            found = infer.Inferred(ONE, None, ONE)
        else:
            found = self._inferred(place, member, frame, tensor)
        return {
            "scale": found.scale,
            "std": found.std,
            "lr": None if frame is None else found.lr,
            "decay": unwritten.decay,
            "eps": unwritten.eps,
        }

    def _carried(self, model: Model, frame: Frame | None) -> Model:
        """The model with the decay and eps that it has where no layer writes any."""
        has_eps = model.optimizer.law.eps is not None

        def plain(tensor: Tensor) -> Tensor:
            places = tuple(p for p in tensor.places if p[0] not in ("decay", "eps"))
            eps = self.eps if has_eps else None
            return tensor._replace(decay=self.decay, eps=eps, places=places)

        gauge = model.gauge if frame is None or model.gauge is None else frame.gauge
        model = map_tensors(model, plain)._replace(gauge=gauge)
        return with_carried(model, eps_given=self.eps is not None)

    # ---- writing ----

    def edits(self) -> list[Edit]:
        """The edits of the model's text; what cannot be done is in ``refusals``."""
        first: list[Diagnostic] | None = None
        for frame in self._frames():
            self.refusals.clear()
            moves = self._moves(frame)
            edits = [] if self.refusals else self._edits(frame, moves)
            if not self.refusals:
                return edits
            first = first or list(self.refusals)
        self.refusals = first or []
        return []

    def _frames(self) -> Iterator[Frame | None]:
        """The gauges that the text may name, the best first."""
        frame = self.frame
        if frame is None or frame.parameterization == STANDARD:
            yield frame
            return
        has_mup = self.powers["lr"] != 0
        if self.target.gauge is not None:
            gauge = self.target.gauge
            yield frame._replace(gauge=gauge) if gauge != "mup" or has_mup else frame
            return
        gauges = [frame.gauge]
        if all(condition.statement is None for condition in self.target.conditions):
            gauges += [g for g in GAUGES if g != frame.gauge and (g != "mup" or has_mup)]
        frames = [frame._replace(gauge=gauge) for gauge in gauges]
        yield from sorted(frames, key=self._count_of_written)

    def _count_of_written(self, frame: Frame) -> int:
        """Where inference does not make the conditions hold, so that values have to be written."""
        conditions = self.target.conditions
        return sum(self._inferred_move(p, frame, conditions) is None for p in self.places)

    def _moves(self, frame: Frame | None) -> list[_Move]:
        moves = []
        for place in self.places:
            try:
                moves.append(self._move(place, frame))
            except _Refused as refused:
                self.refusals.append(refused.diagnostic._replace(model=self.model.name))
        return moves

    def _edits(self, frame: Frame | None, moves: Sequence[_Move]) -> list[Edit]:
        self._move_model(moves)
        before = self._carried(self.model, self.frame)
        after = self._carried(self.needed, frame)
        new_blocks: dict[tuple[str, bool], Block] = {}
        edits: list[Edit] = []
        for place, move in zip(self.places, moves, strict=True):
            try:
                new_blocks[place.statement.name.text, place.of_bias] = self._block(
                    place, move, frame, before, after
                )
            except _Refused as refused:
                self.refusals.append(refused.diagnostic._replace(model=self.model.name))
        if self.refusals:
            return []
        for place in self.places:
            if place.of_bias:
                continue
            name = place.statement.name.text
            block = new_blocks[name, False]
            if (name, True) in new_blocks:
                block = block.replaced("bias", "bias" + new_blocks[name, True].text)
            span = Span(place.statement.dim.span.end, place.statement.span.end)
            if block.text != self.text[span.start : span.end]:
                edits.append(Edit(span, block.text))
        if frame is not None and self.frame is not None and frame.gauge != self.frame.gauge:
            edits.append(self._gauge_edit(frame.gauge))
        return edits

    def _move_model(self, moves: Sequence[_Move]) -> None:
        """Apply the moves to the specification."""
        factors: dict[tuple[str, bool], dict[_Kind, Monomial]] = {}
        for place, move in zip(self.places, moves, strict=True):
            kinds = map(self._kind, place.members)
            factors[place.statement.name.text, place.of_bias] = dict(
                zip(kinds, move.factors, strict=True)
            )
        name = self.model.optimizer.name

        def layer_moved(index: int, layer: Layer) -> Layer:
            kind = self._kind(index)
            weight = moved(layer.weight, factors[layer.statement, False][kind], name)
            bias = layer.bias
            if bias is not None:
                bias = moved(bias, factors[layer.statement, True][kind], name)
            return layer._replace(weight=weight, bias=bias)

        layers = tuple(layer_moved(i, layer) for i, layer in enumerate(self.model.layers))
        self.needed = self.model._replace(layers=layers)

    def _block(
        self, place: _Place, move: _Move, frame: Frame | None, before: Model, after: Model
    ) -> Block:
        """The place's block after the move.  Raises _Refused."""
        block = self._read_block(place)
        old = [self._defaults(place, m, self.frame, self.model, before) for m in place.members]
        new = [self._defaults(place, m, frame, self.needed, after) for m in place.members]
        for attribute in (*_ATTRIBUTES, "var"):
            if attribute in place.written:
                block = self._with_written(place, move, block, attribute, old, new)
            elif attribute != "var" and not (attribute == "std" and "var" in place.written):
                block = self._with_unwritten(place, move, block, attribute, new)
        return block

    def _read_block(self, place: _Place) -> Block:
        if not place.of_bias:
            return blocks.read(self.text, place.statement.dim.span.end, place.statement.block)
        assert place.statement.block is not None
        section = next(i for i in place.statement.block.items if i.name.text == "bias")
        inner = section.block if isinstance(section, tree.Section) else None
        return blocks.read(self.text, section.name.span.end, inner)

    def _with_written(
        self,
        place: _Place,
        move: _Move,
        block: Block,
        attribute: str,
        old: Sequence[Mapping[str, Monomial | None]],
        new: Sequence[Mapping[str, Monomial | None]],
    ) -> Block:
        """The block with a written attribute moved, or taken out where it has become needless."""
        node = place.written[attribute]
        of_tensor = "std" if attribute == "var" else attribute
        values = [_attribute(self._tensor(place, m), of_tensor) for m in place.members]
        if all(value.is_zero for value in values):
            return block
        needed = [_attribute(self._tensor(place, m, self.needed), of_tensor) for m in place.members]
        if (
            attribute != "var"
            and not (attribute == "lr" and self._thaws(place))
            and _all_equal([of[attribute] for of in new], needed)
            and not _all_equal([of[attribute] for of in old], values)
            and (shorter := block.without(attribute)) is not None
        ):
            return shorter
        power = Affine(self.powers[attribute])
        if all(t.power(power) == ONE for t in move.factors):
            return block
        value = self._written(place, attribute, self._all_dims(place))
        if value is not None and move.words is not None:
            value = value.times(move.words.power(power))
        else:
            if attribute == "var":
                needed = [value.times(value) for value in needed]
            value = self.words.lift(needed, self._all_dims(place))
        if value is None:
            raise _Refused(messages.no_one_formula(place.words, place.repeats, node.value.span))
        head = self.text[node.span.start : node.value.span.start]
        return block.replaced(attribute, head + self.words.formula(value))

    def _with_unwritten(
        self,
        place: _Place,
        move: _Move,
        block: Block,
        attribute: str,
        new: Sequence[Mapping[str, Monomial | None]],
    ) -> Block:
        """The block with an attribute that inference would not give."""
        tensors = [self._tensor(place, member, self.needed) for member in place.members]
        if attribute in _OF_TRAINING and all(tensor.frozen for tensor in tensors):
            return block
        if attribute == "eps" and tensors[0].eps is None:
            return block
        needed = [_attribute(tensor, attribute) for tensor in tensors]
        if _all_equal([of[attribute] for of in new], needed):
            return block
        dims = self._all_dims(place)
        words = self._value(place, attribute)
        value = None
        if words is not None and move.words is not None:
            value = words.times(move.words.power(Affine(self.powers[attribute])))
        if value is None:
            value = self.words.lift(needed, dims)
        if value is None:
            raise _Refused(messages.no_one_formula(place.words, place.repeats, place.span))
        return block.with_item(attribute, f"{attribute} = {self.words.formula(value)}")

    def _thaws(self, place: _Place) -> bool:
        """True for a bias that trains only because a rate is written: its weight is frozen."""
        return place.of_bias and self.model.layers[place.members[0]].weight.frozen

    def _gauge_edit(self, gauge: str) -> Edit:
        """The ``gauge`` option, which is left out for the one that is meant without it."""
        node = next(s for s in self.node.statements if isinstance(s, tree.Parameterization))
        if not node.options:
            return Edit(Span(node.span.end, node.span.end), f", gauge = {gauge}")
        (option,) = node.options
        if gauge == "stp" and self.text[node.preset.span.end : option.span.start] == ", ":
            return Edit(Span(node.preset.span.end, option.span.end), "")
        return Edit(option.value.span, gauge)

    # ---- checking ----

    def check(self, after: FileResult) -> None:
        """Hold the new text to the move.  Raises RewriteBug."""
        name = self.model.name
        found = [m.spec for m in after.models if m.spec.name == name]
        if len(found) != 1:
            raise RewriteBug(f"{name}: {[d.message for d in after.diagnostics]}")
        for layer, needed in zip(found[0].layers, self.needed.layers, strict=True):
            for tensor, other in zip(layer.tensors, needed.tensors, strict=True):
                for attribute in _ATTRIBUTES:
                    is_idle = attribute in _OF_TRAINING and tensor.frozen
                    if is_idle or (attribute == "eps" and other.eps is None):
                        continue
                    if not is_equal(_attribute(tensor, attribute), _attribute(other, attribute)):
                        raise RewriteBug(f"{name}: {attribute} of {layer.name}")
        verdict = compare(self.model, found[0], rescaling=False)
        if verdict.status != IDENTICAL:
            raise RewriteBug(f"{name}: {verdict}")


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


def _attribute(tensor: Tensor, name: str) -> Monomial:
    value: Monomial | None = getattr(tensor, name)
    assert value is not None
    return value


def _finite(size: object) -> Fraction:
    assert isinstance(size, Fraction)
    return size


def _all_equal(some: Sequence[Monomial | None], others: Sequence[Monomial]) -> bool:
    return all(x is not None and is_equal(x, y) for x, y in zip(some, others, strict=True))
