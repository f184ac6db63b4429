"""Where everything stands in the picture of the signals: a column of layers, three lanes between.

What belongs to a layer's weights is in its box, what belongs to a representation between boxes:
forwards on the left, changes in the middle, the gradient, which runs up, on the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from richc.page.signals import Gap, Signal, SignalRow, Signals

#: Heights: above the first box, of a box, of a line more in it, of the lanes below, of a gap.
_HEAD, _BOX, _BIAS_LINE, _LANES, _GAP = 62, 60, 28, 62, 34
#: Between a lane and its words.
_WORDS = 14
#: Of every column at least; what is left of the first and right of the last.
_COLUMN, _LEFT, _RIGHT = 185, 24, 14
_LONGEST_NAME = 20
#: Of a letter, a raised one, a small one, and between words and a badge.
_LETTER, _RAISED, _SMALL, _SPACE = 9.5, 7.0, 7.5, 10


class Badge(NamedTuple):
    """The sign beside a size that breaks a desideratum."""

    x: float
    width: int
    text: str


class Value(NamedTuple):
    """A size with its label; below it in a box, in front of it elsewhere."""

    x: float
    y: int
    label: str
    signal: Signal | None
    badge: Badge | None


class Lane(NamedTuple):
    """An arrow, down or up, and what goes along it."""

    x: float
    top: int
    end: int
    is_up: bool
    is_dashed: bool
    value: Value


class DiagramBox(NamedTuple):
    """One layer, with the lanes to what follows."""

    y: int
    height: int
    name: str
    about: str
    broken: bool
    #: Names of the two columns of values: small text at these places.
    heads: list[Value]
    values: list[Value]
    lanes: list[Lane]


class Omission(NamedTuple):
    y: int
    text: str


class Diagram(NamedTuple):
    width: float
    height: int
    #: Where the first box begins.
    head: int
    #: x of the columns.
    columns: tuple[float, float, float]
    boxes: list[DiagramBox | Omission]
    description: str


def diagram(found: Signals) -> Diagram:
    """The picture of these signals."""
    rows = [row for row in found.rows if isinstance(row, SignalRow)]
    widths = [
        max(_COLUMN, *(_extent(label, signal) + 22 for label, signal in column))
        for column in zip(*(line for row in rows for line in _lines(row)), strict=True)
    ]
    columns = (float(_LEFT), _LEFT + widths[0], _LEFT + widths[0] + widths[1])
    y = _HEAD
    boxes: list[DiagramBox | Omission] = []
    for row in found.rows:
        if isinstance(row, Gap):
            boxes.append(Omission(y + 20, _left_out(row)))
            y += _GAP
            continue
        box = _box(row, y, columns)
        boxes.append(box)
        y += box.height + _LANES
    words = [_left_out(row) if isinstance(row, Gap) else _words(row) for row in found.rows]
    description = f"From the input to the output. {' '.join(words)}"
    return Diagram(columns[2] + widths[2] + _RIGHT, y + 8, _HEAD, columns, boxes, description)


_Line = tuple[tuple[str, Signal | None], tuple[str, Signal | None], tuple[str, Signal | None]]


def _lines(row: SignalRow) -> list[_Line]:
    """What stands side by side at a layer, each with its label: in the box, then in the lanes."""
    lines: list[_Line] = [(("", None), ("", row.own), ("", row.df))]
    if row.own_bias is not None and row.df_bias is not None:
        lines.append((("", None), ("bias", row.own_bias), ("bias", row.df_bias)))
    h, dh = ("f", "Δf") if row.is_output else ("h", "Δh")
    gradient = ("∂f/∂f = 1", None) if row.is_output else ("∂f/∂h", row.gradient)
    return [*lines, ((h, row.h), (dh, row.dh), gradient)]


def _box(row: SignalRow, y: int, columns: Sequence[float]) -> DiagramBox:
    *inside, below = _lines(row)
    height = _BOX + _BIAS_LINE * (len(inside) - 1)
    values = [
        _value(x, y + 46 + _BIAS_LINE * line, label, signal)
        for line, cells in enumerate(inside)
        for x, (label, signal) in list(zip(columns, cells, strict=True))[1:]
    ]
    top, end = y + height, y + height + _LANES
    lanes = [
        Lane(x, top, end, index == 2, index == 1, _value(x + _WORDS, top + 36, label, signal))
        for index, (x, (label, signal)) in enumerate(zip(columns, below, strict=True))
    ]
    heads = [
        Value(x, y + 22, label, None, None)
        for x, label in zip(columns[1:], ("own share of change", "share of Δf"), strict=True)
    ]
    several = f"{row.layers:,} alike, " if row.layers > 1 else ""
    name = row.name
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 1]}…"
    return DiagramBox(y, height, name, several + row.shape, row.broken, heads, values, lanes)


def _value(x: float, y: int, label: str, signal: Signal | None) -> Value:
    badge = None
    if signal is not None and signal.broken:
        at = x + _text_width(label, signal) + _SPACE
        badge = Badge(at, _badge_width(signal), " ".join(f"✗ {name}" for name in signal.broken))
    return Value(x, y, label, signal, badge)


def _extent(label: str, signal: Signal | None) -> float:
    """How far a value with its badge reaches."""
    if signal is None:
        return _SMALL * len(label)
    badge = _SPACE + _badge_width(signal) if signal.broken else 0
    return _WORDS + _text_width(label, signal) + badge


def _text_width(label: str, signal: Signal) -> float:
    """At most: fonts differ."""
    text = signal.text
    plain = sum(text.count(letter) for letter in "nL→ ")
    raised = len(text) - plain - text.count("^")
    space = _LETTER / 2 if label else 0
    return _SMALL * len(label) + space + _LETTER * plain * 0.8 + _RAISED * raised


def _badge_width(signal: Signal) -> int:
    return 18 + 32 * len(signal.broken)


def _left_out(gap: Gap) -> str:
    return f"{gap.layers:,} layers more are not shown."


def _words(row: SignalRow) -> str:
    """One row for who cannot see it."""
    h, dh = ("f", "Δf") if row.is_output else ("h", "Δh")
    own = f"own share of {dh} {row.own.words}"
    df = f"share of Δf {row.df.words}"
    if row.own_bias is not None and row.df_bias is not None:
        own += f", the bias {row.own_bias.words}"
        df += f", the bias {row.df_bias.words}"
    gradient = "" if row.is_output else f"; ∂f/∂h {row.gradient.words}"
    return f"{row.name}: {h} at init {row.h.words}{gradient}; {own}; {dh} {row.dh.words}; {df}."
