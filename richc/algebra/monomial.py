"""Exact monomials: products of rational powers, with exponents affine in the richness.

A scaling expression reduces to ``prefactor * n^(p + q r)``.  The prefactor is kept as a
product of powers too (of primes, of the base width ``n0`` and of ``gamma``), so that
``sqrt(8) / 2`` and ``sqrt(2)`` are the same value and no float is ever compared.

These types are NamedTuples rather than frozen dataclasses because ``richc check`` runs as a
commit hook: creating a dataclass costs six times as much at import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import gcd, inf, log2
from typing import NamedTuple

#: A base of a power: a prime (or an unfactored large integer), or one of the symbols below.
Base = int | str

WIDTH = "n"
BASE_WIDTH = "n0"
DEPTH = "L"
BASE_DEPTH = "L0"
GAMMA = "gamma"

_ZERO = Fraction(0)
_ONE = Fraction(1)


class Affine(NamedTuple):
    """The exponent ``const + slope * r``, exact in the richness ``r``."""

    const: Fraction
    slope: Fraction = _ZERO

    def plus(self, other: Affine) -> Affine:
        # Most exponents have no slope, and sums of fractions take time.
        slope = (
            self.slope + other.slope if self.slope and other.slope else self.slope or other.slope
        )
        return Affine(self.const + other.const, slope)

    def times(self, factor: Fraction) -> Affine:
        return Affine(self.const * factor, self.slope * factor if self.slope else self.slope)

    def negated(self) -> Affine:
        return Affine(-self.const, -self.slope if self.slope else self.slope)

    def at(self, richness: Fraction) -> Fraction:
        return self.const + self.slope * richness if self.slope else self.const

    @property
    def is_zero(self) -> bool:
        return not self.const and not self.slope


NO_POWER = Affine(_ZERO)


class Monomial(NamedTuple):
    """A product of powers, or zero.

    ``powers`` is sorted (primes first, then symbols by name) and holds no zero exponent, so
    equal values are equal tuples.
    """

    powers: tuple[tuple[Base, Affine], ...] = ()
    is_zero: bool = False

    def times(self, other: Monomial) -> Monomial:
        if self.is_zero or other.is_zero:
            return ZERO
        if not self.powers:
            return other
        if not other.powers:
            return self
        merged = dict(self.powers)
        for base, exponent in other.powers:
            known = merged.get(base)
            merged[base] = exponent if known is None else known.plus(exponent)
        return _canonical(merged)

    def over(self, other: Monomial) -> Monomial:
        """Quotient; raises ZeroDivisionError where ``other`` is zero."""
        if other.is_zero:
            raise ZeroDivisionError("division by zero")
        return self.times(Monomial(tuple((base, e.negated()) for base, e in other.powers)))

    def power(self, exponent: Affine) -> Monomial:
        """This monomial to a power that is affine in ``r``.

        Raises ZeroDivisionError for zero to a power that is not a positive number, and
        ArithmeticError when the result would be quadratic in ``r``.
        """
        if self.is_zero:
            if exponent.slope or exponent.const <= 0:
                raise ZeroDivisionError("zero to a power that is not positive")
            return ZERO
        if exponent.is_zero:
            return ONE
        if exponent.slope:
            return _canonical({base: _product(e, exponent) for base, e in self.powers})
        factor = exponent.const
        return Monomial(tuple((base, e.times(factor)) for base, e in self.powers))

    def root(self) -> Monomial:
        """The square root."""
        return self if self.is_zero else self.power(Affine(Fraction(1, 2)))

    def exponent(self, base: Base = WIDTH) -> Affine:
        """The exponent of one base (zero when it does not occur)."""
        for known, exponent in self.powers:
            if known == base:
                return exponent
        return NO_POWER

    def without(self, base: Base) -> Monomial:
        """The same product with one base left out: the prefactor, for ``WIDTH``."""
        return Monomial(tuple(p for p in self.powers if p[0] != base), self.is_zero)

    @property
    def prefactor(self) -> Monomial:
        """The factor without symbols."""
        return Monomial(tuple(p for p in self.powers if not isinstance(p[0], str)), self.is_zero)

    def at(self, richness: Fraction) -> Monomial:
        """The value with a number in the place of ``r``."""
        powers = ((base, Affine(e.at(richness))) for base, e in self.powers)
        return Monomial(tuple(p for p in powers if not p[1].is_zero), self.is_zero)

    def with_bases(self, meanings: Mapping[str, Monomial]) -> Monomial:
        """The value with others in the place of some symbols.  Raises as ``power`` does."""
        result = Monomial(tuple(p for p in self.powers if p[0] not in meanings), self.is_zero)
        for base, exponent in self.powers:
            if isinstance(base, str) and base in meanings:
                result = result.times(meanings[base].power(exponent))
        return result

    def as_fraction(self) -> Fraction | None:
        """The value when it is rational and free of symbols, else None."""
        if self.is_zero:
            return _ZERO
        value = _ONE
        for base, e in self.powers:
            if isinstance(base, str) or e.slope or e.const.denominator != 1:
                return None
            value *= Fraction(base) ** e.const.numerator
        return value

    def log2(self, values: dict[Base, float], richness: float = 0.0) -> float:
        """log2 of the value, in floating point: for range checks, never for a verdict.

        ``values`` holds log2 of every symbol that occurs.
        """
        if self.is_zero:
            return -inf
        total = 0.0
        for base, e in self.powers:
            scale = values[base] if isinstance(base, str) else log2(base)
            # A quotient of the two integers is what float() gives, in half the time.
            power = e.const.numerator / e.const.denominator
            if e.slope:
                power += float(e.slope) * richness
            total += scale * power
        return total


ONE = Monomial()
ZERO = Monomial(is_zero=True)


def _product(left: Affine, right: Affine) -> Affine:
    if left.slope and right.slope:
        raise ArithmeticError("the exponent would be quadratic in r")
    return Affine(left.const * right.const, left.const * right.slope + left.slope * right.const)


def _order(item: tuple[Base, Affine]) -> tuple[bool, int, str]:
    base = item[0]
    return (True, 0, base) if isinstance(base, str) else (False, base, "")


def _canonical(powers: dict[Base, Affine]) -> Monomial:
    kept = [item for item in powers.items() if item[1].const or item[1].slope]
    kept.sort(key=_order)
    return Monomial(tuple(kept))


def symbol(name: str, exponent: Affine | None = None) -> Monomial:
    """One symbol (``n``, ``n0``, ``L``, ``L0`` or ``gamma``), to a power."""
    if exponent is not None and exponent.is_zero:
        return ONE
    return Monomial(((name, Affine(_ONE) if exponent is None else exponent),))


def width_ratio(has_base: bool) -> Monomial:
    """n/n0 with a base width, n without."""
    width = symbol(WIDTH)
    return width.over(symbol(BASE_WIDTH)) if has_base else width


def depth_ratio(has_base: bool) -> Monomial:
    """L/L0 with a base depth, L without."""
    depth = symbol(DEPTH)
    return depth.over(symbol(BASE_DEPTH)) if has_base else depth


def activity(has_base: bool) -> Monomial:
    """alpha = gamma * (n/n0)^r, or gamma * n^r: Karkada 2024 (arXiv 2404.19719), section 4."""
    return symbol(GAMMA).times(width_ratio(has_base).power(Affine(_ZERO, _ONE)))


_PRIMES = tuple(p for p in range(2, 1000) if all(p % q for q in range(2, int(p**0.5) + 1)))


@lru_cache(maxsize=1024)
def number(value: Fraction | int) -> Monomial:
    """A non-negative rational as a product of prime powers.

    Factors above 1,000 stay together as one base.  Raises ValueError for negative numbers.
    """
    fraction = Fraction(value)
    if fraction < 0:
        raise ValueError("a monomial has no negative prefactor")
    if fraction == 0:
        return ZERO
    powers: dict[Base, Affine] = {}
    for integer, sign in ((fraction.numerator, 1), (fraction.denominator, -1)):
        rest = integer
        for prime in _PRIMES:
            if prime * prime > rest:
                break
            count = 0
            while rest % prime == 0:
                rest //= prime
                count += 1
            if count:
                powers[prime] = Affine(Fraction(sign * count))
        if rest > 1:
            extra = Affine(Fraction(sign))
            powers[rest] = powers[rest].plus(extra) if rest in powers else extra
    return _canonical(powers)


def is_one(value: Monomial) -> bool:
    """True when the value is 1, also where large factors hide what they have in common.

    ``number`` factors out primes below 1,000 only; larger bases may share factors.
    """
    if value.is_zero:
        return False
    large: list[tuple[int, Affine]] = []
    for base, exponent in value.powers:
        if isinstance(base, str) or base <= _PRIMES[-1]:
            return False
        large.append((base, exponent))
    return not _coprime(large)


def _coprime(powers: Sequence[tuple[int, Affine]]) -> dict[int, Affine]:
    """The same product over bases that share no factor, without zero exponents.

    Such a product is 1 only when it is empty.  (Factor refinement: Bach, Driscoll & Shallit 1993.)
    """
    found: dict[int, Affine] = {}
    waiting = list(powers)
    while waiting:
        base, exponent = waiting.pop()
        if base == 1:
            continue
        shared = next((known for known in found if gcd(known, base) > 1), None)
        if shared is None:
            found[base] = exponent
            continue
        other = found.pop(shared)
        divisor = gcd(shared, base)
        waiting += [
            (shared // divisor, other),
            (base // divisor, exponent),
            (divisor, exponent.plus(other)),
        ]
    return {base: exponent for base, exponent in found.items() if not exponent.is_zero}
