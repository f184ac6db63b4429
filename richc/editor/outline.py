"""The models of a text and what they are made of, for the editor's outline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from richc.diagnostics import Span
from richc.editor.document import Document
from richc.syntax import tree


class Symbol(NamedTuple):
    name: str
    detail: str
    span: Span
    name_span: Span
    #: What a model, a repeat or a residual holds; None for a layer or a norm.
    children: tuple[Symbol, ...] | None = None


def outline(document: Document) -> list[Symbol]:
    text = document.source.text
    return [_model(model, text) for model in document.file.models]


def _model(model: tree.Model, text: str) -> Symbol:
    name = _inside(model.name.span, model.span)
    return Symbol(model.name.text, "model", model.span, name, _named(model.statements, text))


def _named(nodes: Iterable[object], text: str) -> tuple[Symbol, ...]:
    """Those that have a name; a norm without one is called by its kind."""
    found: list[Symbol] = []
    for node in nodes:
        if isinstance(node, tree.Layer):
            found.append(_layer(node, text))
        elif isinstance(node, tree.Norm):
            name = node.name or node.kind
            found.append(Symbol(name.text, node.kind.text, node.span, name.span))
        elif isinstance(node, tree.Residual):
            children = _named(node.parts, text)
            found.append(Symbol(node.name.text, "residual", node.span, node.name.span, children))
        elif isinstance(node, tree.Repeat):
            detail = f"repeat {_words(text, node.times.span)}"
            children = _named(node.statements, text)
            found.append(Symbol(node.name.text, detail, node.span, node.name.span, children))
    return tuple(found)


def _layer(layer: tree.Layer, text: str) -> Symbol:
    repeat = "" if layer.repeat is None else f"[{_words(text, layer.repeat.span)}] "
    detail = f"{repeat}{layer.kind.text} -> {_words(text, layer.dim.span)}"
    return Symbol(layer.name.text, detail, layer.span, layer.name.span)


def _words(text: str, span: Span) -> str:
    return " ".join(text[span.start : span.end].split())


def _inside(name: Span, whole: Span) -> Span:
    """The protocol wants names inside of their symbols, also where a header was mended."""
    start = min(max(name.start, whole.start), whole.end)
    return Span(start, min(max(name.end, start), whole.end))
