"""Exact linear systems over the rationals, with one parameter that may be universal.

Unknowns are named by strings; ``RICHNESS`` is the richness r.  A system is built one constraint at
a time and says at once when an equality contradicts the others; inequalities are decided when
they are asked for, by Fourier-Motzkin elimination (Schrijver 1986, Theory of Linear and Integer
Programming, section 12.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

from richc.scaling.monomial import Affine

RICHNESS = "r"

_ZERO = Fraction(0)
_ONE = Fraction(1)


class Linear(NamedTuple):
    """``const`` plus a multiple of each unknown; no coefficient is zero."""

    const: Fraction
    terms: Mapping[str, Fraction]

    def plus(self, other: Linear, factor: Fraction = _ONE) -> Linear:
        """``self + factor * other``."""
        if not other.terms:
            return Linear(self.const + factor * other.const, self.terms)
        terms = dict(self.terms)
        for name, coefficient in other.terms.items():
            total = terms.get(name, _ZERO) + factor * coefficient
            if total:
                terms[name] = total
            else:
                terms.pop(name, None)
        return Linear(self.const + factor * other.const, terms)

    def times(self, factor: Fraction) -> Linear:
        if not factor:
            return constant(_ZERO)
        return Linear(self.const * factor, {n: c * factor for n, c in self.terms.items()})

    def shifted(self, by: Fraction) -> Linear:
        return Linear(self.const + by, self.terms)

    @property
    def is_constant(self) -> bool:
        return not self.terms

    def affine(self) -> Affine | None:
        """The value as a function of r alone, None where it has other unknowns."""
        if any(name != RICHNESS for name in self.terms):
            return None
        return Affine(self.const, self.terms.get(RICHNESS, _ZERO))


def constant(value: Fraction) -> Linear:
    return Linear(value, {})


def unknown(name: str, factor: Fraction = _ONE) -> Linear:
    return Linear(_ZERO, {name: factor})


def affine(value: Affine) -> Linear:
    return Linear(value.const, {RICHNESS: value.slope} if value.slope else {})


class Range(NamedTuple):
    """A closed interval; None for an end that is open to infinity."""

    low: Fraction | None
    high: Fraction | None


class System:
    """Equalities and inequalities ``... <= 0`` on unknowns.

    ``rank`` orders unknowns: what is to be expressed through the others has the lowest.  With
    ``universal``, r is no unknown: every constraint has to hold for all r of that interval.
    """

    def __init__(
        self, rank: Callable[[str], int], universal: tuple[Fraction, Fraction] | None = None
    ) -> None:
        self.rank = rank
        self.universal = universal
        self._pivots: dict[str, Linear] = {}
        self._bounds: list[Linear] = []

    def copy(self) -> System:
        twin = System(self.rank, self.universal)
        twin._pivots = dict(self._pivots)
        twin._bounds = list(self._bounds)
        return twin

    def value(self, expression: Linear) -> Linear:
        """``expression`` in terms of the unknowns that are still free."""
        while True:
            known = next((n for n in expression.terms if n in self._pivots), None)
            if known is None:
                return expression
            coefficient = expression.terms[known]
            rest = Linear(
                expression.const, {n: c for n, c in expression.terms.items() if n != known}
            )
            solved = self.value(self._pivots[known])
            self._pivots[known] = solved
            expression = rest.plus(solved, coefficient)

    def equate(self, expression: Linear) -> bool:
        """Demand ``expression = 0``; False where that contradicts the equalities so far."""
        rest = self.value(expression)
        names = [n for n in rest.terms if not (self.universal and n == RICHNESS)]
        if not names:
            if self.universal and self.universal[0] == self.universal[1]:
                return _at(rest, self.universal[0]) == _ZERO
            return not rest.const and not rest.terms
        pivot = min(names, key=lambda name: (self.rank(name), name))
        coefficient = rest.terms[pivot]
        others = Linear(rest.const, {n: c for n, c in rest.terms.items() if n != pivot})
        self._pivots[pivot] = others.times(-1 / coefficient)
        return True

    def bound(self, expression: Linear) -> bool:
        """Demand ``expression <= 0``; False where that is already known to be wrong."""
        if expression.is_constant:
            return expression.const <= _ZERO
        self._bounds.append(expression)
        return True

    def range(self, name: str) -> Range | None:
        """Between which ends a free unknown may lie; None where no values satisfy the bounds."""
        return self._project(name)

    def is_feasible(self) -> bool:
        """Whether the inequalities can be satisfied, for all r where it is universal."""
        found = self._project(RICHNESS)
        if found is None or self.universal is None:
            return found is not None
        low, high = self.universal
        return (found.low is None or found.low <= low) and (
            found.high is None or high <= found.high
        )

    def _project(self, name: str) -> Range | None:
        """Eliminate every unknown but one."""
        rows = _distinct(self.value(row) for row in self._bounds)
        while True:
            if any(not row.terms and row.const > _ZERO for row in rows):
                return None
            names = {n for row in rows for n in row.terms if n != name}
            if not names:
                break
            # The cheapest first: the fewest new rows.
            victim = min(sorted(names), key=lambda n: _cost(rows, n))
            rows = _without(rows, victim)
        low: Fraction | None = None
        high: Fraction | None = None
        for row in rows:
            if not row.terms:
                continue
            coefficient = row.terms[name]
            end = -row.const / coefficient
            if coefficient > _ZERO:
                high = end if high is None else min(high, end)
            else:
                low = end if low is None else max(low, end)
        if low is not None and high is not None and low > high:
            return None
        return Range(low, high)


def _at(expression: Linear, richness: Fraction) -> Fraction:
    return expression.const + expression.terms.get(RICHNESS, _ZERO) * richness


def _cost(rows: Iterable[Linear], name: str) -> int:
    signs = [row.terms[name] > _ZERO for row in rows if name in row.terms]
    return sum(signs) * (len(signs) - sum(signs))


def _without(rows: Iterable[Linear], name: str) -> list[Linear]:
    """One step of Fourier-Motzkin elimination."""
    kept: list[Linear] = []
    above: list[Linear] = []
    below: list[Linear] = []
    for row in rows:
        coefficient = row.terms.get(name)
        if coefficient is None:
            kept.append(row)
        else:
            (above if coefficient > _ZERO else below).append(row.times(1 / abs(coefficient)))
    kept += [high.plus(low) for high in above for low in below]
    return _distinct(kept)


def _distinct(rows: Iterable[Linear]) -> list[Linear]:
    """The rows without those that another one implies as it is."""
    tightest: dict[tuple[tuple[str, Fraction], ...], Linear] = {}
    for row in rows:
        scale = next((abs(row.terms[n]) for n in sorted(row.terms)), _ONE)
        scaled = row.times(1 / scale)
        key = tuple(sorted(scaled.terms.items()))
        known = tightest.get(key)
        if known is None or scaled.const > known.const:
            tightest[key] = scaled
    return list(tightest.values())
