"""Where a word is declared: symbols in their statements, other models in their files."""

from __future__ import annotations

import os
from typing import NamedTuple

from richc.diagnostics import Span
from richc.editor import places
from richc.editor.document import Document
from richc.editor.positions import Positions
from richc.syntax import tree
from richc.syntax.parser import parse
from richc.syntax.source import SourceError, read_source

_SEPARATOR = "::"


class Definition(NamedTuple):
    """A place in this text, or in another file."""

    origin: Span
    span: Span
    path: str | None = None
    #: The other file's text, in which the span is.
    positions: Positions | None = None


def definition(document: Document, offset: int) -> Definition | None:
    index = places.token_at(document.tokens, offset)
    model = document.node_at(offset)
    if index is None or model is None:
        return None
    token = document.tokens[index]
    if token.type == "STRING":
        return _file(document, model, token.span)
    place = declaration(model, token.text)
    return Definition(token.span, place) if place is not None else None


def declaration(model: tree.Model, word: str) -> Span | None:
    """Where a symbol of scaling expressions is declared."""
    for statement in model.statements:
        if isinstance(statement, tree.Width | tree.Depth):
            for name in (statement.symbol, statement.base_symbol):
                if name is not None and name.text == word:
                    return name.span
    if word not in ("alpha", "gamma", "r"):
        return None
    for statement in model.statements:
        if isinstance(statement, tree.Richness):
            gamma = next((o.name.span for o in statement.options if o.name.text == "gamma"), None)
            return gamma if word == "gamma" and gamma is not None else statement.symbol.span
    for statement in model.statements:
        if (
            isinstance(statement, tree.Parameterization)
            and statement.preset.name.text != "standard"
        ):
            return statement.preset.span
    return None


def _file(document: Document, model: tree.Model, span: Span) -> Definition | None:
    for statement in model.statements:
        if (
            isinstance(statement, tree.Require)
            and isinstance(statement.value, tree.String)
            and statement.value.span == span
            and statement.preset.name.text == "equivalent"
        ):
            return _other(document, statement.value)
    return None


def _other(document: Document, value: tree.String) -> Definition | None:
    path, _, name = value.text.partition(_SEPARATOR)
    if path:
        path = os.path.join(os.path.dirname(document.path), path)
        try:
            source = read_source(path)
        except (SourceError, ValueError):
            return None
        models, text = parse(source)[0].models, ("\ufeff" * source.has_mark) + source.text
    else:
        path, models, text = document.path, document.file.models, document.text
        source = document.source
    found = next((m.name.span for m in models if m.name.text == name), Span(0, 0))
    if name and found == Span(0, 0):
        return None
    mark = int(source.has_mark)
    place = Span(found.start + mark, found.end + mark)
    return Definition(value.span, place, path, Positions(text, document.encoding))
