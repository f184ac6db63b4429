"""Where each layer of a network stands: what comes in, and what it does there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from richc.diagnostics import Label
from richc.spec import messages
from richc.spec.activation import Activation
from richc.spec.arrangement import Part, RepeatedBlocks, ResidualBlock, is_chain, last_dense
from richc.spec.items import Report
from richc.spec.model import (
    BRANCH,
    BRANCH_LAST,
    HIDDEN,
    READ_IN,
    READ_OUT,
    VECTOR,
    Dim,
    LayerKind,
    Model,
    Role,
)
from richc.spec.shapes import Slot


class LayerPlace(NamedTuple):
    """One layer of a slot."""

    slot: int
    #: Among the layers of its statement.
    position: int
    role: Role
    fan_in: Dim
    fan_out: Dim
    #: What the input has gone through since the layer, or the stream, before.
    before: Activation | None
    #: Whether as many blocks as the depth have it, and whether it stands in their stream.
    is_deep: bool = False
    is_of_stream: bool = False


class _Placed(Protocol):
    """What is asked of the layers of a statement; ``repeats`` of them follow each other."""

    @property
    def kind(self) -> LayerKind: ...
    @property
    def repeats(self) -> int: ...
    @property
    def dim(self) -> Dim: ...
    @property
    def activation(self) -> Activation | None: ...


class _Single(NamedTuple):
    """A layer of a model, which is one of its own here."""

    kind: LayerKind
    dim: Dim
    activation: Activation | None
    repeats: int = 1


def places_of(model: Model) -> tuple[LayerPlace, ...]:
    """Every layer of a model in its place; slots are the layers' indices."""
    layers = [_Single(layer.kind, layer.fan_out, layer.activation) for layer in model.layers]
    return tuple(places(layers, model.arrangement, model.input_dim))


def places(slots: Sequence[_Placed], parts: Sequence[Part], input_dim: int) -> Iterator[LayerPlace]:
    """Every layer in its place, in the order of the slots; parts are those of slots."""
    walk = _PlaceWalk(slots)
    yield from walk.along(parts, Dim(input_dim, wide=False), is_whole=True)


class _PlaceWalk:
    def __init__(self, slots: Sequence[_Placed]) -> None:
        self._slots = slots
        self._dim = Dim(1, wide=False)
        self._before: Activation | None = None
        self._has_begun = False

    def along(
        self,
        parts: Sequence[Part],
        source: Dim,
        *,
        is_whole: bool = False,
        in_branch: bool = False,
        is_deep: bool = False,
    ) -> Iterator[LayerPlace]:
        self._dim = source
        last = last_dense(parts, self._slots)
        for part in parts:
            if isinstance(part, int):
                yield from self._layers(part, is_whole, in_branch, is_deep, part == last)
            elif isinstance(part, Activation):
                self._before = part
            else:
                stream = self._dim
                if isinstance(part, ResidualBlock):
                    self._before = None
                    yield from self.along(part.parts, stream, in_branch=True, is_deep=is_deep)
                    self._before = None
                else:
                    # A typical block reads the one before it.
                    if part.times != 1:
                        self._before = self._end(part)
                    yield from self.along(part.parts, stream, is_deep=part.times is None)
                self._dim = stream

    def _end(self, part: RepeatedBlocks) -> Activation | None:
        """The activation that a block ends with."""
        ends = [self._slots[i].activation for i in part.parts[-1:] if isinstance(i, int)]
        return ends[0] if ends else None

    def _layers(
        self, index: int, is_whole: bool, in_branch: bool, is_deep: bool, is_last: bool
    ) -> Iterator[LayerPlace]:
        slot = self._slots[index]
        for position in range(slot.repeats):
            ends = is_last and position == slot.repeats - 1
            role = HIDDEN
            if slot.kind.is_norm:
                role = VECTOR
            elif in_branch:
                role = BRANCH_LAST if ends else BRANCH
            elif is_whole and ends:
                role = READ_OUT
            elif not self._has_begun:
                role = READ_IN
            fan_in = self._dim if slot.kind == LayerKind.DENSE else Dim(1, wide=False)
            fan_out = self._dim if slot.kind.is_norm else slot.dim
            of_stream = slot.kind.is_norm and not in_branch
            yield LayerPlace(
                index, position, role, fan_in, fan_out, self._before, is_deep, of_stream
            )
            self._has_begun = True
            self._dim, self._before = fan_out, slot.activation


