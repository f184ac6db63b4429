"""Holes: exponents that the file leaves to inference, ``n^?``.

While a model is read, a hole is a symbol of its own, so that an expression with holes is a
monomial like any other: ``0.3 * n^?`` is ``0.3 * x`` with x the unknown power of n.  Once the
exponents are known, ``fill`` puts the powers in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from richc.algebra.monomial import DEPTH, WIDTH, Affine, Base, Monomial
from richc.diagnostics import Span
from richc.spec.model import Model, map_values

#: No name of the language begins with it.
_MARK = "?"


class PlacedHole(NamedTuple):
    """A ``?`` and what it is the exponent of."""

    #: Of the question mark.
    place: Span
    #: Free of holes, with a plain power of n or L.  In a repeated statement one hole may have
    #: several bases: ``fan_in^?`` after layers of different sizes.
    base: Monomial

    @property
    def grows(self) -> bool:
        """Whether its base does, with the width or the depth."""
        return any(base in (WIDTH, DEPTH) for base, _ in self.base.powers)


class Holes:
    """The holes of one model, by the symbols that stand for them in monomials."""

    def __init__(self) -> None:
        self._symbols: dict[PlacedHole, str] = {}

    def __bool__(self) -> bool:
        return bool(self._symbols)

    def symbol(self, hole: PlacedHole) -> str:
        """The symbol of a hole, the same whenever the same expression is read again."""
        return self._symbols.setdefault(hole, f"{_MARK}{len(self._symbols)}")

    @property
    def by_symbol(self) -> dict[str, PlacedHole]:
        return {symbol: hole for hole, symbol in self._symbols.items()}


def is_hole(base: Base) -> bool:
    """Whether a base of a power stands for a hole."""
    return isinstance(base, str) and base.startswith(_MARK)


def has_hole(value: Monomial) -> bool:
    return any(is_hole(base) for base, _ in value.powers)


def growth(value: Monomial) -> Monomial:
    """What grows: the powers of n and L and the holes, without the prefactor."""
    return Monomial(tuple(p for p in value.powers if p[0] in (WIDTH, DEPTH) or is_hole(p[0])))


def fill(model: Model, holes: Holes, exponents: Mapping[Span, Affine]) -> Model:
    """The model with every hole filled; ``exponents`` has one for every hole's place."""
    values = {
        symbol: hole.base.power(exponents[hole.place]) for symbol, hole in holes.by_symbol.items()
    }

    return map_values(model, lambda value: value.with_bases(values))


def is_base(value: Monomial) -> bool:
    """Whether a power of ``value`` with an unknown exponent is one of n or L."""
    return not value.is_zero and not any(is_hole(base) or e.slope for base, e in value.powers)
