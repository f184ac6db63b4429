"""Statements of layers, activations, norms and blocks: what follows what, and how often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from richc.activations import LINEAR
from richc.algebra.monomial import ONE
from richc.diagnostics import Diagnostic, Span
from richc.spec import messages, options, shapes
from richc.spec.activation import Activation
from richc.spec.activation_line import read_activation
from richc.spec.arrangement import Part, RepeatedBlocks, ResidualBlock
from richc.spec.expressions import Scope
from richc.spec.infer import Frame, branch_scale
from richc.spec.model import Dim, LayerKind
from richc.spec.names import refusal
from richc.spec.places import LayerPlace, Shapes
from richc.spec.reader import Reader
from richc.spec.residual import read_residual
from richc.spec.shapes import Slot
from richc.spec.symbols import MAX_LAYERS, depth_symbol, width_symbol
from richc.syntax import tree
from richc.words import ACTIVATIONS, NORMS

_NOTHING = Dim(1, wide=True)
_KINDS = (LayerKind.DENSE, LayerKind.EMBEDDING)
_WHOLE = (tree.Norm, tree.Residual, tree.Repeat)


class Stack(NamedTuple):
    """What the layer statements of a model say; parts have the indices of slots."""

    slots: list[Slot]
    parts: tuple[Part, ...]


def read_stack(
    reader: Reader, width: str, scope: Scope, frame: Frame | None, *, is_tokens: bool
) -> Stack:
    """Layer statements with the activations after them, as far as they can be read.

    What is wrong is reported; a layer whose size is wrong stays, so that its attributes are read.
    ``frame`` is what multipliers of branches are inferred by, ``is_tokens`` says that the input is
    an index.
    """
    statements = [s for s in reader.node.statements if isinstance(s, _Stacked)]
    nodes = [s for s in statements if isinstance(s, tree.Layer)]
    if not nodes:
        if not reader.node.incomplete:
            reader.report(
                messages.missing_statement(
                    "dense", reader.node.name.text, reader.node.name.span, "head: dense -> 10"
                )
            )
        return Stack([], ())
    errors_before = len(reader.found)
    walk = _Walk(reader, width, scope, frame, nodes[-1])
    parts = walk.body(statements, "")
    slots = walk.slots
    total = sum(slot.repeats for slot in slots)
    if total > MAX_LAYERS:
        reader.report(messages.too_many_layers(f"{total:,}", MAX_LAYERS, nodes[-1].span))
        return Stack([], ())
    _check_tokens(reader, slots, is_tokens=is_tokens)
    if walk.fine and not reader.node.incomplete and len(reader.found) == errors_before:
        Shapes(slots, parts, reader.report).check()
    return Stack(slots, parts)


def _check_tokens(reader: Reader, slots: Sequence[Slot], *, is_tokens: bool) -> None:
    """An embedding looks up what is an index, and nothing else does."""
    for index, slot in enumerate(slots):
        is_first = index == 0
        if slot.kind == LayerKind.EMBEDDING and not (is_first and is_tokens and slot.repeats == 1):
            help = "the first layer looks tokens up: `input tokens 50257`, then `-> n`"
            message = f"`{slot.name}` has no index to look up"
            reader.report(messages.misplaced(message, slot.name_place, help))
        elif is_first and is_tokens and slot.kind != LayerKind.EMBEDDING:
            help = f"write `{slot.name}: embedding -> n`"
            message = "the input is an index, and the first layer takes a vector"
            reader.report(messages.misplaced(message, slot.name_place, help))


_Stacked = tree.Layer | tree.Activation | tree.Norm | tree.Residual | tree.Repeat


class _Walk:
    """Goes through statements in their order, and into blocks."""

    def __init__(
        self, reader: Reader, width: str, scope: Scope, frame: Frame | None, last: tree.Layer
    ) -> None:
        self.reader = reader
        self.slots: list[Slot] = []
        self.fine = True
        self._width = width
        self._scope = scope
        self._frame = frame
        self._last = last

    def body(
        self,
        statements: Sequence[Any],
        path: str,
        within: tuple[tree.Repeat | tree.Residual, ...] = (),
    ) -> tuple[Part, ...]:
        """The parts that some statements are, with names that begin with ``path``."""
        parts: list[Part] = []
        names: dict[str, Span] = {}
        #: What may be followed by an activation, and the index of its slot.
        waiting: tree.Layer | tree.Norm | None = None
        at: int | None = None
        #: After an unknown word where no activation can stand: it may have been meant for a layer.
        is_lost = False
        for index, node in enumerate(statements):
            if isinstance(node, tree.Activation):
                is_stream = not within and index > 0 and isinstance(statements[index - 1], _WHOLE)
                is_first = bool(within) and isinstance(within[-1], tree.Residual) and not parts
                if waiting is None and (is_stream or is_first):
                    self._of_stream(node, parts)
                    continue
                self.fine &= self._activation(node, waiting, at, is_lost)
                is_lost = waiting is None and node.preset.name.text not in ACTIVATIONS
                waiting = at = None
                continue
            is_before = isinstance(node, _WHOLE)
            if isinstance(waiting, tree.Layer) and not is_before:
                self._missing_activation(waiting)
            waiting = at = None
            is_lost = False
            if isinstance(node, tree.Layer | tree.Norm):
                waiting, slot = node, self._slot(node, path, names)
                if slot is None:
                    self.fine = False
                    continue
                at = len(self.slots)
                self.slots.append(slot)
                parts.append(at)
            elif isinstance(node, tree.Residual | tree.Repeat):
                block = self._block(node, path, names, within)
                if block is not None:
                    parts.append(block)
            else:
                self.reader.report(
                    messages.misplaced(
                        "nothing but layers, norms and residuals stands in a block", node.span
                    )
                )
                self.fine = False
        return tuple(parts)

    def _missing_activation(self, layer: tree.Layer) -> None:
        if self.reader.node.incomplete:
            return
        self.reader.report(
            messages.misplaced(
                f"no activation follows `{layer.name.text}`",
                layer.name.span,
                "name one on the next line; `linear` says that there is none",
            )
        )

    def _of_stream(self, node: tree.Activation, parts: list[Part]) -> None:
        read = self.reader.attempt(lambda: read_activation(node.preset))
        if read is None:
            self.fine = False
        elif read.kind is not LINEAR:
            parts.append(read)

    def _activation(
        self,
        node: tree.Activation,
        waiting: tree.Layer | tree.Norm | None,
        at: int | None,
        is_lost: bool,
    ) -> bool:
        reader = self.reader
        read = reader.attempt(lambda: read_activation(node.preset))
        if waiting is None:
            # Its layer may be what could not be parsed, or is written without all that makes one.
            if read is not None and not is_lost and not reader.node.incomplete:
                reader.report(
                    messages.misplaced("this activation follows no layer", node.span, "remove it")
                )
            return False
        if read is None:
            return False
        if waiting is self._last and not reader.node.incomplete and self._is_readout(waiting):
            if read.kind is not LINEAR:
                reader.report(
                    messages.misplaced(
                        "the read-out has no activation: the loss takes its output as it is",
                        node.span,
                        "remove it",
                    )
                )
            return read.kind is LINEAR
        if at is not None:
            self.slots[at] = self.slots[at]._replace(activation=read)
        return True

    def _is_readout(self, node: tree.Layer | tree.Norm) -> bool:
        return any(statement is node for statement in self.reader.node.statements)

    def _named(self, name: tree.Name, what: str, names: dict[str, Span]) -> None:
        why = refusal(name.text)
        if why is not None:
            self.reader.report(messages.reserved_name(name.text, name.span, why))
        if name.text in names:
            first = names[name.text]
            self.reader.report(messages.duplicate(f"the {what} `{name.text}`", name.span, first))
        names.setdefault(name.text, name.span)

    def _slot(self, node: tree.Layer | tree.Norm, path: str, names: dict[str, Span]) -> Slot | None:
        if isinstance(node, tree.Norm):
            name = node.name or node.kind
            word = name.text
            if node.name is None:
                number = 2
                while word in names:
                    word, number = f"{name.text}{number}", number + 1
                names[word] = name.span
            else:
                self._named(name, "norm", names)
            if node.kind.text not in NORMS:
                kind = node.kind
                self.reader.report(messages.unknown_word("norm", kind.text, kind.span, NORMS))
                return None
            place = node.kind.span
            norm = LayerKind(node.kind.text)
            return Slot(node, path + word, name.span, norm, 1, _NOTHING, place, None)
        self._named(node.name, "layer", names)
        if node.kind.text not in _KINDS:
            kind_node = node.kind
            self.reader.report(
                messages.unknown_word("layer kind", kind_node.text, kind_node.span, _KINDS)
            )
            return None
        dim = self.reader.attempt(lambda: shapes.dimension(node.dim, self._width))
        count: int | None = 1
        if node.repeat is not None:
            repeat = node.repeat
            count = self.reader.attempt(lambda: options.integer(repeat, "a repeat count", 1))
            if count is not None and count > MAX_LAYERS:
                self.reader.report(messages.too_many_layers(f"{count:,}", MAX_LAYERS, repeat.span))
                count = None
        return Slot(
            node,
            path + node.name.text,
            node.name.span,
            LayerKind(node.kind.text),
            count or 1,
            dim or _NOTHING,
            node.dim.span,
            None,
        )

    def _block(
        self,
        node: tree.Residual | tree.Repeat,
        path: str,
        names: dict[str, Span],
        within: tuple[tree.Repeat | tree.Residual, ...],
    ) -> Part | None:
        word = "residual" if isinstance(node, tree.Residual) else "repeat"
        self._named(node.name, word, names)
        around = next((outer for outer in within if isinstance(outer, type(node))), None)
        if isinstance(node, tree.Repeat) and within and around is None:
            around = within[-1]
        if around is not None:
            outer = "repeat" if isinstance(around, tree.Repeat) else "residual"
            self.reader.report(
                messages.misplaced(
                    f"a {word} inside of a {outer} is not in the language",
                    node.name.span,
                    "write blocks in a row, each `repeat` with its residuals in it, or use "
                    "`richc audit` on the PyTorch module",
                )
            )
            self.fine = False
            return None
        inside = (*within, node)
        start = f"{path}{node.name.text}."
        if isinstance(node, tree.Residual):
            return self._residual(node, path, start, inside)
        count = self._count(node)
        parts = self.body(node.statements, start, inside)
        if not node.statements and not self.reader.node.incomplete:
            self._empty(node.name, "a repeat holds layers or residuals")
        name = path + node.name.text
        return RepeatedBlocks(name, count, parts, node.name.span)

    def _empty(self, name: tree.Name, what: str) -> None:
        self.reader.report(messages.misplaced(f"`{name.text}` holds no layer", name.span, what))
        self.fine = False

    def _count(self, node: tree.Repeat) -> int | None:
        """None for the depth."""
        written = node.times
        depth = depth_symbol(self.reader.node)
        if isinstance(written, tree.Name):
            if written.text == width_symbol(self.reader.node):
                self.reader.report(_not_a_count(node, depth))
                self.fine = False
            elif written.text != depth:
                help = (
                    f"write `repeat {depth}`, or an integer"
                    if depth
                    else f"declare it: `depth {written.text} = 24`"
                )
                known = (depth,) if depth else ()
                message = messages.unknown_name(written.text, written.span, known, help)
                self.reader.report(message)
                self.fine = False
            return None
        if not isinstance(written, tree.Number):
            self.reader.report(_not_a_count(node, depth))
            self.fine = False
            return None
        count = self.reader.attempt(
            lambda: options.integer(written, "a number of blocks", 1, MAX_LAYERS)
        )
        self.fine &= count is not None
        return count

    def _residual(
        self,
        node: tree.Residual,
        path: str,
        start: str,
        inside: tuple[tree.Repeat | tree.Residual, ...],
    ) -> ResidualBlock | None:
        read = read_residual(self.reader, node, self._scope)
        statements = [part for part in node.parts if not isinstance(part, tree.Item)]
        is_deep = any(
            isinstance(around, tree.Repeat) and isinstance(around.times, tree.Name)
            for around in inside
        )
        parts = self.body(statements, start, inside)
        if (
            not any(isinstance(part, tree.Layer) for part in statements)
            and not self.reader.node.incomplete
        ):
            self._empty(node.name, "a branch holds a layer: `up: dense -> n`")
        if read is None:
            self.fine = False
            return None
        scale = read.scale
        if scale is None:
            scale = branch_scale(self._frame) if self._frame and is_deep else ONE
        return ResidualBlock(
            path + node.name.text,
            scale,
            read.skip,
            read.is_leaky,
            tuple(part for part in parts if isinstance(part, int | Activation)),
            read.places,
            node.name.span,
        )


def _not_a_count(node: tree.Repeat, depth: str | None) -> Diagnostic:
    word = f"`{depth}`" if depth else "the depth's symbol"
    message = "the number of blocks is the depth's symbol or an integer"
    help = f"write {word}, or an integer; of more kinds of blocks each has a `repeat` of its own"
    return messages.bad_value(message, node.times.span, help)


def of_layers(parts: Sequence[Part], found: Sequence[LayerPlace]) -> tuple[Part, ...]:
    """The parts with the indices of layers in the place of those of slots."""
    layers: dict[int, list[int]] = {}
    for index, place in enumerate(found):
        layers.setdefault(place.slot, []).append(index)

    def renamed(part: Part) -> Iterator[Part]:
        if isinstance(part, int):
            yield from layers.get(part, [])
        elif isinstance(part, ResidualBlock):
            inner = (p for old in part.parts for p in renamed(old))
            kept = tuple(p for p in inner if isinstance(p, int | Activation))
            yield part._replace(parts=kept)
        elif isinstance(part, RepeatedBlocks):
            yield part._replace(parts=tuple(p for old in part.parts for p in renamed(old)))
        else:
            yield part

    return tuple(one for part in parts for one in renamed(part))
