"""Monomials as text, the way a person writes them: ``alpha^2 / n``, ``sqrt(2 / n)``, ``n0 / n``.

One printer, two dialects: the Rich language, whose output parses back to the same monomial, and
Python, whose output evaluates to it in floating point.  The printer recognises the activity
``alpha = gamma * n^r`` (``gamma * (n / n0)^r`` with a base width), the ratio ``n / n0`` and square
roots; it never approximates.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from richc.algebra.joint import Joint
from richc.algebra.monomial import (
    BASE_DEPTH,
    BASE_WIDTH,
    DEPTH,
    GAMMA,
    WIDTH,
    Affine,
    Base,
    Monomial,
)
from richc.algebra.sizes import ZERO_SIZE, Size

#: The activity's word, in both dialects.
ALPHA = "alpha"

_HALF = Fraction(1, 2)
_NONE = Affine(Fraction(0))
#: Integer powers beyond this stay powers: ``2^5000``, not 1,505 digits.
_LARGEST_EXPANDED_POWER = 64
#: ``number`` factors out the primes below 1,000.
_LARGEST_PRIME = 997
#: The language's longest literal; products beyond it stay products of powers.
_MAX_DIGITS = 40


class Symbols(NamedTuple):
    """The words of one file: its names for n, n0, L and L0, and whether it declares a richness."""

    width: str = "n"
    base: str | None = None
    alpha: bool = False
    #: Whether n / n0 and its root stand apart, as in ``alpha^2 * n0 / n``.
    apart: bool = False
    depth: str = "L"
    base_depth: str | None = None


#: Symbols of a file without a base width and without a richness.
PLAIN = Symbols()


class _Dialect(NamedTuple):
    python: bool
    root: str

    def power(self, base: str, exponent: Affine) -> str:
        """``base`` to a power that is not 1; spaced as ruff spaces Python."""
        text, is_plain = self.exponent(exponent)
        if not self.python:
            return f"{base}^{text}" if is_plain else f"{base}^({text})"
        if not is_plain:
            return f"{base} ** ({text})"
        return f"{base} ** {text}" if base.startswith("(") else f"{base}**{text}"

    def exponent(self, exponent: Affine) -> tuple[str, bool]:
        """The exponent's text, and whether it needs no parentheses."""
        const, slope = exponent
        if not slope:
            return self.ratio(const), const.denominator == 1 and const > 0
        times = " * " if self.python else "*"
        size = abs(slope)
        term = "r" if size == 1 else f"{self.ratio(size)}{times}r"
        if not const:
            return (f"-{term}", False) if slope < 0 else (term, size == 1)
        if slope < 0:
            return f"{self.ratio(const)} - {term}", False
        sign = "-" if const < 0 else "+"
        return f"{term} {sign} {self.ratio(abs(const))}", False

    def ratio(self, value: Fraction) -> str:
        if value.denominator == 1:
            return str(value.numerator)
        slash = " / " if self.python else "/"
        return f"{value.numerator}{slash}{value.denominator}"


_RICH = _Dialect(python=False, root="sqrt")
_PYTHON = _Dialect(python=True, root="math.sqrt")


class _Factor(NamedTuple):
    """One power in the printed product.  A ratio needs parentheses wherever it is not alone."""

    base: str
    exponent: Affine
    is_ratio: bool = False

    @property
    def is_below(self) -> bool:
        """True when the factor reads best in the denominator."""
        const, slope = self.exponent
        return const <= 0 and slope <= 0

    def inverse(self) -> _Factor:
        return self._replace(exponent=self.exponent.times(Fraction(-1)))


@lru_cache(maxsize=4096)  # most layers of a network say the same
def rich_formula(value: Monomial, symbols: Symbols = PLAIN) -> str:
    """``value`` in the Rich language; the text parses back to the same monomial."""
    if value.is_zero:
        return "0"
    return _product(value, symbols, _RICH)


def exponent_words(exponent: Affine) -> str:
    """An exponent in the Rich language, without parentheses: ``-1/2``, ``2*r - 1``."""
    return _RICH.exponent(exponent)[0]


def general_power(exponent: Affine, width: str = "n") -> str:
    """``n^-1/2``, ``n^(2*r - 1)``: for every r, where the exponent depends on it."""
    text = exponent_words(exponent)
    return f"{width}^({text})" if exponent.slope else f"{width}^{text}"


