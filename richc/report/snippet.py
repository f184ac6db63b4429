"""Source lines with carets under the places that a diagnostic speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from unicodedata import category, east_asian_width

from richc.diagnostics import Span
from richc.report.style import Style
from richc.syntax.source import Source

#: Longer lines are cut around the marked place.
MAX_LINE = 120
#: What is shown of such a line beside the marked place, at least.
_MARGIN = 10
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
    """Every marked line with carets (primary) and dashes (secondary) under it."""
    by_line: dict[int, list[Marked]] = {}
    for place in places:
        by_line.setdefault(source.position(place.span.start).line, []).append(place)
    gutter = len(str(max(by_line))) + 1
    blank = f"{' ' * gutter} {style.frame('|')}"
    lines = [blank]
    previous = None
    for number in sorted(by_line):
        if previous is not None and number > previous + 1:
            lines.append(style.frame("..."))
        previous = number
        text = source.line(number)
        start = source.line_starts[number - 1]
        label = style.frame(f"{number:>{gutter - 1}} |")
        for marked in _together(by_line[number], start, len(text)):
            window = _window(text, marked[0].first, marked[-1].last)
            lines.append(f" {label} {visible(window.text)}".rstrip())
            lines += (f"{blank} {row}" for row in _rows(window, marked, severity, style))
    lines.append(blank)
    return Snippet(lines, gutter)


class _Mark(NamedTuple):
    """A place in its line: columns of the line, the end exclusive."""

    first: int
    last: int
    text: str
    primary: bool


def _together(places: Sequence[Marked], start: int, length: int) -> Iterator[list[_Mark]]:
    """The marks of one line, from left to right, as many at a time as one window can show."""
    group: list[_Mark] = []
    for place in sorted(places, key=lambda place: place.span.start):
        # A span that goes on over the line's end is marked up to there.
        last = min(place.span.end - start, length)
        mark = _Mark(place.span.start - start, last, place.text, place.primary)
        if group and length > MAX_LINE and mark.last - group[0].first > MAX_LINE - 2 * _MARGIN:
            yield group
            group = []
        group.append(mark)
    yield group


class _Window(NamedTuple):
    text: str
    #: Column of the line at which the shown text begins, and the length of its left ellipsis.
    offset: int
    lead: int


def _window(text: str, first: int, last: int) -> _Window:
    if len(text) <= MAX_LINE:
        return _Window(text, 0, 0)
    begin = max(0, min((first + last - MAX_LINE) // 2, first - _MARGIN))
    while begin and _is_mark(text[begin]):
        begin -= 1
    end = min(len(text), begin + MAX_LINE)
    lead, tail = ("..." if begin else ""), ("..." if end < len(text) else "")
    return _Window(lead + text[begin:end] + tail, begin, len(lead))


class _Drawn(NamedTuple):
    """A mark in columns of the terminal."""

    column: int
    width: int
    text: str
    primary: bool


def _rows(window: _Window, marks: Sequence[_Mark], severity: str, style: Style) -> Iterator[str]:
    """The lines under a line: the marks, and the words of each where there is room for them."""
    drawn = [_draw(window, mark) for mark in marks]
    ends = [mark.column + mark.width for mark in drawn]
    if any(end >= mark.column for end, mark in zip(ends, drawn[1:], strict=False)):
        # Marks that touch would be one: each has a line of its own.
        for mark in reversed(drawn):
            yield _row([mark], [mark], severity, style)
        return
    yield _row(drawn, drawn[-1:], severity, style)
    waiting = [mark for mark in drawn[:-1] if mark.text]
    if waiting:
        yield _row([mark._replace(width=0) for mark in waiting], (), severity, style)
    while waiting:
        last = waiting[-1]
        yield _row([mark._replace(width=0) for mark in waiting], [last], severity, style)
        waiting.pop()


def _draw(window: _Window, mark: _Mark) -> _Drawn:
    shift = window.lead - window.offset
    before = _width(window.text[: mark.first + shift])
    width = _width(window.text[mark.first + shift : mark.last + shift])
    return _Drawn(before, max(1, width), visible(mark.text), mark.primary)


def _row(marks: Sequence[_Drawn], worded: Sequence[_Drawn], severity: str, style: Style) -> str:
    """One line of marks (of width 0: of a bar that leads down), and words for some of them."""
    row, column = "", 0
    for mark in marks:
        row += " " * (mark.column - column)
        column = mark.column + max(1, mark.width)
        sign = ("^" if mark.primary else "-") * mark.width or "|"
        if any(mark.column == word.column for word in worded):
            sign = f"{sign} {mark.text}".rstrip() if mark.width else mark.text
        row += style.severity(severity, sign) if mark.primary else style.frame(sign)
    return row


def visible(text: str) -> str:
    """Tabs as spaces, and control characters as dots: a terminal must not obey the source."""
    expanded = text.replace("\t", _TAB)
    return "".join(c if c.isprintable() or _is_mark(c) else "." for c in expanded)


def _width(text: str) -> int:
    """How many terminal columns a text takes."""
    return sum(_columns(c) for c in text.replace("\t", _TAB))


def _columns(character: str) -> int:
    if _is_mark(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _is_mark(character: str) -> bool:
    """Drawn over the character before it."""
    return category(character) in ("Mn", "Me")
