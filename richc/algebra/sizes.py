"""Sizes n^x in the max-plus algebra: x is an exact rational, or minus infinity for zero.

Everything in the exponent calculus is a sum (product of sizes) or a maximum (sum of sizes), so a
zero init, a frozen layer or a dead gradient needs no special case: it is ``ZERO_SIZE``.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final


class Zero:
    """The exponent of a quantity that is exactly zero: below every rational, absorbing."""

    __slots__ = ()

    def __add__(self, other: object) -> Zero:
        return self

    __radd__ = __add__

    def __neg__(self) -> Zero:
        raise ArithmeticError("zero has no inverse")

    def __lt__(self, other: object) -> bool:
        return not isinstance(other, Zero)

    def __gt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return True

    def __ge__(self, other: object) -> bool:
        return isinstance(other, Zero)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Zero)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "ZERO_SIZE"

    def __str__(self) -> str:
        return "-inf"

    def __reduce__(self) -> str:
        return "ZERO_SIZE"


ZERO_SIZE: Final = Zero()

#: An exponent of n: exact, or ``ZERO_SIZE`` for a quantity that vanishes identically.
Size = Fraction | Zero


def finite(size: Size) -> Fraction | None:
    """None for what is exactly zero."""
    return size if isinstance(size, Fraction) else None


def largest(*sizes: Size) -> Size:
    """The size of a sum: the largest exponent (``ZERO_SIZE`` for an empty one)."""
    best: Size = ZERO_SIZE
    for size in sizes:
        best = max(best, size)
    return best
