"""Holes to exponents: the ones that let D0 to D3 hold, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.monomial import NO_POWER, Affine
from richc.diagnostics import Diagnostic, Span
from richc.inference import messages
from richc.inference.conflicts import minimal_conflict
from richc.inference.demands import Demands, Solution, TooManyCases
from richc.inference.givens import Given, Use, depth_name, hole_name
from richc.inference.linear import RICHNESS, LinearForm, unknown
from richc.spec.holes import Holes, fill
from richc.spec.model import Inferred, Model

Report = Callable[[Diagnostic], None]

_SCALE = (Fraction(0), Fraction(1, 2))


def solve(model: Model, holes: Holes, report: Report) -> Model | None:
    """The model with its holes filled; None where that cannot be done, which is reported.

    Under a ``richness`` statement the exponents are affine in r, if one formula does for the whole
    scale (or for the declared interval), and plain numbers otherwise.
    """
    demands = _demands(model, holes, model.interval)
    places = sorted(demands.uses)
    # The base may be a number in one layer and grow in another, as `fan_in` does.
    growing = {hole.place for hole in demands.holes.values() if hole.grows}
    idle = [place for place in places if place not in growing]
    unused = {hole.place for hole in demands.holes.values()} - demands.uses.keys()
    for place in idle:
        report(messages.not_of_the_width(place))
    for place in sorted(unused):
        report(messages.decides_nothing(place))
    if idle or unused:
        return None
    try:
        found = _affine(model, holes, places) or _settle(demands, places)
        if found is None:
            _contradiction(demands, report)
            return None
    except TooManyCases:
        report(messages.too_many_cases(places[0], of_blocks=not _is_plain(model)))
        return None
    if any(value.affine is None for value in found.values):
        report(_undetermined(demands, places))
        return None
    where = ""
    if demands.universal is None and demands.pin is None:
        where = f", at r = {found.solution.system.value(unknown(RICHNESS)).const}"
    reasons = _reasons(found.solution)
    inferred = tuple(
        _inferred(place, value, demands.uses[place], reasons, where)
        for place, value in zip(places, found.values, strict=True)
    )
    exponents = {i.place: i.exponent for i in inferred}
    return fill(model, holes, exponents)._replace(inferred=inferred)


def _demands(model: Model, holes: Holes, universal: tuple[Fraction, Fraction] | None) -> Demands:
    if _is_plain(model):
        return Demands(model, holes, universal)
    from richc.inference.stack import StackDemands  # most models are chains

    return StackDemands(model, holes, universal)


def _is_plain(model: Model) -> bool:
    return model.is_chain and model.depth is None


class _Value(NamedTuple):
    """What is known of one hole."""

    expression: LinearForm
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
    found = _settle(_demands(model, holes, _SCALE), places)
    if found is None or any(value.affine is None for value in found.values):
        return None
    return found


def _settle(demands: Demands, places: Sequence[Span], *, cautious: bool = False) -> _Found | None:
    solution = demands.solve(cautious=cautious)
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


def _inferred(
    place: Span, value: _Value, use: Use, reasons: Mapping[str, _Reason], where: str
) -> Inferred:
    assert value.affine is not None
    words, is_bound = reasons.get(hole_name(place), _NO_OTHER)
    return Inferred(
        place, value.affine, use.attribute, use.subject, use.layer, words + where, is_bound
    )


class _Reason(NamedTuple):
    """What decided an exponent, and whether a smaller one would do as well."""

    words: str
    is_bound: bool


#: Of what no single demand decides.
_NO_OTHER = _Reason("with no other one all desiderata hold", False)


def _reasons(solution: Solution) -> dict[str, _Reason]:
    """For each hole: the bound that was taken, or the demand that has the fewest other holes."""
    is_rich = _is_rich(solution)
    found: dict[str, _Reason] = {}
    best: dict[str, int] = {}
    for demand in solution.constraints:
        holes = [name for name in demand.expression.terms if name != RICHNESS]
        for name in holes:
            if len(holes) < best.get(name, len(holes) + 1):
                best[name] = len(holes)
                found[name] = _Reason(demand.reason, demand.is_bound_when_rich and is_rich)
    for preference in solution.taken:
        for name in preference.holes:
            found[name] = _Reason(preference.reason, preference.is_bound)
    return found


def _is_rich(solution: Solution) -> bool:
    """Whether r is 1/2, where a read-out may start smaller than on the scale."""
    richness = solution.system.value(unknown(RICHNESS))
    return richness.is_constant and richness.const == _SCALE[1]


def _undetermined(demands: Demands, places: Sequence[Span]) -> Diagnostic:
    """What is free, in words of the file, and the general solution."""
    found = _settle(demands, places, cautious=True)
    assert found is not None
    named = {hole_name(place): place for place in places}
    free = sorted(
        {name for value in found.values for name in value.expression.terms},
        key=lambda name: (name != RICHNESS, named.get(name, Span(0, 0))),
    )
    if demands.universal is not None:
        free = [name for name in free if name != RICHNESS]
    ranges = found.solution.system.ranges(free)
    bounded = {name for taken in found.solution.taken if taken.is_bound for name in taken.holes}
    if _is_rich(found.solution):
        for demand in found.solution.constraints:
            bounded |= set(demand.expression.terms) if demand.is_bound_when_rich else set()
        bounded -= set(free)
    return messages.undetermined(
        [
            messages.Open(place, demands.uses[place], value.expression, hole_name(place) in bounded)
            for place, value in zip(places, found.values, strict=True)
        ],
        {name: messages.Freedom(named.get(name), ranges[name]) for name in free},
        [row for row in found.solution.system.bounds if len(row.terms) > 1],
        demands.uses,
    )


def _contradiction(demands: Demands, report: Report) -> None:
    """Report a minimal set of statements that leave no exponents to choose."""

    def consistent(givens: Sequence[Given]) -> bool:
        return demands.is_consistent(_places(givens))

    core = minimal_conflict(demands.givens, consistent)
    if not core:
        reasons = demands.undecided((), list(demands.uses))
        places = sorted(demands.uses)
        report(messages.undecided(places, reasons) if reasons else _shared(demands))
        return
    parties = []
    for given in core:
        others = [other for other in core if other is not given]
        parties.append(messages.Party(given, *_wanted(demands, given, others)))
    report(messages.unsolvable(parties, demands.undecided(None)))


def _shared(demands: Demands) -> Diagnostic:
    """Holes that would need several values at once: a minimal set of them."""

    def consistent(shared: Sequence[Span]) -> bool:
        loose = [place for place in demands.uses if place not in shared]
        return demands.is_consistent((), loose)

    places = minimal_conflict(sorted(demands.uses), consistent) or sorted(demands.uses)
    return messages.shared(places, demands.uses)


def _wanted(
    demands: Demands, given: Given, others: Iterable[Given]
) -> tuple[Affine | None, Affine]:
    """What the other parties of a conflict ask of this one: another exponent, of n and of L."""
    solution = demands.solve(_places(others))
    assert solution is not None
    if not given.name:
        return None, NO_POWER
    change = solution.system.value(unknown(given.name)).affine()
    if change is None or given.written is None:
        return change, NO_POWER
    # Of a variance, the exponent is twice that of the std that the demands speak of.
    factor = Fraction(2 if given.attribute == "var" else 1)
    deeper = solution.system.value(unknown(depth_name(given.name))).affine() or NO_POWER
    return change.times(factor).plus(given.written), deeper.times(factor).plus(given.depth)


def _places(givens: Iterable[Given]) -> frozenset[Span]:
    return frozenset(given.place for given in givens)
