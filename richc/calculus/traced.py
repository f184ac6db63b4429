"""Exponents that remember how far a verdict holds when the richness changes.

Every size of the calculus is a sum or a maximum of exponents that are affine in r, so a verdict
changes only where a comparison on its way does.  A ``Traced`` exponent is its value at one r; a
comparison notes at which r it would come out differently.  What was computed holds between the
nearest such points: an exact decision for all r of an interval takes finitely many computations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple, final

from richc.algebra.exponent import ZERO, Composite, Exponent, exact
from richc.algebra.monomial import Monomial


class Trace:
    """Between which r the comparisons so far come out as they do at ``at``."""

    def __init__(self, at: Fraction) -> None:
        self.at = at
        #: Open ends; None where there is no end.
        self.low: Fraction | None = None
        self.high: Fraction | None = None
        #: Some comparison comes out as it does at this one r only.
        self.is_point = False

    def power(self, value: Monomial, symbol: str) -> Fraction:
        """The exponent of a symbol at this richness, traced unless it does not depend on it."""
        exponent = value.exponent(symbol)
        at = exponent.at(self.at)
        return Traced(at, exponent.slope, self) if exponent.slope else at

    def note(self, difference: Fraction, slope: Fraction) -> None:
        """A number of this value and slope was compared with zero."""
        if not slope:
            return
        if not difference:
            self.is_point = True
            return
        crossing = self.at - difference / slope
        if crossing < self.at:
            self.low = crossing if self.low is None else max(self.low, crossing)
        else:
            self.high = crossing if self.high is None else min(self.high, crossing)


@final
class Traced(Composite):
    """A fraction that depends on r."""

    __slots__ = ("plain", "slope", "trace")

    #: The fraction that it is at one r, and by how much it grows with r.
    plain: Fraction
    slope: Fraction
    trace: Trace

    # Where every Fraction keeps them, in lowest terms.
    _numerator: int
    _denominator: int

    def __new__(cls, value: Fraction, slope: Fraction, trace: Trace) -> Traced:
        # Fraction's own would look for common factors once more.
        self = object.__new__(cls)
        self._numerator, self._denominator = value.numerator, value.denominator
        self.plain, self.slope, self.trace = exact(value), exact(slope), trace
        return self

    def _with(self, value: Fraction, slope: Fraction) -> Fraction:
        return Traced(value, slope, self.trace) if slope else value

    def __add__(self, other: object) -> Fraction:  # type: ignore[override]  # fewer types
        if not isinstance(other, Fraction | int):
            return NotImplemented
        return self._with(self.plain + _plain(other), self.slope + _slope(other))

    def __neg__(self) -> Fraction:
        return self._with(-self.plain, -self.slope)

    def __mul__(self, other: object) -> Fraction:  # type: ignore[override]  # fewer types
        if not isinstance(other, Fraction | int) or _slope(other):
            return NotImplemented  # It would be quadratic in r.
        return self._with(self.plain * other, self.slope * other)

    def __abs__(self) -> Fraction:
        return -self if self < ZERO else self

    def _compare(self, other: Fraction | int) -> Fraction:
        """The difference, after the comparison is noted."""
        difference = self.plain + -_plain(other)
        self.trace.note(difference, self.slope + -_slope(other))
        return difference


def _plain(value: Fraction | int) -> Fraction:
    if isinstance(value, Traced):
        return value.plain
    return (
        exact(Fraction(value.numerator, value.denominator))
        if type(value) is not Exponent
        else value
    )


def _slope(value: Fraction | int) -> Fraction:
    return value.slope if isinstance(value, Traced) else ZERO


class TooManyPieces(Exception):
    """The interval falls into more pieces than can be decided one by one."""


class Piece(NamedTuple):
    """An open interval of r, or one r, on which nothing changes."""

    low: Fraction
    high: Fraction

    @property
    def is_point(self) -> bool:
        return self.low == self.high

    @property
    def middle(self) -> Fraction:
        return (self.low + self.high) / 2

    def holds(self, richness: Fraction) -> bool:
        return self.low < richness < self.high or self.low == richness == self.high


def pieces(
    low: Fraction, high: Fraction, compute: Callable[[Trace], object], *, limit: int
) -> list[Piece]:
    """Where a computation comes out the same: points and the open intervals between, in order.

    ``compute`` is called with traces at several r, at most ``limit`` times; what it compares
    decides.  Raises TooManyPieces.
    """
    count = 0

    def at(richness: Fraction) -> Trace:
        nonlocal count
        count += 1
        if count > limit:
            raise TooManyPieces
        trace = Trace(richness)
        compute(trace)
        return trace

    def between(start: Fraction, end: Fraction) -> Iterator[Piece]:
        """The pieces of an open interval."""
        pending = [Piece(start, end)]
        while pending:
            piece = pending.pop()
            if piece.is_point:
                yield piece
                continue
            middle = piece.middle
            trace = at(middle)
            if trace.is_point:
                pending += [
                    Piece(middle, piece.high),
                    Piece(middle, middle),
                    Piece(piece.low, middle),
                ]
                continue
            left = piece.low if trace.low is None else max(piece.low, trace.low)
            right = piece.high if trace.high is None else min(piece.high, trace.high)
            if right < piece.high:
                pending += [Piece(right, piece.high), Piece(right, right)]
            if left > piece.low:
                pending += [Piece(left, left), Piece(piece.low, left)]
            yield Piece(left, right)

    found = [Piece(low, low)]
    if low < high:
        found += sorted(between(low, high))
        found.append(Piece(high, high))
    return found
