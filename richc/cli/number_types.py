"""Numbers on the command line, and lists of them: each kind is a function of an option's text."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, TypeVar

import click

_T = TypeVar("_T")

#: What can be trained with, and with factors of some thousand in either direction, in fp32.
_LEAST, _MOST = 1e-20, 1e20


class ParsedText(click.ParamType[Any]):
    """What ``read`` makes of a text; a ValueError of its says what is wrong with it."""

    def __init__(self, name: str, read: Callable[[str], object]) -> None:
        self.name = name
        self._read = read

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        try:
            return self._read(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _several(text: str, read: Callable[[str], _T], example: str) -> list[_T]:
    """In order, and each once.  Raises ValueError."""
    try:
        return sorted({read(word) for word in text.replace(",", " ").split()})  # type: ignore[type-var]  # numbers
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is not a list of numbers such as {example}") from None


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not _LEAST <= number <= _MOST:
        raise ValueError(f"{text} is not in the range {_LEAST:g} to {_MOST:g}")
    return number


def _values(text: str) -> tuple[float, ...]:
    found = _several(text, float, "0.01,0.02,0.04")
    if len(found) < 3:
        raise ValueError("a best value among them needs three or more")
    for number in found:
        if number != 0 and not _LEAST <= number <= _MOST:
            raise ValueError(f"{number:g} is not in the range {_LEAST:g} to {_MOST:g}")
    return tuple(found)


def _sizes(what: str, too: str, most: int, text: str) -> tuple[int, ...]:
    found = _several(text, int, "64,256,1024")
    if len(found) < 2 or found[0] < 2:
        raise ValueError(f"an exponent needs two {what} or more, of 2 or more each")
    if found[-1] > most:
        raise ValueError(f"{found[-1]} is too {too}")
    return tuple(found)


def _seeds(text: str) -> int | tuple[int, ...]:
    number: Any = click.IntRange(1, 10_000)
    counts = tuple(int(number(word)) for word in text.split(","))
    return counts[0] if len(counts) == 1 else counts


def _built_widths(text: str) -> tuple[int, ...]:
    words = text.split(",")
    if not all(re.fullmatch(r"[1-9]\d{0,6}", word) for word in words):
        raise ValueError(f"{text!r} is no list of widths, as in 64,128,256")
    return tuple(sorted({int(word) for word in words}))


def rationals(low: Fraction, high: Fraction) -> ParsedText:
    """Several rationals from ``low`` to ``high``: ``0,1/4,0.5``."""

    def read(text: str) -> tuple[Fraction, ...]:
        found = _several(text, Fraction, "0,1/4,1/2")
        if not found:
            raise ValueError("name one number or more")
        for wrong in (q for q in found if not low <= q <= high):
            raise ValueError(f"{wrong} is not from {low} to {high}")
        return tuple(found)

    return ParsedText("q,q,...", read)


#: From 1e-20 to 1e20.
POSITIVE = ParsedText("float", _positive)
#: Three or more, among them perhaps 0: ``0.01,0.02,0.04``.
VALUES = ParsedText("v,v,...", _values)
#: Two or more: ``64,128,256``, ``4,8,16``.
WIDTHS = ParsedText("n,n,...", partial(_sizes, "widths", "wide", 10**6))
DEPTHS = ParsedText("L,L,...", partial(_sizes, "depths", "deep", 10**4))
#: At every width or by width: ``12`` or ``48,24,12``.
SEEDS = ParsedText("k[,k,...]", _seeds)
#: Of which the audit asks for as many as it needs.
BUILT_WIDTHS = ParsedText("n,n,n[,n...]", _built_widths)
