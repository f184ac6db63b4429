"""Exponents of n: exact fractions, quick where the calculus adds and compares them.

A check adds and compares some thousand exponents; those of ``fractions`` take four times as long,
for they know of other kinds of numbers.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Any, final

_new = object.__new__


@final
class Exponent(Fraction):
    """A fraction in every respect; what becomes of two of them is one again."""

    __slots__ = ()

    # Where every Fraction keeps them, in lowest terms.
    _numerator: int
    _denominator: int

    def __add__(self, other: object) -> Fraction:  # type: ignore[override]  # fewer types
        if type(other) is not Exponent:
            return Fraction(self) + other if isinstance(other, int) else NotImplemented
        # Most factors are of order one.
        if not other._numerator:
            return self
        if not self._numerator:
            return other
        over, under = self._denominator, other._denominator
        if over == under:
            return _lowest(self._numerator + other._numerator, over)
        return _lowest(self._numerator * under + other._numerator * over, over * under)

    def __mul__(self, other: object) -> Fraction:  # type: ignore[override]  # fewer types
        if type(other) is not Exponent:
            return Fraction(self) * other if isinstance(other, int) else NotImplemented
        return _lowest(self._numerator * other._numerator, self._denominator * other._denominator)

    def __neg__(self) -> Exponent:
        result = _new(Exponent)
        result._numerator, result._denominator = -self._numerator, self._denominator
        return result

    def __eq__(self, other: object) -> bool:
        if type(other) is not Exponent:
            return Fraction.__eq__(self, other) if isinstance(other, int) else NotImplemented
        return (
            self._numerator == other._numerator and self._denominator == other._denominator
        )  # fmt: skip

    __hash__ = Fraction.__hash__

    def __lt__(self, other: object) -> bool:
        if type(other) is not Exponent:
            return Fraction(self) < other if isinstance(other, int) else NotImplemented
        return self._numerator * other._denominator < other._numerator * self._denominator

    def __gt__(self, other: object) -> bool:
        if type(other) is not Exponent:
            return Fraction(self) > other if isinstance(other, int) else NotImplemented
        return self._numerator * other._denominator > other._numerator * self._denominator

    def __le__(self, other: object) -> bool:
        if type(other) is not Exponent:
            return Fraction(self) <= other if isinstance(other, int) else NotImplemented
        return self._numerator * other._denominator <= other._numerator * self._denominator

    def __ge__(self, other: object) -> bool:
        if type(other) is not Exponent:
            return Fraction(self) >= other if isinstance(other, int) else NotImplemented
        return self._numerator * other._denominator >= other._numerator * self._denominator


class Composite(Fraction):
    """An exponent that is more than one number, for the operations that the calculus uses.

    A subclass says what a sum, the opposite, a multiple and a comparison are.
    """

    __slots__ = ()

    def __radd__(self, other: object) -> Fraction:  # type: ignore[override]  # fewer types
        return self + other  # type: ignore[operator,no-any-return]

    def __sub__(self, other: object) -> Any:  # of the subclass' kind
        return self + -other if isinstance(other, Fraction | int) else NotImplemented

    def __rsub__(self, other: object) -> Fraction:  # type: ignore[override]  # fewer types
        return -self + other if isinstance(other, Fraction | int) else NotImplemented

    def __rmul__(self, other: object) -> Fraction:  # type: ignore[override]  # fewer types
        return self * other  # type: ignore[operator,no-any-return]

    def _compare(self, other: Fraction | int) -> Fraction | int:
        """Below, at or above zero, as this is below, at or above the other."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return not self._compare(other) if isinstance(other, Fraction | int) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._compare(other) < 0 if isinstance(other, Fraction | int) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self._compare(other) > 0 if isinstance(other, Fraction | int) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self._compare(other) <= 0 if isinstance(other, Fraction | int) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self._compare(other) >= 0 if isinstance(other, Fraction | int) else NotImplemented

    def __bool__(self) -> bool:
        return self != ZERO

    __hash__ = Fraction.__hash__


def _lowest(over: int, under: int) -> Exponent:
    common = gcd(over, under)
    result = _new(Exponent)
    result._numerator, result._denominator = over // common, under // common
    return result


def exact(value: Fraction) -> Fraction:
    """The same number as an ``Exponent``, unless it is of a kind of its own."""
    if type(value) is not Fraction:
        return value
    result = _new(Exponent)
    result._numerator, result._denominator = value.numerator, value.denominator
    return result


ZERO = Exponent(0)
HALF = Exponent(1, 2)
ONE = Exponent(1)