def power(size: Size) -> str:
    """``n^-1/2``, ``n^0``, ``n^-1 L^1/2``, or ``0`` for a size that vanishes identically."""
    if size is ZERO_SIZE:
        return "0"
    if not isinstance(size, Joint) or not size.depth:
        return f"n^{size.width if isinstance(size, Joint) else size}"
    return f"n^{size.width} L^{size.depth}" if size.width else f"L^{size.depth}"


def python_formula(value: Monomial, symbols: Symbols = PLAIN) -> str:
    """``value`` as a Python expression in ``n``, ``n0``, ``r``, ``gamma`` and ``alpha``.

    The names are those of ``symbols``; bases that ``Monomial`` does not know (a learning rate's
    ``lr``) are printed as they are.  A plain number is a float literal.
    """
    if value.is_zero:
        return "0.0"
    text = _product(value, symbols, _PYTHON)
    return f"{text}.0" if text.isdigit() else text


def _product(value: Monomial, symbols: Symbols, dialect: _Dialect) -> str:
    coefficient, radicand, factors = _numbers(value)
    factors += _symbol_factors(value, symbols)
    halves = [f for f in factors if not f.exponent.slope and abs(f.exponent.const) == _HALF]
    wholes = [f for f in factors if f not in halves]

    above, below = _sides(coefficient, wholes, dialect, alone=not halves and radicand == 1)
    if halves or radicand != 1:
        squared = [f._replace(exponent=f.exponent.times(Fraction(2))) for f in halves]
        root_above, root_below = _sides(radicand, squared, dialect, alone=False)
        if root_above or not root_below:
            above.append(f"{dialect.root}({_fraction(root_above, root_below, squared)})")
        else:
            inverse = [f.inverse() for f in squared]
            below.append(f"{dialect.root}({_fraction(root_below, [], inverse)})")
    elif len(wholes) == 1 and coefficient == 1 and below and _is_broken(wholes[0].exponent):
        # n^(-3/2) reads better than 1 / n^(3/2).
        return dialect.power(wholes[0].base, wholes[0].exponent)
    return _fraction(above, below, wholes)


def _is_broken(exponent: Affine) -> bool:
    return bool(exponent.slope) or exponent.const.denominator != 1


def _numbers(value: Monomial) -> tuple[Fraction, Fraction, list[_Factor]]:
    """The numeric part as ``coefficient * sqrt(radicand) * odd powers``.

    Where there is a root, the coefficient moves under it: ``sqrt(0.02)``, not ``0.1 * sqrt(2)``.
    """
    coefficient, radicand, odd = _multiplied_out(value)
    if all(
        side < 10**_MAX_DIGITS
        for number in (coefficient, radicand)
        for side in number.as_integer_ratio()
    ):
        return coefficient, radicand, odd
    powers = [_Factor(str(base), e) for base, e in value.powers if isinstance(base, int)]
    return Fraction(1), Fraction(1), powers


def _multiplied_out(value: Monomial) -> tuple[Fraction, Fraction, list[_Factor]]:
    coefficient = radicand = Fraction(1)
    odd: list[_Factor] = []
    large: list[tuple[int, Fraction]] = []
    for base, exponent in value.powers:
        if isinstance(base, str):
            continue
        const, slope = exponent
        if slope or const.denominator > 2 or abs(const) > _LARGEST_EXPANDED_POWER:
            odd.append(_Factor(str(base), exponent))
        elif base > _LARGEST_PRIME:
            large.append((base, const))
        elif const.denominator == 2:
            radicand *= Fraction(base) ** const.numerator
        else:
            coefficient *= Fraction(base) ** const.numerator
    # A factor that `number` leaves whole melts into a product only where it would come out again.
    if len(large) == 1 and abs(large[0][1]) == _HALF:
        radicand *= Fraction(large[0][0]) ** large[0][1].numerator
    elif len(large) == 1 and abs(large[0][1]) == 1 and radicand == 1:
        coefficient *= Fraction(large[0][0]) ** large[0][1].numerator
    else:
        odd += [_Factor(str(base), Affine(const)) for base, const in large]
    if radicand != 1:
        radicand *= coefficient**2
        coefficient = Fraction(1)
    return coefficient, radicand, odd


