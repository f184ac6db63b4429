"""Sums of monomials: exact where all terms have one power of n, and explained where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.formula import Symbols, rich_formula
from richc.algebra.monomial import (
    BASE_DEPTH,
    BASE_WIDTH,
    DEPTH,
    WIDTH,
    ZERO,
    Affine,
    Monomial,
    number,
    symbol,
)
from richc.diagnostics import Span
from richc.spec import messages
from richc.spec.expressions import Rejected, Scope, monomial
from richc.spec.holes import has_hole
from richc.syntax import tree


class Summand(NamedTuple):
    value: Monomial
    subtracts: bool
    #: Of the operator before it.
    place: Span


def added(terms: Sequence[Summand], scope: Scope, span: Span) -> Monomial:
    """The sum of terms with one power of n, whose ratios are rational: ``n + n`` is ``2 * n``.

    Of different powers those count that the scope keeps.  ``span`` is that of the whole.  Raises
    Rejected.
    """
    terms = _without_cancelled([term for term in terms if not term.value.is_zero])
    if not terms:
        return ZERO
    if len(terms) > 1 and any(has_hole(term.value) for term in terms):
        raise Rejected(messages.different_powers(terms[1].place))
    first = _powers(terms[0])
    other = next((term for term in terms if _powers(term) != first), None)
    if other is not None:
        slopes = {tuple(power.slope for power in _powers(term)) for term in terms}
        if len(slopes) > 1:
            raise Rejected(messages.different_powers(other.place, depends_on_r=True))
        if scope.kept is None:
            largest = rich_formula(added(terms, scope.keeping(0), span), _symbols(scope))
            size = "depth" if all(_powers(t)[0] == first[0] for t in terms) else "width"
            raise Rejected(messages.different_powers(other.place, largest, size=size))
        kept = sorted(set(map(_powers, terms)), reverse=True)[scope.kept]
        terms = [term for term in terms if _powers(term) == kept]
    unit = terms[0].value
    total = Fraction(0)
    for term in terms:
        ratio = term.value.over(unit).as_fraction()
        if ratio is None:
            is_deep = symbol(DEPTH) in scope.names.values()
            raise Rejected(messages.inexact_sum(term.place, is_deep=is_deep))
        total += -ratio if term.subtracts else ratio
    if total < 0:
        raise Rejected(messages.negative(span, is_sum=True))
    return unit.times(number(total))


def _powers(term: Summand) -> tuple[Affine, Affine]:
    """Those of n and of L, in the order in which sizes are compared."""
    return term.value.exponent(WIDTH), term.value.exponent(DEPTH)


def _without_cancelled(terms: Sequence[Summand]) -> list[Summand]:
    """Terms less those that are nothing together: ``n + 3 - n`` is 3."""
    kept: list[Summand] = []
    for term in terms:
        found = (x for x in kept if x.value == term.value and x.subtracts != term.subtracts)
        match = next(found, None)
        if match is None:
            kept.append(term)
        else:
            kept.remove(match)
    return kept


def _symbols(scope: Scope) -> Symbols:
    words = {value: word for word, value in reversed([*scope.names.items()])}
    width, base, depth, base_depth = (
        words.get(symbol(name)) for name in (WIDTH, BASE_WIDTH, DEPTH, BASE_DEPTH)
    )
    return Symbols(
        width or WIDTH,
        base,
        alpha="alpha" in scope.names,
        depth=depth or DEPTH,
        base_depth=base_depth,
    )


def explained(rejected: Rejected, name: str, node: tree.Expression, scope: Scope) -> Rejected:
    """A refused sum in an attribute, with what this comes to at large width."""

    def with_terms(kept: int) -> Monomial | None:
        try:
            return monomial(node, scope.keeping(kept))
        except Rejected:
            return None

    largest, smallest = with_terms(0), with_terms(-1)
    if largest is None:
        return rejected
    formula = rich_formula(largest, _symbols(scope))
    other = None if smallest is None else rich_formula(smallest, _symbols(scope))
    found = messages.sum_at_large_width(rejected.diagnostic, name, formula, other)
    return Rejected(found, largest)
