"""Where everything stands in the picture of the signals: a column of layers, three lanes between.

What belongs to a layer's weights is in its box, what belongs to a representation between boxes:
forwards on the left, changes in the middle, the gradient, which runs up, on the right.
"""

from __future__ import annotations

from typing import NamedTuple

from richc.report.page.signals import Gap, Row, Signal, Signals

WIDTH = 560
#: Of a box, and of the lanes below it.
_BOX, _BIAS_LINE, _LANES, _GAP, _HEAD = 58, 18, 62, 34, 62
#: x of the lanes.
FORWARD, CHANGE, BACKWARD = 40, 225, 410
#: x of the two numbers in a box.
OWN, SHARE = 225, 410
_LONGEST_NAME = 22


class Lane(NamedTuple):
    """An arrow and what goes along it."""

    x: int
    label: str
    signal: Signal | None
    #: down, up or changes (down, dashed)
    kind: str


class Value(NamedTuple):
    x: int
    #: Lines below the first.
    line: int
    label: str
    signal: Signal


class Box(NamedTuple):
    """One layer, with the lanes to what follows."""

    y: int
    height: int
    name: str
    about: str
    broken: bool
    values: list[Value]
    lanes: list[Lane]
    lanes_height: int


class Omission(NamedTuple):
    y: int
    height: int
    text: str


class Diagram(NamedTuple):
    width: int
    height: int
    head: int
    boxes: list[Box | Omission]
    description: str


def diagram(found: Signals) -> Diagram:
    """The picture of these signals."""
    y = _HEAD
    boxes: list[Box | Omission] = []
    for row in found.rows:
        if isinstance(row, Gap):
            boxes.append(Omission(y, _GAP, _left_out(row)))
            y += _GAP
            continue
        box = _box(row, y)
        boxes.append(box)
        y += box.height + box.lanes_height
    words = [_left_out(row) if isinstance(row, Gap) else _words(row) for row in found.rows]
    return Diagram(WIDTH, y + 8, _HEAD, boxes, f"From the input to the output. {' '.join(words)}")


def _box(row: Row, y: int) -> Box:
    values = [Value(OWN, 0, "own share of change", row.own), Value(SHARE, 0, "share of Δf", row.df)]
    height = _BOX
    if row.own_bias is not None and row.df_bias is not None:
        values += [Value(OWN, 1, "bias", row.own_bias), Value(SHARE, 1, "bias", row.df_bias)]
        height += _BIAS_LINE
    output = row.is_output
    lanes = [
        Lane(FORWARD, "f" if output else "h", row.h, "down"),
        Lane(CHANGE, "Δf" if output else "Δh", row.dh, "changes"),
        Lane(BACKWARD, "∂f/∂f = 1" if output else "∂f/∂h", None if output else row.gradient, "up"),
    ]
    several = f"{row.layers:,} alike, " if row.layers > 1 else ""
    name = row.name
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 1]}…"
    return Box(y, height, name, several + row.shape, row.broken, values, lanes, _LANES)


def _left_out(gap: Gap) -> str:
    return f"{gap.layers:,} layers more are not shown."


def _words(row: Row) -> str:
    """One row for who cannot see it."""
    h, dh = ("f", "Δf") if row.is_output else ("h", "Δh")
    own = f"own share of {dh} {row.own.words}"
    df = f"share of Δf {row.df.words}"
    if row.own_bias is not None and row.df_bias is not None:
        own += f", the bias {row.own_bias.words}"
        df += f", the bias {row.df_bias.words}"
    gradient = "" if row.is_output else f"; ∂f/∂h {row.gradient.words}"
    return f"{row.name}: {h} at init {row.h.words}{gradient}; {own}; {dh} {row.dh.words}; {df}."
