"""Diagnostics as the page shows them: the snippets of the text report, coloured by classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from richc.diagnostics import Diagnostic
from richc.report.snippet import Marked, snippet, visible
from richc.report.style import Style
from richc.report.text import together
from richc.syntax.source import Source

#: What richc.report.style writes.  No text of a file holds an escape: ``visible`` has seen to it.
_ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")
_CLASSES = {"1;31": "error", "1;33": "warning", "1;36": "info", "1;34": "frame"}


class StyledRun(NamedTuple):
    """A run of text in one style; plain text has no class."""

    text: str
    style: str


class ShownFinding(NamedTuple):
    """One diagnostic, ready to be laid out."""

    code: str
    slug: str
    severity: str
    desideratum: str | None
    message: str
    #: ``file:line:column``, and the line on its own; empty where there is no text.
    place: str
    line: int
    parts: list[StyledRun]
    notes: list[str]
    help: str | None
    is_fixable: bool


def findings(source: Source, diagnostics: Sequence[Diagnostic]) -> list[ShownFinding]:
    """The diagnostics in their order; the inferred exponents of a model are one."""
    return [_finding(source, diagnostic) for diagnostic in together(diagnostics)]


def _finding(source: Source, diagnostic: Diagnostic) -> ShownFinding:
    place, line, parts = source.shown, 0, list[StyledRun]()
    if source.text:
        position = source.position(diagnostic.span.start)
        place, line = f"{source.shown}:{position.line}:{position.column}", position.line
        marked = [Marked(diagnostic.span, diagnostic.label, True)]
        marked += [Marked(label.span, label.text, False) for label in diagnostic.labels]
        shown = snippet(source, marked, diagnostic.severity, Style(color=True))
        # The first line and the last are only room, which the page makes by itself.
        parts = _parts(shown.lines[1:-1])
    return ShownFinding(
        diagnostic.code,
        diagnostic.slug,
        diagnostic.severity,
        diagnostic.desideratum,
        visible(diagnostic.message),
        place,
        line,
        parts,
        [visible(note) for note in diagnostic.notes],
        visible(diagnostic.help) if diagnostic.help else None,
        bool(diagnostic.edits),
    )


def _parts(lines: Iterable[str]) -> list[StyledRun]:
    """Lines with escapes as runs of one style each."""
    text, *others = _ESCAPE.split("\n".join(lines))
    parts = [StyledRun(text, "")]
    parts += [
        StyledRun(text, _CLASSES.get(style, ""))
        for style, text in zip(*[iter(others)] * 2, strict=True)
    ]
    return [part for part in parts if part.text]
