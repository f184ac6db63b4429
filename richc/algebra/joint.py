"""Exponents of two symbols: n^x L^y, with the width going to infinity before the depth.

Ordered so, a product and the larger of two sizes are what they are for powers of n alone (Yang et
al. 2023, arXiv 2310.02244, take the limits in this order): all that computes with exponents of n
computes with these.
"""

from __future__ import annotations

from fractions import Fraction
from typing import final

from richc.algebra.exponent import Composite, Exponent, exact

_ZERO = Exponent(0)


@final
class Joint(Composite):
    """The exponent of n, and beside it that of L.

    Both may be of a kind of their own: traced ones, and ones that are sums of unknowns.
    """

    __slots__ = ("depth", "width")

    width: Fraction
    depth: Fraction

    def __new__(cls, width: Fraction | int, depth: Fraction | int) -> Joint:
        self = super().__new__(cls, width.numerator, width.denominator)
        self.width, self.depth = _part(width), _part(depth)
        return self

    def __add__(self, other: object) -> Joint:  # type: ignore[override]  # fewer types
        if type(other) is Joint:
            return Joint(self.width + other.width, self.depth + other.depth)
        if not isinstance(other, Fraction | int):
            return NotImplemented
        return Joint(self.width + width_of(other), self.depth)

    def __neg__(self) -> Joint:
        return Joint(-self.width, -self.depth)

    def __mul__(self, other: object) -> Joint:  # type: ignore[override]  # fewer types
        if not isinstance(other, Fraction | int) or isinstance(other, Joint):
            return NotImplemented
        return Joint(self.width * other, self.depth * other)

    def __truediv__(self, other: object) -> Joint:  # type: ignore[override]  # fewer types
        if not isinstance(other, Fraction | int) or isinstance(other, Joint):
            return NotImplemented
        return self * (1 / Fraction(other))

    def _compare(self, other: Fraction | int) -> int:
        own, its = self.width, width_of(other)
        if own == its:
            own, its = self.depth, depth_of(other)
        return (own > its) - (own < its)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fraction | int):
            return NotImplemented
        return self.width == width_of(other) and self.depth == depth_of(other)

    def __hash__(self) -> int:  # type: ignore[override]  # mypy takes Complex to have none
        return hash((self.width, self.depth)) if self.depth else Fraction.__hash__(self)

    def __repr__(self) -> str:
        return f"Joint({self.width!s}, {self.depth!s})"

    def __str__(self) -> str:
        return f"({self.width}, {self.depth})"


def width_of(value: Fraction | int) -> Fraction:
    """The power of n."""
    return value.width if type(value) is Joint else _part(value)


def depth_of(value: Fraction | int) -> Fraction:
    """The power of L."""
    return value.depth if type(value) is Joint else _ZERO


def _part(value: Fraction | int) -> Fraction:
    return exact(Fraction(value) if isinstance(value, int) else value)
