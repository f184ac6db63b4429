"""Source lines with carets under the places that a diagnostic speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from unicodedata import combining, east_asian_width

from richc.diagnostics import Span
from richc.report.style import Style
from richc.syntax.source import Source

#: Longer lines are cut around the marked place.
MAX_LINE = 120
_TAB = "    "


class Marked(NamedTuple):
    span: Span
    text: str
    primary: bool


class Snippet(NamedTuple):
    lines: list[str]
    #: The width of the line-number column.
    gutter: int


def snippet(source: Source, places: Sequence[Marked], severity: str, style: Style) -> Snippet:
    """Every marked line with its carets (primary) or dashes (secondary) under it."""
    by_line: dict[int, list[Marked]] = {}
    for place in places:
        by_line.setdefault(source.position(place.span.start).line, []).append(place)
    gutter = len(str(max(by_line))) + 1
    bar = style.frame("|")
    blank = f"{' ' * gutter} {bar}"
    lines = [blank]
    previous = None
    for number in sorted(by_line):
        if previous is not None and number > previous + 1:
            lines.append(style.frame("..."))
        previous = number
        text = source.line(number)
        start = source.line_starts[number - 1]
        marked = sorted(by_line[number], key=lambda place: place.span.start)
        window = _window(text, marked[0].span.start - start)
        label = style.frame(f"{number:>{gutter - 1}} |")
        lines.append(f" {label} {_expand(window.text)}".rstrip())
        lines += (
            f"{blank} {_carets(window, place, start, severity, style)}"
            for place in reversed(marked)
        )
    lines.append(blank)
    return Snippet(lines, gutter)


class _Window(NamedTuple):
    text: str
    #: Column of the line at which the shown text begins, and the length of its left ellipsis.
    offset: int
    lead: int


def _window(text: str, column: int) -> _Window:
    if len(text) <= MAX_LINE:
        return _Window(text, 0, 0)
    begin = max(0, column - MAX_LINE // 2)
    end = min(len(text), begin + MAX_LINE)
    lead, tail = ("..." if begin else ""), ("..." if end < len(text) else "")
    return _Window(lead + text[begin:end] + tail, begin, len(lead))


def _carets(window: _Window, place: Marked, line_start: int, severity: str, style: Style) -> str:
    first = place.span.start - line_start - window.offset + window.lead
    last = place.span.end - line_start - window.offset + window.lead
    shown = window.text
    before = _width(shown[:first])
    # A span that goes on over the line's end is marked up to there.
    width = max(1, _width(shown[first : min(last, len(shown))]))
    mark = ("^" if place.primary else "-") * width
    text = f"{mark} {place.text}".rstrip()
    styled = style.severity(severity, text) if place.primary else style.frame(text)
    return " " * before + styled


def _expand(text: str) -> str:
    """Tabs as spaces, and control characters as dots: a terminal must not obey the source."""
    expanded = text.replace("\t", _TAB)
    return "".join(c if c.isprintable() or _is_mark(c) else "." for c in expanded)


def _width(text: str) -> int:
    """How many terminal columns a text takes."""
    return sum(_columns(c) for c in text.replace("\t", _TAB))


def _columns(character: str) -> int:
    if combining(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _is_mark(character: str) -> bool:
    return bool(combining(character))
