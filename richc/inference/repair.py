"""The smallest change of exponents that makes a failing model pass.

At one richness the demands on a layer concern that layer alone (see richc.inference.demands), so
the fewest edits are found statement by statement.  Which richness takes the fewest in all is one of
a few: those that some statement fixes when the others are left open, the ends of the scale, and the
declared one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, groupby
from typing import NamedTuple

from richc.diagnostics import Span
from richc.inference.demands import Demands, Solution, Undecided
from richc.inference.givens import Given
from richc.inference.linear import RICHNESS, unknown
from richc.scaling.monomial import WIDTH, Affine, Monomial, symbol
from richc.spec.holes import Holes
from richc.spec.model import Layer, Model, map_values

_ZERO = Fraction(0)
_HALF = Fraction(1, 2)

#: Of richness; more are not worth trying.
_MAX_POINTS = 40
#: Of the optimizer's rate.
_MAX_RATES = 8
#: Kinds of statements, summed over the points and rates that are tried: a second or two.
_MAX_WORK = 1000


class Change(NamedTuple):
    """Multiply what is written at one place by a power of n."""

    given: Given
    #: Of the expression as it is written: for a variance, twice that of the std.
    exponent: Affine


class Repair(NamedTuple):
    changes: tuple[Change, ...]
    #: Where it leads; None for a whole interval.
    richness: Fraction | None
    #: The value that the ``richness`` statement is to have, where that is what changes.
    declared: Fraction | None = None


def repair(model: Model, required: Fraction | None = None) -> Repair | None:
    """The repair with the fewest changed attributes; None where exponents cannot mend it.

    Ties go to the richness that is nearest to the declared one, then to the smallest changes.
    ``required`` is a richness that it has to lead to.  Layers are put on the scale: a bias of order
    one that already carries a hidden layer is not made use of.  Where very many statements differ,
    the declared richness and the ends of the scale are tried first, and few others.
    """
    try:
        if model.interval is not None:
            return _over_interval(model)
        found = [*_at_points(model, required), *_with_richness(model, required)]
    except Undecided:
        return None
    return min(found, key=lambda r: _cost(r, model), default=None)


def _cost(found: Repair, model: Model) -> tuple[int, Fraction, bool, Fraction, Fraction]:
    size = sum((_size(change) for change in found.changes), _ZERO)
    richness = found.richness if found.richness is not None else _ZERO
    declared = model.richness
    away = _ZERO if declared is None else abs(richness - declared)
    # A richness off the scale is the likelier mistake, any other is the likelier decision.
    is_off = declared is not None and not _ZERO <= declared <= _HALF
    is_odd = (found.declared is not None) != is_off
    edits = len(found.changes) + (found.declared is not None)
    return edits, away, is_odd, size, richness


class _Statement(NamedTuple):
    """The layers of a statement, and what of it can be changed."""

    layers: tuple[Layer, ...]
    #: In the order in which they are changed, if there is a choice.
    editable: tuple[Given, ...]
    #: Everything written that its demands may ask for.
    written: frozenset[Span]
    #: Equal for statements that are changed alike.
    kind: object


def _statements(model: Model, demands: Demands) -> list[_Statement]:
    givens = {given.place: given for given in demands.givens}
    rate = [place for name, place in model.optimizer.places if name == "lr"]
    found = []
    for _, members in groupby(model.layers, key=lambda layer: layer.statement):
        layers = tuple(members)
        places: dict[Span, str] = {}
        for layer in layers:
            for tensor in layer.tensors:
                places |= {place: name for name, place in tensor.places}
        # A change of scale is a change of gauge besides: the last resort.
        order = sorted(places, key=lambda place: (places[place] == "scale", place))
        able = (givens[place] for place in order if place in givens)
        editable = tuple(g for g in able if g.written is not None)
        asked = givens.keys() & {*places, model.parameterization_place}
        numbers = {place: number for number, place in enumerate(order)}
        kinds = (_kind(layer, numbers, is_lowest=layer is model.layers[0]) for layer in layers)
        # Layers that repeat demand nothing new.
        kind = (*(kind for kind, _ in groupby(kinds)), *(numbers[g.place] for g in editable))
        found.append(_Statement(layers, editable, frozenset((*asked, *rate)), kind))
    return found


def _kind(layer: Layer, numbers: Mapping[Span, int], *, is_lowest: bool) -> object:
    """All that decides how a layer is changed, places as numbers."""
    tensors = (
        (*tensor._replace(places=()), *((name, numbers[place]) for name, place in tensor.places))
        for tensor in layer.tensors
    )
    return layer.role, layer.fan_in.wide, layer.fan_out.wide, is_lowest, *tensors


def _at_points(model: Model, required: Fraction | None) -> Iterator[Repair]:
    """The best repairs at each richness, with and without another rate of the optimizer."""
    plain = _at(model, model.richness)
    demands = Demands(plain, Holes())
    statements = _statements(plain, demands)
    points = _points(demands, statements, model.richness)
    if required is not None:
        points = [required]
    for richness in points[: _most(statements, _MAX_POINTS)]:
        found = _all(demands, statements, richness)
        if found is not None:
            yield Repair(found, richness)
            yield from _with_rates(plain, statements, found, richness)


def _with_rates(
    model: Model, statements: Sequence[_Statement], found: Sequence[Change], richness: Fraction
) -> Iterator[Repair]:
    """Repairs that change the optimizer's rate instead of those of several layers."""
    place = dict(model.optimizer.places).get("lr")
    if place is None:
        return
    lr = model.optimizer.lr.exponent(WIDTH)
    rate = Given(place, "lr", f"`lr` of `optimizer {model.optimizer.name}`", "", lr)
    shifts = Counter(c.exponent.const for c in found if c.given.attribute == "lr")
    for shift, count in shifts.most_common(_most(statements, _MAX_RATES)):
        if count > 1:
            shifted = _all(Demands(_with_rate(model, shift), Holes()), statements, richness)
            if shifted is not None:
                yield Repair((Change(rate, Affine(shift)), *shifted), richness)


