"""The prism in characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

from richc.algebra.exponent import HALF, ZERO
from richc.calculus.verdict import named_point
from richc.gauge.place import Place
from richc.report.map_entries import BEYOND, TICKS, Entry, Panel, clamped, depth, tags
from richc.rules.sentence import DEPTH_NAMES, GAUGE_NAMES, POINT_NAMES

#: Columns: of the margin for names on the left, and of the scale from r = 0 to r = 1/2.
_LEFT, _WIDE = 12, 44
#: Rows: of the prism, of what is outside of it, and of the depths.
_HIGH, _DEEP, _FLAT = 10, 6, 6

_AXIS = _HIGH + 3
_OUTSIDE = _AXIS + 1

_EMPTY, _ON, _NEAR, _OFF = "○", "●", "◇", "×"

Cell = tuple[int, int]


class Canvas:
    """Rows of characters; texts are never drawn over."""

    def __init__(self) -> None:
        self._cells: dict[Cell, str] = {}
        self._texts: set[Cell] = set()

    def line(self, start: Cell, end: Cell) -> None:
        """A straight line, behind everything else."""
        (row0, column0), (row1, column1) = start, end
        steps = max(abs(row1 - row0), abs(column1 - column0))
        sign = "─" if row0 == row1 else "│" if column0 == column1 else "·"
        for step in range(steps + 1):
            part = Fraction(step, steps or 1)
            cell = (
                row0 + _round(part * (row1 - row0)),
                column0 + _round(part * (column1 - column0)),
            )
            self._cells.setdefault(cell, sign)

    def text(self, row: int, column: int, text: str) -> None:
        for offset, letter in enumerate(text):
            self._cells[row, column + offset] = letter
            self._texts.add((row, column + offset))

    def near(self, row: int, column: int, texts: Sequence[str]) -> None:
        """The first text that fits beside a mark: it hides no other and, if it can be, no line."""
        for text in texts:
            spots = list(_spots(row, column, len(text)))
            for hidden in (set(self._cells), self._texts):
                for r, c in spots:
                    wanted = {(r, c + i) for i in range(-1, len(text) + 1)} - {(row, column)}
                    if r >= 0 and c >= 0 and wanted.isdisjoint(hidden):
                        self.text(r, c, text)
                        return
        # So crowded that the legend must do.

    def lines(self) -> list[str]:
        rows = max(row for row, _ in self._cells)
        width = 1 + max(column for _, column in self._cells)
        return [
            "".join(self._cells.get((row, column), " ") for column in range(width)).rstrip()
            for row in range(rows + 1)
        ]


def _spots(row: int, column: int, length: int) -> Iterator[Cell]:
    """Where a text may begin, the best first."""
    for distance in (1, 2):
        for away in (-distance, distance):
            yield row + away, column - length // 2
            yield row + away, column + 1
            yield row + away, column - length
    yield row, column + 2
    yield row, column - length - 1
    for away in (-3, 3, -4, 4):
        yield row + away, column - length // 2


def _round(value: Fraction) -> int:
    return int(value + HALF) if value >= 0 else -int(HALF - value)


def _column(x: Fraction) -> int:
    return _LEFT + _round(x * _WIDE)


def _cell(place: Place) -> Cell:
    if not place.on_scale:
        return _OUTSIDE + _round(depth(place) * _DEEP), _column(clamped(place.richness))
    x, y = place.prism.point(place.richness, place.shares)
    return _row(y), _column(x)


def _row(y: Fraction) -> int:
    # The first row is for numbers.
    return 1 + _round((1 - y) * _HIGH)


def draw(panel: Panel) -> list[str]:
    """The prism with its models as marks, and their numbers beside them."""
    canvas = Canvas()
    prism = panel.prism
    ends = [{g: prism.vertex(g, end) for g in prism.gauges} for end in (0, 1)]
    corners = [{g: (_row(y), _column(x)) for g, (x, y) in end.items()} for end in ends]
    for gauge in prism.gauges:
        canvas.line(corners[0][gauge], corners[1][gauge])
    for end in corners:
        for one, other in combinations(end.values(), 2):
            canvas.line(one, other)
    _names(canvas, corners)
    _axis(canvas, _AXIS)
    marks: dict[Cell, list[Entry]] = {}
    for entry in panel.entries:
        marks.setdefault(_cell(entry.place), []).append(entry)
    if any(not entry.place.on_scale for entry in panel.entries):
        _outside(canvas)
    _put(canvas, marks)
    return canvas.lines()


def draw_depths(panel: Panel) -> list[str]:
    """Richness beside the power of L that branches are small by, with the models as marks."""
    canvas = Canvas()
    start, end = _column(ZERO), _column(Fraction(1))
    for column in (start, end):
        canvas.line((_level(Fraction(1)), column), (_level(HALF), column))
    for alpha in (HALF, Fraction(3, 4), Fraction(1)):
        row, word = _level(alpha), f"α = {alpha}" if alpha != Fraction(3, 4) else str(alpha)
        canvas.text(row, start - len(word) - 2, word)
        if alpha in DEPTH_NAMES:
            canvas.line((row, start), (row, end))
            canvas.text(row, end, _EMPTY)
            canvas.text(row, end + 2, DEPTH_NAMES[alpha])
    _axis(canvas, _FLAT + 3)
    marks: dict[Cell, list[Entry]] = {}
    for entry in panel.entries:
        power = entry.place.depth
        assert power is not None
        cell = _level(power), _column(clamped(entry.place.richness))
        marks.setdefault(cell, []).append(entry)
    _put(canvas, marks)
    return canvas.lines()


def _level(alpha: Fraction) -> int:
    # The first row is for numbers.
    return 1 + _round((1 - alpha) * 2 * _FLAT)


def _put(canvas: Canvas, marks: dict[Cell, list[Entry]]) -> None:
    for cell, those in marks.items():
        canvas.text(*cell, _mark(those))
    for cell, those in marks.items():
        canvas.near(*cell, tags(those))


def _names(canvas: Canvas, corners: Sequence[dict[str, Cell]]) -> None:
    for end, richness in enumerate((ZERO, HALF)):
        names: dict[Cell, str] = {}
        for gauge, cell in corners[end].items():
            point = named_point(richness, (gauge,))
            assert point is not None
            gauges = f" ({GAUGE_NAMES[gauge]} gauge)" if end else ""
            # Where gauges meet, the first names the point.
            names.setdefault(cell, POINT_NAMES[point] + gauges)
        for (row, column), name in names.items():
            canvas.text(row, column + 2 if end else column - len(name) - 1, name)
            canvas.text(row, column, _EMPTY)


def _axis(canvas: Canvas, row: int) -> None:
    start, middle, end = (_column(Fraction(x, 2)) for x in range(3))
    canvas.text(row, 0, "lazy")
    canvas.text(row, start - 5, "r = 0")
    canvas.text(row, middle - 1, "1/4")
    canvas.text(row, end - 1, "1/2")
    canvas.text(row, end + 4, "rich")
    canvas.line((row, start + 1), (row, middle - 3))
    canvas.line((row, middle + 3), (row, end - 3))


def _outside(canvas: Canvas) -> None:
    column = _column(1 + BEYOND) + 3
    canvas.text(_OUTSIDE, column - 7, "off by n^0")
    for tick in TICKS:
        row = _OUTSIDE + _round(tick / (1 + tick) * _DEEP)
        canvas.text(row, column, f"n^{tick}")
    canvas.text(_OUTSIDE + _DEEP, column, "zero")


def _mark(entries: Sequence[Entry]) -> str:
    if not entries[0].place.on_scale:
        return _OFF
    return _ON if any(entry.place.is_exact for entry in entries) else _NEAR


def key(entries: Sequence[Entry]) -> list[str]:
    """What the marks mean, those that are there."""
    lines: list[str] = []
    if any(entry.place.on_scale and not entry.place.is_exact for entry in entries):
        lines.append(f"{_NEAR} a gauge of its own, drawn at the nearest mixture of named gauges")
    if any(not entry.place.on_scale for entry in entries):
        lines.append(
            f"{_OFF} off the scale: below its nearest richness, deeper the more powers of n "
            "the gravest violation is off"
        )
    return lines
