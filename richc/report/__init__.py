"""Renderings of results: text, JSON, SARIF...  Looked up by name, imported on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import NamedTuple

from richc.diagnostics import Diagnostic
from richc.pipeline import FileResult


class Options(NamedTuple):
    color: bool = False
    quiet: bool = False
    #: Every layer's values as numbers, in the formats that do not always have them.
    values: bool = False


#: Results to pieces of text, printed as they come.
Renderer = Callable[[Iterable[FileResult], Options], Iterator[str]]

_MODULES = {
    "text": "text",
    "concise": "concise",
    "json": "schema",
    "sarif": "sarif",
    "github": "github",
}


def renderer(name: str) -> Renderer:
    """The renderer for a ``--format``.  Raises KeyError for an unknown name."""
    render: Renderer = import_module(f"richc.report.{_MODULES[name]}").render
    return render


def in_one(diagnostic: Diagnostic) -> str:
    """All that a diagnostic says in one text, for formats that have no more room."""
    from richc.report.snippet import visible

    first = f"{diagnostic.message}: {diagnostic.label}" if diagnostic.label else diagnostic.message
    help = [f"help: {diagnostic.help}"] if diagnostic.help else []
    parts = [first, *(f"note: {note}" for note in diagnostic.notes), *help]
    return "\n".join(visible(part) for part in parts)