def _all(
    demands: Demands, statements: Iterable[_Statement], richness: Fraction | None
) -> tuple[Change, ...] | None:
    """The fewest changes of every statement."""
    changes: list[Change] = []
    #: For each kind, which of what is editable changes, and by how much.
    known: dict[object, list[tuple[int, Affine]]] = {}
    for statement in statements:
        if statement.kind not in known:
            found = _fewest(demands, statement, richness)
            if found is None:
                return None
            known[statement.kind] = [
                (statement.editable.index(change.given), change.exponent) for change in found
            ]
        changes += (Change(statement.editable[i], by) for i, by in known[statement.kind])
    return tuple(changes)


def _most(statements: Iterable[_Statement], most: int) -> int:
    """How many points or rates to try, at most so many: fewer where there is much to mend."""
    return min(most, max(3, _MAX_WORK // len({statement.kind for statement in statements})))


def _fewest(
    demands: Demands, statement: _Statement, richness: Fraction | None
) -> tuple[Change, ...] | None:
    for count in range(len(statement.editable) + 1):
        found = []
        for changed in combinations(statement.editable, count):
            solution = _part(demands, statement, changed, richness)
            changes = None if solution is None else _changes(solution, changed)
            if changes is not None:
                found.append(changes)
        if found:
            # The first of the smallest: the order of what is editable decides a tie.
            return min(found, key=lambda changes: sum(_size(c) for c in changes))
    return None


def _size(change: Change) -> Fraction:
    return abs(change.exponent.const) + abs(change.exponent.slope)


def _part(
    demands: Demands,
    statement: _Statement,
    changed: Sequence[Given],
    richness: Fraction | None,
) -> Solution | None:
    kept = statement.written.difference(given.place for given in changed)
    return demands.solve_part(statement.layers, kept, richness)


def _changes(solution: Solution, changed: Sequence[Given]) -> tuple[Change, ...] | None:
    """The changes of what was given up; None where they are not determined."""
    found = []
    for given in changed:
        exponent = solution.system.value(unknown(given.name)).affine()
        if exponent is None:
            return None
        found.append(Change(given, exponent.times(Fraction(2 if given.attribute == "var" else 1))))
    return tuple(found)


def _points(
    demands: Demands, statements: Iterable[_Statement], declared: Fraction | None
) -> list[Fraction]:
    """Every richness that could take the fewest changes: the declared one first."""
    found = [] if declared is None or not _ZERO <= declared <= _HALF else [declared]
    found += [_HALF, _ZERO]
    for statement in {statement.kind: statement for statement in statements}.values():
        for count in range(min(3, len(statement.editable) + 1)):
            for changed in combinations(statement.editable, count):
                solution = _part(demands, statement, changed, None)
                if solution is None:
                    continue
                richness = solution.system.value(unknown(RICHNESS))
                if richness.is_constant and richness.const not in found:
                    found.append(richness.const)
    return found


def _over_interval(model: Model) -> Repair | None:
    """Changes, affine in r, that make a model pass for every r of its interval."""
    demands = Demands(model, Holes(), model.interval)
    changes = _all(demands, _statements(model, demands), None)
    return None if changes is None else Repair(changes, None)


def _with_richness(model: Model, required: Fraction | None) -> Iterator[Repair]:
    """Repairs that change the ``richness`` statement, alone or beside attributes."""
    if model.richness_place is None or model.parameterization_place is not None:
        return
    demands = Demands(model, Holes())
    statements = _statements(model, demands)
    points = _points(demands, statements, None)
    if required is not None:
        points = [required]
    for richness in points[: _most(statements, _MAX_POINTS)]:
        if richness == model.richness:
            continue
        there = _at(model, richness)
        of_there = Demands(there, Holes())
        found = _all(of_there, _statements(there, of_there), richness)
        if found is not None:
            yield Repair(found, richness, richness)


def _with_rate(model: Model, change: Fraction) -> Model:
    lr = model.optimizer.lr.times(symbol(WIDTH, Affine(change)))
    return model._replace(optimizer=model.optimizer._replace(lr=lr))


def _at(model: Model, richness: Fraction | None) -> Model:
    """The model with plain numbers for exponents: those at one richness."""
    at = _ZERO if richness is None else richness

    def plain(value: Monomial) -> Monomial:
        powers = ((base, Affine(exponent.at(at))) for base, exponent in value.powers)
        return value._replace(powers=tuple(p for p in powers if not p[1].is_zero))

    return map_values(model, plain)._replace(richness=None, requirements=())
