"""Python source as text: literals that cannot become code, and lines no longer than 100."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from importlib.resources import files
from itertools import accumulate, pairwise
from typing import NamedTuple

LINE_LENGTH = 100
#: A part's text above this line is for linters; below it begins what is emitted.
_CUT = "# ---- emitted from here on ----\n"
#: Items, one a line, of a bracket that is closed on a line of its own.
_SPREAD = re.compile(r"^(( *)\S.*[(\[{])\n((?:\2 +[^#\n]*\n)+)(?<=,\n)\2([)\]}].*)$", re.MULTILINE)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_IMPORT = re.compile(r"^(?:import|from) .*$", re.MULTILINE)


def formatted(text: str) -> str:
    """Python in lines that fit, as ``ruff format`` would have it.

    A list of items that a part spreads over lines is joined where it fits; what a model made too
    long for its line is broken at its brackets.
    """
    joined = _SPREAD.sub(
        lambda found: found[1] + " ".join(found[3].split()).removesuffix(",") + found[4], text
    )
    return "".join(f"{piece}\n" for line in joined.splitlines() for piece in broken(line))


def broken(line: str) -> list[str]:
    """A statement, or an item of one, on as many lines as it needs."""
    code = _STRING.sub(lambda found: "_" * len(found[0]), line)
    if len(line) <= LINE_LENGTH or set('"#') & set(code) or not set(")]}") & set(code):
        return [line]
    depths = list(accumulate((sign in "([{") - (sign in ")]}") for sign in code))
    ends = [at for at, sign in enumerate(code) if sign in ")]}" and not depths[at]]
    # The first brackets of a signature, the last of anything else.
    end = ends[0 if code.lstrip().startswith("def ") else -1]
    start = max(at for at in range(end) if code[at] in "([{" and depths[at] == 1)
    commas, clauses = (
        [at + 1 for at in range(start, end) if depths[at] == 1 and code.startswith(mark, at)]
        for mark in (",", " for ")
    )
    pad = " " * (len(line) - len(line.lstrip()) + 4)
    head, inside, tail = line[: start + 1], line[start + 1 : end], pad[4:] + line[end:]
    is_call = re.match(r"\w", code[start - 1 : start]) is not None
    if (is_call or clauses) and len(pad + inside) <= LINE_LENGTH:
        return [head, pad + inside, tail]
    items = [line[a:b].strip() for a, b in pairwise([start + 1, *(clauses or commas), end])]
    if not clauses and (commas or line[start] == "["):
        items[-1] += ","
    return [head, *(piece for item in items for piece in broken(pad + item)), tail]


def assigned(values: Mapping[str, str]) -> str:
    """``A, B = 1, 2``."""
    return f"{', '.join(values)} = {', '.join(values.values())}"


def indented(lines: Iterable[str], indent: int) -> list[str]:
    pad = " " * indent
    return [pad + line if line else "" for line in lines]


def literal(text: str) -> str:
    """A double-quoted ASCII literal of ``text``, whatever it holds."""
    escaped = _escaped(text).replace('"', '\\"')
    return f'"{escaped}"'


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


def number(value: Fraction) -> str:
    """A float literal, or the quotient of two integers where no short decimal is exact."""
    if value.denominator == 1:
        return f"{value.numerator}.0"
    short = repr(float(value))
    if Fraction(short) == value:
        return short
    return f"{value.numerator} / {value.denominator}"


def prose(text: str, hanging: str = "") -> list[str]:
    """Words for a docstring, wrapped; nothing in them can end it, escape or reorder the text.

    Control and format characters (bidirectional overrides among them) are shown as escapes.
    """
    safe = "".join(c if c.isprintable() else _escaped(c) for c in " ".join(text.split()))
    safe = safe.replace("\\", "\\\\").replace('"', "'")
    return textwrap.wrap(safe, LINE_LENGTH, subsequent_indent=hanging) or [""]


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

    A line that ends in ``# keep if A or B`` is kept, with what is indented below it, when one of
    these ``words`` is said of the file; ``A and B`` are both, ``not A`` is one that is not.  So
    are the lines between ``# keep if A or B`` and ``# end``; behind ``# else`` stands what is
    kept otherwise.  Regions may be nested.  In place of a line that ends in ``# fill NAME``, which
    is for the type checker, stand those of ``fills``.
    """
    text = files("richc.emit").joinpath("parts", f"{name}.py").read_text(encoding="utf-8")
    kept: list[str] = []
    regions: list[bool] = []
    left_out: int | None = None  # the indentation of what is left out by its first line
    blanks = 0
    for line in text.splitlines():
        word = line.strip()
        indent = len(line) - len(line.lstrip())
        if left_out is not None:
            is_end = indent == left_out and word[:1] in (")", "]", "}")
            if not word or indent > left_out or is_end:
                blanks = 0 if word else blanks + 1
                continue
            kept += [""] * (blanks if indent < left_out else 0)  # it was the last of its block
            left_out = None
        if word.startswith("# keep if "):
            regions.append(holds(word.removeprefix("# keep if "), words))
        elif word == "# else":
            regions[-1] = not regions[-1]
        elif word == "# end":
            regions.pop()
        elif all(regions):
            code, _, condition = line.partition("  # keep if ")
            _, marker, place = code.partition("# fill ")
            if holds(condition, words):
                lines = [code.strip()] if not marker else (fills or {})[place]
                kept += indented(lines, indent)
            else:
                left_out, blanks = indent, 0
    head, _, body = "\n".join(kept).partition(_CUT)
    imports = tuple(line.partition("  #")[0] for line in _IMPORT.findall(head))
    return Part(imports, body.strip("\n") + "\n")


def holds(condition: str, words: frozenset[str]) -> bool:
    """Whether ``A and B or not C`` is so of the ``words``; an empty condition always is."""

    def is_said(word: str) -> bool:
        return (word.removeprefix("not ") in words) != word.startswith("not ")

    alternatives = [choice.split(" and ") for choice in condition.split(" or ")]
    return not condition or any(all(map(is_said, choice)) for choice in alternatives)
