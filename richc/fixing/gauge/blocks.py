"""``{ }`` blocks as text: items replaced, put in and taken out without touching anything else.

What is taken out must be exactly what ``with_item`` would put in, so that a rewrite and its inverse
restore a text byte for byte; layout that ``with_item`` would not make is never taken out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from richc.syntax import tree

#: Attributes that are put in at the end of a block, in this order ...
_LAST = ("scale", "decay", "eps")
#: ... and at its beginning.  A person writes `scale` first: at the end, ours can be told apart.
_FIRST = ("std", "lr")

_LINE_END = re.compile(r"\r\n|\n|\r")


class Item(NamedTuple):
    name: str
    text: str


class BlockText(NamedTuple):
    """A block as its items and what stands around them: one gap more than items.

    The first gap holds the opening brace and the space before it, the last the closing one.  A
    block that is not there has one empty gap.
    """

    gaps: tuple[str, ...]
    items: tuple[Item, ...]

    @property
    def text(self) -> str:
        parts = [self.gaps[0]]
        for item, gap in zip(self.items, self.gaps[1:], strict=True):
            parts += (item.text, gap)
        return "".join(parts)

    def find(self, name: str) -> int | None:
        return next((i for i, item in enumerate(self.items) if item.name == name), None)

    def replaced(self, name: str, text: str) -> BlockText:
        """With another text for an item."""
        return self._replace(
            items=tuple(Item(name, text) if i.name == name else i for i in self.items)
        )

    def with_item(self, name: str, text: str) -> BlockText:
        """With an item that was not there."""
        return self._with_after(self._place(name), Item(name, text))

    def without(self, name: str) -> BlockText | None:
        """The block of which ``with_item`` makes this one; None where there is none."""
        at = self.find(name)
        if at is None:
            return None
        item = self.items[at]
        items = self.items[:at] + self.items[at + 1 :]
        for gap in _merged(self.gaps[at], self.gaps[at + 1]):
            if items or not gap or ("{" in gap and gap.endswith("}")):
                shorter = BlockText((*self.gaps[:at], gap, *self.gaps[at + 2 :]), items)
                if shorter.with_item(name, item.text) == self:
                    return shorter
        return None

    def _place(self, name: str) -> int:
        """After how many items a new one belongs."""
        if name in _FIRST:
            index = 0
            for item in self.items:
                if item.name not in _FIRST or _FIRST.index(item.name) > _FIRST.index(name):
                    break
                index += 1
            return index
        index = len(self.items)
        least = len(_LAST)
        for item in reversed(self.items):
            if item.name not in _LAST or not _LAST.index(name) < _LAST.index(item.name) < least:
                break
            least = _LAST.index(item.name)
            index -= 1
        return index

    def _with_after(self, count: int, item: Item) -> BlockText:
        items = (*self.items[:count], item, *self.items[count:])
        if not self.items:
            return BlockText(_around(self.gaps[0]), items)
        if count == 0:
            before, after = self.gaps[0], ", "
            if (line := _last_line(before)) is not None:
                after = f",{line}" if _comma(self.gaps[1]) else line
            return BlockText((before, after, *self.gaps[1:]), items)
        gap, earlier = self.gaps[count], self.gaps[count - 1]
        end, line = _LINE_END.search(gap), _last_line(earlier)
        if end is None or line is None:
            return BlockText((*self.gaps[:count], ", ", *self.gaps[count:]), items)
        # Each item has a line of its own, perhaps with a comment at its end.
        before, after = gap[: end.start()], gap[end.start() :]
        if _comma(before):
            after = f",{after}"
        elif _comma(earlier):
            before = f",{before}"
        return BlockText((*self.gaps[:count], before + line, after, *self.gaps[count + 1 :]), items)


def read(text: str, start: int, node: tree.Block | None) -> BlockText:
    """The block of a statement, or of a section in it, whose head ends at ``start``."""
    if node is None:
        return BlockText(("",), ())
    gaps: list[str] = []
    items: list[Item] = []
    for item in node.items:
        gaps.append(text[start : item.span.start])
        items.append(Item(item.name.text, text[item.span.start : item.span.end]))
        start = item.span.end
    gaps.append(text[start : node.span.end])
    return BlockText(tuple(gaps), tuple(items))


def _around(gap: str) -> tuple[str, str]:
    """What stands before and after the only item, from an empty block."""
    if not gap:
        return " { ", " }"
    end = _last_end(gap)
    if end is None:
        space = gap[-2] if gap[-2].isspace() else ""
        return f"{gap[:-1].rstrip()}{space}", f"{space}}}"
    indent = gap[end.end() : -1]
    return f"{gap[: end.start()]}{end.group()}{indent}  ", f"{end.group()}{indent}}}"


def _last_line(gap: str) -> str | None:
    """The line end and the indentation before an item, if it begins its line."""
    end = _last_end(gap)
    return None if end is None else gap[end.start() :]


def _last_end(gap: str) -> re.Match[str] | None:
    ends = list(_LINE_END.finditer(gap))
    return ends[-1] if ends else None


def _comma(gap: str) -> bool:
    return gap.lstrip(" \t").startswith(",")


def _merged(before: str, after: str) -> Iterator[str]:
    """What may have stood where now an item stands between ``before`` and ``after``."""
    yield after
    yield before
    if before == " { " and after == " }":
        yield ""
    yield before.rstrip() + after.lstrip(" \t")
    yield before.rstrip() + after
    ends: Sequence[re.Match[str]] = list(_LINE_END.finditer(before))
    for end in ends[:1]:
        line = before[: end.start()]
        yield line + after
        yield line + after.removeprefix(",")
        yield line.removeprefix(",") + after
    if ends:
        line = before[: ends[-1].start()]
        yield line + after