def _symbol_factors(value: Monomial, symbols: Symbols) -> list[_Factor]:
    """The powers of symbols, with alpha and n / n0 put back together."""
    powers: dict[Base, Affine] = {b: e for b, e in value.powers if isinstance(b, str)}
    width = powers.pop(WIDTH, _NONE)
    base = powers.pop(BASE_WIDTH, _NONE)
    depths = powers.pop(DEPTH, _NONE), powers.pop(BASE_DEPTH, _NONE)
    gamma = powers.pop(GAMMA, _NONE)
    factors = [_Factor(str(name), exponent) for name, exponent in powers.items()]

    activity = width.slope
    if _holds_alpha(activity, gamma, base, symbols):
        factors.append(_Factor(ALPHA, Affine(activity)))
        width = Affine(width.const)
        gamma = Affine(gamma.const - activity)
        if symbols.base is not None:
            base = Affine(base.const)
    if not gamma.is_zero:
        factors.append(_Factor(GAMMA, gamma))

    factors += _ratio(width, base, symbols.width, symbols.base or BASE_WIDTH, symbols.apart)
    factors += _ratio(*depths, symbols.depth, symbols.base_depth or BASE_DEPTH, symbols.apart)
    return factors


def _ratio(power: Affine, of_base: Affine, word: str, base: str, apart: bool) -> list[_Factor]:
    """The powers of a symbol and of its base, as one of their ratio where they are opposite."""
    is_ratio = not power.is_zero and power.plus(of_base).is_zero
    if is_ratio and not (apart and not power.slope and abs(power.const) in (1, _HALF)):
        return [_Factor(f"({word} / {base})", power, is_ratio=True)]
    return [_Factor(w, p) for w, p in ((word, power), (base, of_base)) if not p.is_zero]


def _holds_alpha(activity: Fraction, gamma: Affine, base: Affine, symbols: Symbols) -> bool:
    """True when alpha^activity can be taken out and leaves no inverse of gamma behind."""
    if not symbols.alpha or not activity or gamma.slope:
        return False
    if symbols.base is not None and base.slope != -activity:
        return False
    return gamma.const / activity >= 1


def _sides(
    number: Fraction, factors: Iterable[_Factor], dialect: _Dialect, *, alone: bool
) -> tuple[list[str], list[str]]:
    """What stands above and below the fraction bar."""
    factors = list(factors)
    over, under = _number(number, alone=alone and not factors)
    above = [over] if over else []
    below = [under] if under else []
    for factor in factors:
        side, shown = (below, factor.inverse()) if factor.is_below else (above, factor)
        plain = shown.exponent == Affine(Fraction(1))
        side.append(shown.base if plain else dialect.power(shown.base, shown.exponent))
    return above, below


def _fraction(above: list[str], below: list[str], factors: list[_Factor]) -> str:
    # Alone, the ratio needs no parentheses, and its inverse no double fraction.
    if len(factors) == 1 and factors[0].is_ratio and len(above) + len(below) == 1:
        ratio, power = factors[0].base, factors[0].exponent
        if (above or below) == [ratio] and not power.slope and abs(power.const) == 1:
            width, _, base = ratio[1:-1].partition(" / ")
            return f"{width} / {base}" if above else f"{base} / {width}"
    top = " * ".join(above) or "1"
    if not below:
        return top
    return f"{top} / {below[0]}" if len(below) == 1 else f"{top} / ({' * '.join(below)})"


def _number(value: Fraction, *, alone: bool) -> tuple[str, str]:
    """A rational as (numerator, denominator) texts, empty for 1; a decimal where that is short.

    ``1/10`` is ``0.1`` and ``1/64`` stays ``1 / 64``; inside a product a unit fraction such as
    ``1/2`` goes below the bar.
    """
    over, under = value.numerator, value.denominator
    above = str(over) if over != 1 else ""
    if under == 1:
        return above, ""
    decimal = _decimal(value)
    if (
        decimal
        and len(decimal) < min(len(f"{over} / {under}"), _MAX_DIGITS)
        and (alone or over != 1 or under % 10 == 0)
    ):
        return decimal, ""
    return above, str(under)


def _decimal(value: Fraction) -> str:
    """The exact decimal, as ``0.002`` or ``3e-4``; empty when there is none or it is long."""
    places = 0
    scaled = value
    while scaled.denominator != 1 and places < 30:
        scaled *= 10
        places += 1
    if scaled.denominator != 1:
        return ""
    digits = str(scaled.numerator)
    if value < Fraction(1, 1000):
        head, tail = digits[0], digits[1:]
        return f"{head}{'.' if tail else ''}{tail}e-{places - len(tail)}"
    digits = digits.rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}"


def power_of_n(exponent: Fraction) -> str:
    if exponent == 1:
        return "n"
    shown = str(exponent)
    return f"n^{shown}" if exponent.denominator == 1 else f"n^({shown})"
