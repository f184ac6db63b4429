"""Derivations read back: every formula that is printed, evaluated by other means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from math import inf
from typing import NamedTuple

Value = Fraction | float

_ROW = re.compile(r"    ([A-Za-z]+[*']?)_(l|\d+)( = .*|)$")
_RANGE = re.compile(r"\(l = (\d+)(?:, | \.\.\. )(\d+)\)")
_NAME = re.compile(r"([A-Za-zκ]+[*']?)_(?:\{l([+-]\d+)\}|(l|\d+))")


class Row(NamedTuple):
    """``u_l = 1 + q_{l-1} - C_l  = 1 + 0 - 1  = 0  body.0, body.1 (l = 2, 3)``."""

    letter: str
    layers: range
    letters: str
    numbers: tuple[str, ...]

    @property
    def value(self) -> str:
        return self.numbers[-1]


def rows(text: str) -> Iterator[Row]:
    """All rows with an index.  Where numbers stand below letters, two lines are one row."""
    text = re.sub(r"\n {5,}= ", "  = ", text)
    for line in text.splitlines():
        cells = re.split(r"  +", line.strip())
        if not line.startswith("    ") or not (found := _ROW.match(f"    {cells[0]}")):
            continue
        letter, index, letters = found.groups()
        label = [cell for cell in cells[1:] if not cell.startswith("= ")]
        if index == "l":
            (bounds,) = [_RANGE.search(cell) for cell in label]
            assert bounds is not None, line
            layers = range(int(bounds[1]), int(bounds[2]) + 1)
        else:
            layers = range(int(index), int(index) + 1)
        numbers = [cell for cell in cells[1:] if cell.startswith("= ")]
        values = tuple(part for cell in numbers for part in cell[2:].split(" = "))
        if not values:
            # "U_1 = u_1 = -1/2": the value beside the letters.
            letters, _, value = letters.rpartition(" = ")
            values = (value,)
        yield Row(letter, layers, letters.removeprefix(" = "), values)


def evaluate(text: str, richness: Fraction | None = None) -> Value:
    """``max(0, 1 - 2r + 2*0)`` as a number."""
    code = re.sub(r"(\d|\))r\b", r"\1*r", text)
    code = re.sub(r"\d+", lambda found: f"Fraction({found[0]})", code).replace("∞", "inf")
    names = {"Fraction": Fraction, "inf": inf, "max": max, "min": min, "r": richness}
    value = eval(code, {"__builtins__": {}}, names)
    assert isinstance(value, Fraction | float)
    return value


def check(text: str, richness: Fraction | None) -> int:
    """Every row adds up, in numbers and, where its letters are known, in letters; how many."""
    known: dict[tuple[str, int], Value] = {}
    count = 0
    for row in rows(text):
        values = {evaluate(part, richness) for part in row.numbers}
        assert len(values) == 1, row
        (value,) = values
        # Gradients are derived from the output down.
        for layer in reversed(row.layers) if row.letter == "g" else row.layers:
            found = _in_letters(row.letters, layer, known)
            assert found in (None, value), (row, layer, found)
            if found is not None and len(row.numbers) > 1 and "r" not in row.numbers[0]:
                assert _sizes(row.letters, layer, known) == _sizes(row.numbers[0], layer, known)
            known[row.letter, layer] = value
            count += 1
    return count


def _sizes(text: str, layer: int, known: dict[tuple[str, int], Value]) -> list[Value]:
    """Every number of a formula without its sign, letters as numbers, in order."""
    sizes = []
    for found in re.finditer(rf"{_NAME.pattern}|\d+(?:/\d+)?|∞", text):
        if found[1] is None:
            sizes.append(evaluate(found[0]))
        else:
            value = known[found[1], _at(found, layer)]
            sizes.append(-value if value < 0 else value)
    return sizes


def _at(name: re.Match[str], layer: int) -> int:
    """The layer that a letter's index means beside l = ``layer``."""
    _, offset, index = name.groups()
    return layer + int(offset) if offset else layer if index == "l" else int(index)


def _in_letters(letters: str, layer: int, known: dict[tuple[str, int], Value]) -> Value | None:
    """The formula with its letters replaced; None where one of them is not known."""
    missing = False

    def replace(found: re.Match[str]) -> str:
        nonlocal missing
        where = found[1], _at(found, layer)
        if where not in known:
            missing = True
            return "0"
        return f"({known[where]})".replace("inf", "∞")

    code = re.sub(r"(\d) (?=\w)", r"\1*", letters)
    replaced = _NAME.sub(replace, code)
    return None if missing or not letters else evaluate(replaced)
