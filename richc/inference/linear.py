"""Exact linear systems over the rationals, with one parameter that may be universal.

Unknowns are named by strings; ``RICHNESS`` is the richness r.  A system is built one constraint at
a time and says at once when an equality contradicts the others; inequalities are decided when
they are asked for, by Fourier-Motzkin elimination (Schrijver 1986, Theory of Linear and Integer
Programming, section 12.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from richc.algebra.exponent import ONE, ZERO, exact
from richc.algebra.monomial import Affine

RICHNESS = "r"


class LinearForm(NamedTuple):
    """``const`` plus a multiple of each unknown; no coefficient is zero."""

    const: Fraction
    terms: Mapping[str, Fraction]

    def plus(self, other: LinearForm, factor: Fraction = ONE) -> LinearForm:
        """``self + factor * other``."""
        if factor is ONE:
            return self._plus(other)
        factor = exact(factor)
        if not other.terms:
            return LinearForm(self.const + factor * other.const, self.terms)
        terms = dict(self.terms)
        for name, coefficient in other.terms.items():
            total = terms.get(name, ZERO) + factor * coefficient
            if total:
                terms[name] = total
            else:
                terms.pop(name, None)
        return LinearForm(self.const + factor * other.const, terms)

    def _plus(self, other: LinearForm) -> LinearForm:
        """``self + other``, which is most of what inference computes."""
        const = self.const + other.const if other.const else self.const
        if not other.terms:
            return LinearForm(const, self.terms)
        terms = dict(self.terms)
        for name, coefficient in other.terms.items():
            known = terms.get(name)
            total = coefficient if known is None else known + coefficient
            if total:
                terms[name] = total
            else:
                del terms[name]
        return LinearForm(const, terms)

    def times(self, factor: Fraction) -> LinearForm:
        if not factor:
            return constant(ZERO)
        factor = exact(factor)
        return LinearForm(self.const * factor, {n: c * factor for n, c in self.terms.items()})

    def shifted(self, by: Fraction) -> LinearForm:
        return LinearForm(self.const + exact(by), self.terms)

    @property
    def is_constant(self) -> bool:
        return not self.terms

    def affine(self) -> Affine | None:
        """The value as a function of r alone, None where it has other unknowns."""
        if any(name != RICHNESS for name in self.terms):
            return None
        return Affine(self.const, self.terms.get(RICHNESS, ZERO))


def constant(value: Fraction) -> LinearForm:
    return LinearForm(exact(value), {})


def unknown(name: str) -> LinearForm:
    return LinearForm(ZERO, {name: ONE})


def affine(value: Affine) -> LinearForm:
    slope = {RICHNESS: exact(value.slope)} if value.slope else {}
    return LinearForm(exact(value.const), slope)


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
        self._pivots: dict[str, LinearForm] = {}
        self._bounds: list[LinearForm] = []

    def copy(self) -> System:
        twin = System(self.rank, self.universal)
        twin._pivots = dict(self._pivots)
        twin._bounds = list(self._bounds)
        return twin

    def without_bounds(self) -> System:
        """The equalities alone."""
        twin = self.copy()
        twin._bounds = []
        return twin

    def value(self, expression: LinearForm) -> LinearForm:
        """``expression`` in terms of the unknowns that are still free."""
        while not self._pivots.keys().isdisjoint(expression.terms):
            known = next(n for n in expression.terms if n in self._pivots)
            coefficient = expression.terms[known]
            rest = LinearForm(
                expression.const, {n: c for n, c in expression.terms.items() if n != known}
            )
            solved = self.value(self._pivots[known])
            self._pivots[known] = solved
            expression = rest.plus(solved, coefficient)
        return expression

    def equate(self, expression: LinearForm) -> bool:
        """Demand ``expression = 0``; False where that contradicts the equalities so far."""
        rest = self.value(expression)
        names = [n for n in rest.terms if not (self.universal and n == RICHNESS)]
        if not names:
            # Over an interval of one point the value there is all that counts.
            if self.universal and self.universal[0] == self.universal[1]:
                return _at(rest, self.universal[0]) == ZERO
            return not rest.const and not rest.terms
        pivot = min(names, key=lambda name: (self.rank(name), name))
        coefficient = rest.terms[pivot]
        others = LinearForm(rest.const, {n: c for n, c in rest.terms.items() if n != pivot})
        self._pivots[pivot] = others.times(-1 / coefficient)
        return True

    def bound(self, expression: LinearForm) -> bool:
        """Demand ``expression <= 0``; False where that is already known to be wrong."""
        if expression.is_constant:
            return expression.const <= ZERO
        self._bounds.append(expression)
        return True

    @property
    def solved(self) -> Iterable[LinearForm]:
        """What the unknowns that the equalities decide are equal to."""
        return [self.value(expression) for expression in list(self._pivots.values())]

    @property
    def bounds(self) -> list[LinearForm]:
        """The inequalities in terms of what is free, each ``<= 0``."""
        return _distinct(self.value(row) for row in self._bounds)

    def ranges(self, names: Iterable[str]) -> dict[str, Range]:
        """Between which ends each of these free unknowns may lie, where the bounds are feasible.

        Where r is universal: between which ends one value satisfies them for all r.
        """
        rows = [self.value(row) for row in self._bounds]
        wanted = list(names)
        if self.universal is None:
            return _ranges(rows, wanted)
        found = {name: Range(None, None) for name in wanted}
        for richness in self.universal:
            # What other unknowns are may depend on r.
            at_end = _ranges([_fixed(row, richness) for row in rows], wanted)
            found = {name: _meet(found[name], at_end[name]) for name in wanted}
        return found

    def within(self, name: str) -> Range | None:
        """Between which ends an unknown may lie; None where the bounds cannot be satisfied."""
        return _project([self.value(row) for row in self._bounds], name)

    def is_feasible(self) -> bool:
        """Whether the inequalities can be satisfied.

        Where r is universal: for every r, by values that may depend on it.
        """
        found = self.within(RICHNESS)
        if found is None or self.universal is None:
            return found is not None
        low, high = self.universal
        return (found.low is None or found.low <= low) and (
            found.high is None or high <= found.high
        )


def _ranges(rows: Iterable[LinearForm], names: Sequence[str]) -> dict[str, Range]:
    parts = _independent(_distinct(rows), RICHNESS)
    # Parts meet in r only: what the others say of it is its range.
    of_richness = _project(rows, RICHNESS)
    assert of_richness is not None, "the bounds are infeasible"
    richness = unknown(RICHNESS)
    shared = []
    if of_richness.low is not None:
        shared.append(richness.times(-ONE).shifted(of_richness.low))
    if of_richness.high is not None:
        shared.append(richness.shifted(-of_richness.high))
    part_of = {name: part for part in parts for row in part for name in row.terms}
    found = {}
    for name in names:
        known = of_richness
        if name != RICHNESS:
            own = _project([*part_of.get(name, ()), *shared], name)
            assert own is not None, "the bounds are infeasible"
            known = own
        found[name] = known
    return found


def _meet(one: Range, other: Range) -> Range:
    return Range(
        max((r.low for r in (one, other) if r.low is not None), default=None),
        min((r.high for r in (one, other) if r.high is not None), default=None),
    )


def _project(rows: Iterable[LinearForm], name: str) -> Range | None:
    """The range of one unknown under ``rows <= 0``: all others are eliminated."""
    low: Fraction | None = None
    high: Fraction | None = None
    for part in _independent(_distinct(rows), name):
        for row in _eliminated(part, name):
            if not row.terms:
                if row.const > ZERO:
                    return None
                continue
            coefficient = row.terms[name]
            end = -row.const / coefficient
            if coefficient > ZERO:
                high = end if high is None else min(high, end)
            else:
                low = end if low is None else max(low, end)
    if low is not None and high is not None and low > high:
        return None
    return Range(low, high)


def _independent(rows: Sequence[LinearForm], name: str) -> list[list[LinearForm]]:
    """The rows in groups that share no unknown but one."""
    leader: dict[str, str] = {}

    def find(unknown: str) -> str:
        while leader.setdefault(unknown, unknown) != unknown:
            leader[unknown] = leader[leader[unknown]]
            unknown = leader[unknown]
        return unknown

    for row in rows:
        others = [n for n in row.terms if n != name]
        for other in others[1:]:
            leader[find(other)] = find(others[0])
    groups: dict[str, list[LinearForm]] = {}
    for row in rows:
        first = next((n for n in row.terms if n != name), None)
        groups.setdefault("" if first is None else find(first), []).append(row)
    return list(groups.values())


def _eliminated(rows: list[LinearForm], name: str) -> list[LinearForm]:
    """What rows say of one unknown: the others eliminated, the cheapest first."""
    while True:
        names = {n for row in rows for n in row.terms if n != name}
        if not names:
            return rows
        victim = min(sorted(names), key=partial(_cost, rows))
        rows = _without(rows, victim)


def _fixed(row: LinearForm, richness: Fraction) -> LinearForm:
    """A row at one richness."""
    return LinearForm(_at(row, richness), {n: c for n, c in row.terms.items() if n != RICHNESS})


def _at(expression: LinearForm, richness: Fraction) -> Fraction:
    return expression.const + expression.terms.get(RICHNESS, ZERO) * richness


def _cost(rows: Iterable[LinearForm], name: str) -> int:
    signs = [row.terms[name] > ZERO for row in rows if name in row.terms]
    return sum(signs) * (len(signs) - sum(signs))


def _without(rows: Iterable[LinearForm], name: str) -> list[LinearForm]:
    """One step of Fourier-Motzkin elimination."""
    kept: list[LinearForm] = []
    above: list[LinearForm] = []
    below: list[LinearForm] = []
    for row in rows:
        coefficient = row.terms.get(name)
        if coefficient is None:
            kept.append(row)
        else:
            (above if coefficient > ZERO else below).append(row.times(1 / abs(coefficient)))
    kept += [high.plus(low) for high in above for low in below]
    return _distinct(kept)


def _distinct(rows: Iterable[LinearForm]) -> list[LinearForm]:
    """The rows without those that another one implies as it is."""
    tightest: dict[tuple[tuple[str, Fraction], ...], LinearForm] = {}
    for row in rows:
        scale = next((abs(row.terms[n]) for n in sorted(row.terms)), ONE)
        scaled = row.times(1 / scale)
        key = tuple(sorted(scaled.terms.items()))
        known = tightest.get(key)
        if known is None or scaled.const > known.const:
            tightest[key] = scaled
    return list(tightest.values())
