"""Layer and activation statements to a stack: what follows what, and how often."""

from __future__ import annotations

from richc.activations import LINEAR
from richc.diagnostics import Span
from richc.spec import layers as layer_reader
from richc.spec import messages, options, shapes
from richc.spec.layers import MAX_LAYERS
from richc.spec.model import Dim
from richc.spec.names import refusal
from richc.spec.reader import Reader
from richc.spec.shapes import Slot
from richc.syntax import tree
from richc.words import ACTIVATIONS


def read_stack(reader: Reader, width: str) -> list[Slot]:
    """Layer statements with the activations after them, as far as they can be read.

    What is wrong is reported; a layer whose size is wrong stays, so that its attributes are read.
    """
    slots: list[Slot] = []
    names: dict[str, Span] = {}
    waiting: tree.Layer | None = None
    #: After an unknown word where no activation can stand: it may have been meant for a layer.
    is_lost = False
    fine = True
    errors_before = len(reader.found)
    statements = [s for s in reader.node.statements if isinstance(s, tree.Layer | tree.Activation)]
    layer_nodes = [s for s in statements if isinstance(s, tree.Layer)]
    if not layer_nodes:
        if not reader.node.incomplete:
            reader.report(
                messages.missing_statement(
                    "dense", reader.node.name.text, reader.node.name.span, "head: dense -> 10"
                )
            )
        return []
    for node in statements:
        if isinstance(node, tree.Activation):
            fine &= _activation(reader, node, waiting, slots, layer_nodes[-1], is_lost)
            is_lost = waiting is None and node.preset.name.text not in ACTIVATIONS
            waiting = None
            continue
        if waiting is not None and not reader.node.incomplete:
            _missing_activation(reader, waiting)
        waiting = node
        slot = _slot(reader, node, width, names)
        if slot is None:
            fine = False
        else:
            slots.append(slot)
    total = sum(slot.repeats for slot in slots)
    if total > MAX_LAYERS:
        span = layer_nodes[-1].span
        reader.report(messages.too_many_layers(f"{total:,}", MAX_LAYERS, span))
        return []
    if fine and not reader.node.incomplete and len(reader.found) == errors_before:
        shapes.check_shapes(slots, reader.report)
    return slots


def _missing_activation(reader: Reader, layer: tree.Layer) -> None:
    reader.report(
        messages.misplaced(
            f"no activation follows `{layer.name.text}`",
            layer.name.span,
            "name one on the next line; `linear` says that there is none",
        )
    )


def _activation(
    reader: Reader,
    node: tree.Activation,
    waiting: tree.Layer | None,
    slots: list[Slot],
    last: tree.Layer,
    is_lost: bool,
) -> bool:
    read = reader.attempt(lambda: layer_reader.activation(node.preset))
    if waiting is None:
        # Its layer may be what could not be parsed, or is written without all that makes a layer.
        if read is not None and not is_lost and not reader.node.incomplete:
            reader.report(
                messages.misplaced("this activation follows no layer", node.span, "remove it")
            )
        return False
    if read is None:
        return False
    if waiting is last and not reader.node.incomplete:
        if read.kind is not LINEAR:
            reader.report(
                messages.misplaced(
                    "the read-out has no activation: the loss takes its output as it is",
                    node.span,
                    "remove it",
                )
            )
        return read.kind is LINEAR
    if slots and slots[-1].statement is waiting:
        slots[-1] = slots[-1]._replace(activation=read)
    return True


def _slot(reader: Reader, node: tree.Layer, width: str, names: dict[str, Span]) -> Slot | None:
    name = node.name.text
    why = refusal(name)
    if why is not None:
        reader.report(messages.reserved_name(name, node.name.span, why))
    if name in names:
        reader.report(messages.duplicate(f"the layer `{name}`", node.name.span, names[name]))
    names.setdefault(name, node.name.span)
    if node.kind.text != "dense":
        kind = node.kind
        reader.report(messages.unknown_word("layer kind", kind.text, kind.span, ("dense",)))
        return None
    dim: Dim | None = reader.attempt(lambda: shapes.dimension(node.dim, width))
    count: int | None = 1
    if node.repeat is not None:
        repeat = node.repeat
        count = reader.attempt(lambda: options.integer(repeat, "a repeat count", 1))
        if count is not None and count > MAX_LAYERS:
            reader.report(messages.too_many_layers(f"{count:,}", MAX_LAYERS, repeat.span))
            count = None
    return Slot(node, count or 1, dim or Dim(1, wide=True), None)
