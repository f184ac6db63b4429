"""Renderings of results: text, concise lines, JSON.  Looked up by name, imported on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import NamedTuple

from richc.pipeline import FileResult


class Options(NamedTuple):
    color: bool = False
    quiet: bool = False


#: Results to pieces of text, printed as they come.
Renderer = Callable[[Iterable[FileResult], Options], Iterator[str]]

_MODULES = {"text": "text", "concise": "concise", "json": "schema"}


def renderer(name: str) -> Renderer:
    """The renderer for a ``--format``.  Raises KeyError for an unknown name."""
    render: Renderer = import_module(f"richc.report.{_MODULES[name]}").render
    return render
