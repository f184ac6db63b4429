"""The models and layers of a text, for the editor's outline."""

from __future__ import annotations

from typing import NamedTuple

from richc.diagnostics import Span
from richc.editor.document import Document
from richc.syntax import tree


class Symbol(NamedTuple):
    name: str
    detail: str
    span: Span
    name_span: Span
    #: A model's layers; None for a layer.
    children: tuple[Symbol, ...] | None = None


def outline(document: Document) -> list[Symbol]:
    text = document.source.text
    return [_model(model, text) for model in document.file.models]


def _model(model: tree.Model, text: str) -> Symbol:
    layers = tuple(_layer(s, text) for s in model.statements if isinstance(s, tree.Layer))
    return Symbol(
        model.name.text, "model", model.span, _inside(model.name.span, model.span), layers
    )


def _layer(layer: tree.Layer, text: str) -> Symbol:
    size = text[layer.dim.span.start : layer.dim.span.end]
    repeat = ""
    if layer.repeat is not None:
        repeat = f"[{text[layer.repeat.span.start : layer.repeat.span.end]}]"
    detail = f"{repeat}{' ' if repeat else ''}{layer.kind.text} -> {size}"
    return Symbol(layer.name.text, " ".join(detail.split()), layer.span, layer.name.span)


def _inside(name: Span, whole: Span) -> Span:
    """The protocol wants names inside of their symbols, also where a header was mended."""
    start = min(max(name.start, whole.start), whole.end)
    return Span(start, min(max(name.end, start), whole.end))
