"""Where the labels of crowded marks go: beside them, over nothing, with a leader where far."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

#: How wide and high a letter is, as shares of the type size.
_LETTER, _LINE = 0.68, 1.15

#: Directions to try, in degrees, the best first.
_ANGLES = (90, 270, 45, 135, 315, 225, 0, 180, 65, 115, 245, 295)
_NEAR = 0.8
#: In sizes of type: how far a label goes to hide no line, and how far at all.
_NEAR_ENOUGH, _FARTHEST = 2.0, 5.0


class Box(NamedTuple):
    """A rectangle on paper, in points."""

    left: float
    low: float
    right: float
    high: float

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.low < other.high
            and other.low < self.high
        )

    def inside(self, other: Box) -> bool:
        return (
            other.left <= self.left
            and other.low <= self.low
            and self.right <= other.right
            and self.high <= other.high
        )


class LabelSpot(NamedTuple):
    """Where a label's middle is, and whether a line should lead to it."""

    x: float
    y: float
    is_far: bool


class Paper:
    """What is taken already.  Lengths are in points."""

    def __init__(self, sheet: Box) -> None:
        self._sheet = sheet
        self._taken: list[Box] = []
        #: Lines: better not hidden, but better than a label far away.
        self._lines: list[Box] = []

    def take(self, x: float, y: float, width: float, height: float) -> None:
        """A box around its middle."""
        self._taken.append(_around(x, y, width, height))

    def line(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        (x0, y0), (x1, y1) = start, end
        steps = 1 + int(math.hypot(x1 - x0, y1 - y0) / 2)
        for step in range(steps + 1):
            part = step / steps
            self._lines.append(_around(x0 + part * (x1 - x0), y0 + part * (y1 - y0), 1, 1))

    def text(self, x: float, y: float, text: str, size: float, *, align: str = "center") -> None:
        """A line of text with its middle at ``y``, and at ``x`` its middle, left or right end."""
        width, height = extent(text, size)
        shift = {"center": 0.0, "left": width / 2, "right": -width / 2}[align]
        self.take(x + shift, y, width, height)

    def label(
        self, x: float, y: float, texts: Sequence[str], size: float, mark: float
    ) -> tuple[LabelSpot, str]:
        """The nearest free place, for the first of the texts that has one.

        One that hides a line where it must, and the nearest where all is taken.  The mark is
        ``mark`` wide.
        """
        for text in texts:
            for taken, farthest in (
                (self._taken + self._lines, _NEAR_ENOUGH * size),
                (self._taken, _FARTHEST * size),
            ):
                for spot, box, away in _spots(x, y, *extent(text, size), mark, size):
                    is_free = box.inside(self._sheet) and not any(box.meets(t) for t in taken)
                    if is_free and away <= farthest:
                        self._taken.append(box)
                        return spot, text
        spot, _, _ = next(_spots(x, y, *extent(texts[-1], size), mark, size))
        return spot, texts[-1]


def _spots(
    x: float, y: float, width: float, height: float, mark: float, size: float
) -> Iterator[tuple[LabelSpot, Box, float]]:
    """Places around a mark, the nearest first, and how far they are from it."""
    for step in range(int(2 * _FARTHEST)):
        away = step * size / 2
        distance = mark / 2 + _NEAR + away
        for angle in _ANGLES:
            cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            # The box touches the circle of that radius.
            middle = x + cos * (distance + width / 2), y + sin * (distance + height / 2)
            yield LabelSpot(*middle, step > 1), _around(*middle, width, height), away


def extent(text: str, size: float) -> tuple[float, float]:
    """About how wide and high a line of text is, in points."""
    return _LETTER * size * len(text), _LINE * size


def _around(x: float, y: float, width: float, height: float) -> Box:
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
