"""Python source as text: literals that cannot become code, and lines no longer than 100."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from importlib.resources import files
from typing import NamedTuple

LINE_LENGTH = 100
#: A part's text above this line is for linters; below it begins what is emitted.
_CUT = "# ---- emitted from here on ----\n"
_IMPORT = re.compile(r"^(?:import|from) .*$", re.MULTILINE)


class Items(NamedTuple):
    """A bracketed list, ``opening item, item closing``; items may be bracketed themselves."""

    opening: str
    items: Sequence[str | Items]
    closing: str
    #: Whether all items may share a line of their own: of a call, not of a list.
    hugs: bool = False
    #: A space for what is one thing in several pieces, as a comprehension is.
    separator: str = ", "

    def flat(self) -> str:
        inside = self.separator.join(i if isinstance(i, str) else i.flat() for i in self.items)
        return f"{self.opening}{inside}{self.closing}"


def wrapped(node: str | Items, indent: int, tail: str = "", margin: int = 8) -> list[str]:
    """The lines of an expression: one where it fits, else one item per line.

    ``margin`` is what the caller will indent the lines by: 8 in the body of a method.
    """
    pad = " " * indent
    flat = node if isinstance(node, str) else node.flat()
    fits = margin + len(pad + flat + tail) <= LINE_LENGTH
    if isinstance(node, str) or not node.items or fits:
        return [f"{pad}{flat}{tail}"]
    lines = [f"{pad}{node.opening}"]
    inner = flat.removeprefix(node.opening).removesuffix(node.closing)
    if node.hugs and margin + len(pad) + 4 + len(inner) <= LINE_LENGTH:
        return [*lines, f"{pad}    {inner}", f"{pad}{node.closing}{tail}"]
    for item in node.items:
        lines += wrapped(item, indent + 4, node.separator.strip(), margin)
    return [*lines, f"{pad}{node.closing}{tail}"]


def indented(lines: Iterable[str], indent: int) -> list[str]:
    pad = " " * indent
    return [pad + line if line else "" for line in lines]


def literal(text: str) -> str:
    """A double-quoted ASCII literal of ``text``, whatever it holds."""
    return '"' + "".join(_escaped(c) for c in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if " " <= character <= "~":
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def number(value: Fraction) -> str:
    """A float literal, or the quotient of two integers where no short decimal is exact."""
    if value.denominator == 1:
        return f"{value.numerator}.0"
    short = repr(float(value))
    if Fraction(short) == value:
        return short
    return f"{value.numerator} / {value.denominator}"


def prose(text: str, indent: int = 0, hanging: str = "") -> list[str]:
    """Words for a docstring, wrapped; nothing in them can end it, escape or reorder the text.

    Control and format characters (bidirectional overrides among them) are shown as escapes.
    """
    safe = "".join(c if c.isprintable() else _escaped(c) for c in " ".join(text.split()))
    safe = safe.replace("\\", "\\\\").replace('"', "'")
    first = " " * indent
    return textwrap.wrap(
        safe, LINE_LENGTH, initial_indent=first, subsequent_indent=first + hanging
    ) or [""]


class Part(NamedTuple):
    """A fixed piece of the emitted file: its import lines, and its body."""

    imports: tuple[str, ...]
    body: str


def load_part(
    name: str,
    words: frozenset[str] = frozenset(),
    fills: Mapping[str, Sequence[str]] | None = None,
) -> Part:
    """A part from ``richc/emit/parts``.

    Lines between ``# keep if A or B`` and ``# end``, or one that ends in ``# keep if A or B``, are
    kept when one of these ``words`` is said of the file; ``A and B`` are both, ``not A`` is one
    that is not.  In place of the lines between ``# fill NAME`` and ``# end``, which are for the
    type checker, stand those of ``fills``, as far to the right.  Regions may be nested.
    """
    text = files("richc.emit").joinpath("parts", f"{name}.py").read_text(encoding="utf-8")
    kept: list[str] = []
    regions: list[bool] = []
    for line in text.splitlines(keepends=True):
        word = line.strip()
        if word.startswith("# keep if "):
            regions.append(holds(word.removeprefix("# keep if "), words))
        elif word.startswith("# fill "):
            if all(regions):
                lines = (fills or {})[word.removeprefix("# fill ")]
                kept += [f"{line}\n" for line in indented(lines, line.index("#"))]
            regions.append(False)
        elif word == "# end":
            regions.pop()
        elif all(regions):
            code, marker, condition = line.partition("  # keep if ")
            if not marker or holds(condition.strip(), words):
                kept.append(f"{code}\n" if marker else line)
    head, _, body = "".join(kept).partition(_CUT)
    imports = tuple(i.partition("  #")[0] for i in _IMPORT.findall(head) if "__future__" not in i)
    return Part(imports, body.strip("\n") + "\n")


def holds(condition: str, words: frozenset[str]) -> bool:
    """Whether ``A and B or not C`` is so of the ``words``; an empty condition always is."""

    def is_said(word: str) -> bool:
        return (word.removeprefix("not ") in words) != word.startswith("not ")

    alternatives = [choice.split(" and ") for choice in condition.split(" or ")]
    return not condition or any(all(map(is_said, choice)) for choice in alternatives)