class Shapes:
    """Reports every size, and every place, that the theory has no place for."""

    def __init__(self, slots: Sequence[Slot], parts: Sequence[Part], report: Report) -> None:
        """``parts`` are those of the whole network."""
        self._slots = slots
        self._parts = parts
        self._report = report
        self._is_chain = is_chain(parts, slots)

    def check(self) -> None:
        """Look at every part."""
        last = self._parts[-1]
        if not isinstance(last, int) or self._slots[last].kind.is_norm:
            slot = self._slots[-1]
            self._shape(
                "the network ends without a read-out",
                slot,
                "the last layer makes the output: `head: dense -> 10`",
            )
            return
        self._along(self._parts[:-1], None)
        readout = self._slots[last]
        if readout.dim.wide:
            self._shape(
                f"the last layer, `{readout.name}`, grows with the width",
                readout,
                "the output has a fixed size: `-> 10`",
            )
        elif readout.repeats > 1:
            self._fixed(readout)
        elif len(self._slots) == 1:
            self._report(
                messages.shape(
                    "one layer has no hidden representation: nothing here depends on the width",
                    readout.statement.span,
                    "a network needs a layer `-> n` before its read-out",
                )
            )

    def _along(self, parts: Sequence[Part], dim: Dim | None) -> Dim | None:
        """The size after some parts; None for the input, and where that is not known."""
        for part in parts:
            if isinstance(part, int):
                dim = self._layer(self._slots[part], dim)
            elif isinstance(part, ResidualBlock | RepeatedBlocks):
                dim = self._block(part, dim)
        return dim

    def _layer(self, slot: Slot, dim: Dim | None) -> Dim | None:
        if slot.kind.is_norm:
            if dim is None:
                self._shape(
                    f"`{slot.name}` normalises the input, which has no width",
                    slot,
                    "a norm stands behind the first layer",
                )
            return dim
        if not slot.dim.wide:
            self._fixed(slot)
            return None
        return slot.dim

    def _fixed(self, slot: Slot) -> None:
        """Of a layer that should grow; in a chain with the one that takes its size."""
        following = self._slots[self._slots.index(slot) + 1 :] if self._is_chain else ()
        labels = tuple(
            Label(after.name_place, f"`{after.name}` follows, so it is not the last layer")
            for after in following[:1]
        )
        self._shape(
            f"`{slot.name}` makes a hidden representation of fixed size {slot.dim.factor}",
            slot,
            "only the last layer has a fixed size; hidden ones are `-> n`, or `-> 4*n`",
            labels,
        )

    def _block(self, part: ResidualBlock | RepeatedBlocks, dim: Dim | None) -> Dim | None:
        if dim is None:
            first = f"`{part.name}` has no stream to read"
            help = "a layer comes first: `embed: dense -> n`"
            self._report(messages.shape(first, part.name_place, help))
            return None
        after = self._along(part.parts, dim)
        if after is not None and after != dim:
            what = "branch" if isinstance(part, ResidualBlock) else "block"
            self._report(
                messages.shape(
                    f"the {what} of `{part.name}` ends with another size than its stream has: "
                    f"{after.words('n')}, not {dim.words('n')}",
                    part.name_place,
                    f"its last layer has the size of the stream: `-> {dim.words('n')}`",
                )
            )
        return dim

    def _shape(self, message: str, slot: Slot, help: str, labels: tuple[Label, ...] = ()) -> None:
        self._report(messages.shape(message, slot.place, help, labels))
