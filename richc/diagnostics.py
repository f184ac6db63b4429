"""Diagnostics as data: what every stage reports and every renderer reads.

No message holds a line number; spans are character offsets into the source, and renderers turn
them into lines and columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How grave a finding is, gravest first in the alphabet too."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


class Span(NamedTuple):
    """Character offsets into a source text, end exclusive."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        return Span(self.start, other.end)


class Label(NamedTuple):
    """A second place that the message points at, with its own words."""

    span: Span
    text: str


class Edit(NamedTuple):
    """Replace the text at ``span`` by ``text``."""

    span: Span
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with edits made, each once; they lie inside of it and must not overlap."""
    behind = len(text)
    for edit in sorted(set(edits), reverse=True):
        start, end = edit.span
        # A wrong place would lengthen the text, or lose a part of it.
        assert 0 <= start <= end <= behind, edit
        text = text[:start] + edit.text + text[end:]
        behind = start
    return text


class Diagnostic(NamedTuple):
    """One finding, complete: renderers add nothing but layout."""

    code: str
    slug: str
    severity: Severity
    message: str
    span: Span
    #: Words beside the carets; empty when the message says it all.
    label: str = ""
    desideratum: str | None = None
    layer: str | None = None
    model: str | None = None
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    edits: tuple[Edit, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.severity == ERROR


class Suppressed(NamedTuple):
    """A finding that a comment in the text silences."""

    diagnostic: Diagnostic
    reason: str | None
