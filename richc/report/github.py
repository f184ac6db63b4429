"""Workflow commands of GitHub Actions: each finding an annotation on its line of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from richc.diagnostics import ERROR, INFO, WARNING, Diagnostic
from richc.pipeline import FileResult
from richc.report import Options, in_one
from richc.syntax.source import Source

_LEVELS: Mapping[str, str] = {ERROR: "error", WARNING: "warning", INFO: "notice"}


def render(results: Iterable[FileResult], options: Options) -> Iterator[str]:
    """``::error file=...,line=...,col=...,endLine=...,endColumn=...,title=...::message``."""
    for result in results:
        for diagnostic in result.diagnostics:
            if not (options.quiet and diagnostic.severity == INFO):
                yield _command(result.source, diagnostic)


def _command(source: Source, diagnostic: Diagnostic) -> str:
    start, end = source.position(diagnostic.span.start), source.position(diagnostic.span.end)
    fields: dict[str, str | int] = {"file": source.shown, "line": start.line}
    if start.line == end.line:
        # GitHub refuses columns of annotations that span lines.
        fields |= {"col": start.column, "endLine": end.line, "endColumn": end.column}
    else:
        fields |= {"endLine": end.line}
    fields["title"] = f"{diagnostic.code} {diagnostic.slug}"
    return annotation(diagnostic.severity, fields, in_one(diagnostic))


def annotation(severity: str, fields: Mapping[str, str | int], message: str) -> str:
    """One workflow command, a line."""
    shown = ",".join(f"{name}={_property(str(value))}" for name, value in fields.items())
    return f"::{_LEVELS[severity]} {shown}::{_data(message)}\n"


def _data(text: str) -> str:
    """As GitHub's own toolkit escapes a message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As it escapes a property's value."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
