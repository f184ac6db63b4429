"""Holes to exponents: the ones that let D0 to D3 hold, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from richc.diagnostics import Diagnostic, Span
from richc.inference import messages
from richc.inference.conflicts import minimal_conflict
from richc.inference.demands import Demands, Given, Solution, Undecided, Use, hole_name
from richc.inference.linear import RICHNESS, Linear, Range, unknown
from richc.scaling.monomial import Affine
from richc.spec.holes import Holes, fill
from richc.spec.model import Inferred, Model

Report = Callable[[Diagnostic], None]

_SCALE = (Fraction(0), Fraction(1, 2))


def solve(model: Model, holes: Holes, report: Report) -> Model | None:
    """The model with its holes filled; None where that cannot be done, which is reported.

    Under a ``richness`` statement the exponents are affine in r, if one formula does for the whole
    scale (or for the declared interval), and plain numbers otherwise.
    """
    demands = Demands(model, holes, model.interval)
    places = sorted(demands.uses)
    try:
        found = _affine(model, holes, places) or _settle(demands, places)
        if found is None:
            _contradiction(demands, report)
            return None
    except Undecided:
        report(messages.too_many_cases(places[0]))
        return None
    if any(value.affine is None for value in found.values):
        report(_undetermined(found, demands))
        return None
    where = ""
    if demands.universal is None and model.richness is None:
        where = f", at r = {found.solution.system.value(unknown(RICHNESS)).const}"
    inferred = tuple(
        _inferred(place, value, demands.uses[place], found, where)
        for place, value in zip(places, found.values, strict=True)
    )
    exponents = {i.place: i.exponent for i in inferred}
    return fill(model, holes, exponents)._replace(inferred=inferred)


class _Value(NamedTuple):
    """What is known of one hole."""

    expression: Linear
    #: The exponent, where it is determined.
    affine: Affine | None


class _Found(NamedTuple):
    solution: Solution
    values: list[_Value]


def _affine(model: Model, holes: Holes, places: Sequence[Span]) -> _Found | None:
    """One formula for all r, where the file has the r to write it with."""
    if model.interval is not None or model.richness_place is None:
        return None
    if model.richness is None or not _SCALE[0] <= model.richness <= _SCALE[1]:
        return None
    found = _settle(Demands(model, holes, _SCALE), places)
    if found is None or any(value.affine is None for value in found.values):
        return None
    return found


def _settle(demands: Demands, places: Sequence[Span]) -> _Found | None:
    solution = demands.solve()
    if solution is None:
        return None
    values = []
    for place in places:
        expression = solution.system.value(unknown(hole_name(place)))
        exponent = expression.affine()
        if exponent is not None and exponent.slope and demands.universal is None:
            exponent = None  # The richness is free.
        values.append(_Value(expression, exponent))
    return _Found(solution, values)


def _inferred(place: Span, value: _Value, use: Use, found: _Found, where: str) -> Inferred:
    assert value.affine is not None
    name = hole_name(place)
    taken = next((p for p in found.solution.taken if name in p.expression.terms), None)
    reason, is_bound = (taken.reason, True) if taken is not None else _reason(name, found)
    return Inferred(
        place, value.affine, use.attribute, use.subject, use.layer, reason + where, is_bound
    )


def _reason(name: str, found: _Found) -> tuple[str, bool]:
    """The demand that has this hole and the fewest others, and whether it is a bound."""
    able = [c for c in found.solution.constraints if name in c.expression.terms]
    if not able:
        return "nothing else in the file leaves a choice", False
    demand = min(able, key=lambda c: sum(n.startswith("?") for n in c.expression.terms))
    richness = found.solution.system.value(unknown(RICHNESS))
    is_rich = richness.is_constant and richness.const == _SCALE[1]
    return demand.reason, demand.is_bound_when_rich and is_rich


def _undetermined(found: _Found, demands: Demands) -> Diagnostic:
    """What is free, in which words of the file, and the general solution."""
    free = sorted(
        {name for value in found.values for name in value.expression.terms},
        key=lambda name: (name != RICHNESS, name),
    )
    if demands.universal is not None:
        free = [name for name in free if name != RICHNESS]
    ranges = {name: found.solution.system.range(name) or Range(None, None) for name in free}
    named = {hole_name(place): place for place in demands.uses}
    return messages.undetermined(
        [
            messages.Open(place, demands.uses[place], value.expression)
            for place, value in zip(sorted(demands.uses), found.values, strict=True)
        ],
        {name: messages.Freedom(named.get(name), ranges[name]) for name in free},
        demands.uses,
    )


def _contradiction(demands: Demands, report: Report) -> None:
    """Report a minimal set of statements that leave no exponents to choose."""

    def consistent(givens: Sequence[Given]) -> bool:
        return demands.solve(_places(givens)) is not None

    core = minimal_conflict(demands.givens, consistent)
    if not core:
        report(_shared(demands))
        return
    parties = []
    for given in core:
        others = [other for other in core if other is not given]
        parties.append(messages.Party(given, _wanted(demands, given, others)))
    report(messages.unsolvable(parties))


def _shared(demands: Demands) -> Diagnostic:
    """Some hole, or an exponent that was given up, would need several values at once."""
    for statement, layers in groupby(demands.model.layers, key=lambda layer: layer.statement):
        if demands.solve_part(tuple(layers), frozenset(), None) is None:
            places = [place for place, use in demands.uses.items() if use.layer == statement]
            return messages.shared_by_layers(statement, sorted(places), demands.uses)
    places = [place for place, use in demands.uses.items() if use.layer is None]
    return messages.shared_by_all(sorted(places or demands.uses), demands.uses)


def _wanted(demands: Demands, given: Given, others: Iterable[Given]) -> Affine | None:
    """What the other parties of a conflict ask of this one: a change of its exponent."""
    solution = demands.solve(_places(others))
    assert solution is not None
    if not given.name:
        return None
    change = solution.system.value(unknown(given.name)).affine()
    if change is None or given.written is None:
        return change
    # Of a variance, the exponent is twice that of the std that the demands speak of.
    return change.times(Fraction(2 if given.is_variance else 1)).plus(given.written)


def _places(givens: Iterable[Given]) -> frozenset[Span]:
    return frozenset(given.place for given in givens)
