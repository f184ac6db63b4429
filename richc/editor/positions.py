"""Offsets into a text, and the lines and units in which editors count.

The protocol counts lines from 0, ends them at LF, CR LF and CR only, and counts what is before a
place on its line in code units of an encoding: UTF-16 unless client and server agree on another.
A place inside of a character, or beyond the end of its line, is moved back to one that exists.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

UTF_8 = "utf-8"
UTF_16 = "utf-16"
UTF_32 = "utf-32"

_LINE_END = re.compile(r"\r\n|\n|\r")
_ASTRAL = 0xFFFF


class Position(NamedTuple):
    """0-based line, and code units before the place on its line."""

    line: int
    character: int


def units(text: str, encoding: str = UTF_16) -> int:
    """The length of a text in code units; a lone surrogate counts as its encoding would take it."""
    if encoding == UTF_32 or text.isascii():
        return len(text)
    if encoding == UTF_8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(ord(character) > _ASTRAL for character in text)


class Positions:
    """The lines of one text."""

    def __init__(self, text: str, encoding: str = UTF_16) -> None:
        self._text = text
        self._encoding = encoding
        ends = list(_LINE_END.finditer(text))
        self._starts = [0, *(end.end() for end in ends)]
        #: Where the content of each line ends.
        self._stops = [*(end.start() for end in ends), len(text)]

    @property
    def end(self) -> Position:
        return self.at(len(self._text))

    def at(self, offset: int) -> Position:
        """The position of a character; an offset outside of the text is moved to its edge."""
        line = max(bisect_right(self._starts, offset) - 1, 0)
        content = self._text[self._starts[line] : max(min(offset, self._stops[line]), 0)]
        return Position(line, units(content, self._encoding))

    def offset(self, position: Position) -> int:
        """The offset of a position; positions that do not exist are moved back to one that does."""
        if position.line >= len(self._starts):
            return len(self._text)
        if position.line < 0:
            return 0
        start = self._starts[position.line]
        content = self._text[start : self._stops[position.line]]
        return start + _index(content, max(position.character, 0), self._encoding)


def _index(content: str, character: int, encoding: str) -> int:
    """How many characters the first code units of a line make, without one that they cut."""
    if encoding == UTF_32 or content.isascii():
        return min(character, len(content))
    seen = 0
    for index, one in enumerate(content):
        seen += units(one, encoding)
        if seen > character:
            return index
    return len(content)
