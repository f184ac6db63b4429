"""What D0 to D3 demand of the exponents of a model, as linear constraints.

The passes of richc.scaling decide whether given exponents pass; this is the same calculus turned
around (Karkada 2024, arXiv 2404.19719, sections 3 and 4).  A model passes exactly when, with h_l
of order one at init and g_l = df/dh_l after the first step,

- every weight keeps its representation: fan-in and init sum to n^0, or a bias of order one does
  so and the weight does not exceed it (D0); a hidden one may be smaller at r = 1/2 only, where its
  own update lets all of the gradient through, so that every representation is as rich as the next;
- every layer's own update of h_l is n^-1 / g_l and at most n^0, so that it moves the output by
  order one, neither less nor more (D0, D1, D2, D3); the read-out's own update of f is n^0;
- f starts at n^-r with 0 <= r <= 1/2, which makes g_L = n^(-1/2 - r); or the read-out starts
  smaller than its own update, and r = 1/2.

Each of these is linear in the exponents, but for a few either-ors, which are tried in turn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import NamedTuple

from richc.diagnostics import Span
from richc.inference.givens import (
    Use,
    find_givens,
    find_uses,
    given_name,
    hole_name,
    pin_of,
    subject_of,
)
from richc.inference.linear import RICHNESS, Linear, System, affine, constant, unknown
from richc.optimizers.law import Epsilon, Law
from richc.scaling.monomial import WIDTH, ZERO, Monomial
from richc.scaling.sizes import Size
from richc.spec.holes import Hole, Holes, has_hole, is_hole
from richc.spec.model import READ_OUT, Layer, Model, Tensor

#: How often the search may go back, times the number of layers; after some dead ends, it looks for
#: a layer that can never be satisfied.
MAX_WORK = 6_000
_SUSPICIOUS = 3

_ZERO = Fraction(0)
_HALF = Fraction(1, 2)
_ONE = Fraction(1)


class Undecided(Exception):
    """Too many combinations of either-ors lead nowhere to try them all."""


class Constraint(NamedTuple):
    """``expression = 0``, with the reason in words."""

    expression: Linear
    reason: str
    #: At r = 1/2 a smaller size would do as well.
    is_bound_when_rich: bool = False


class Preference(NamedTuple):
    """An upper bound on a hole that is taken where nothing else decides: ``expression = 0``."""

    #: The unknowns that it may decide.
    holes: tuple[str, ...]
    expression: Linear
    reason: str


class Solution(NamedTuple):
    system: System
    constraints: tuple[Constraint, ...]
    #: Those that hold with equality.
    taken: tuple[Preference, ...]


class _Case(NamedTuple):
    """One way to satisfy a layer's demands."""

    equal: tuple[Constraint, ...]
    #: Expressions that are at most zero.
    bounds: tuple[Linear, ...]
    preferred: tuple[Preference, ...]
    #: The gradient that reaches the layer below.
    gradient: Linear


class _Part(NamedTuple):
    """The weight or the bias of a layer."""

    layer: Layer
    tensor: Tensor

    @property
    def is_bias(self) -> bool:
        return self.tensor is self.layer.bias

    @property
    def subject(self) -> str:
        return subject_of(self.layer, self.tensor)

    @property
    def wide_in(self) -> bool:
        """Whether its fan-in grows; that of a bias is 1."""
        return self.layer.fan_in.wide and not self.is_bias


class _Node(NamedTuple):
    """Where the search stands."""

    #: How many layers are still to be satisfied, the next one last.
    rest: int
    system: System
    gradient: Linear
    #: Cases so far, the latest first, as a linked list.
    chosen: tuple[_Case, object] | None
    last: tuple[object, ...] | None


class Demands:
    """The demands on one model.

    ``universal`` asks for exponents, affine in r, that pass for every r of an interval; without
    it r is the declared richness, or unknown where none is declared.
    """

    def __init__(
        self, model: Model, holes: Holes, universal: tuple[Fraction, Fraction] | None = None
    ) -> None:
        self.model = model
        self.universal = universal
        self.holes: dict[str, Hole] = holes.by_symbol
        self.uses = find_uses(model, self.holes)
        self.givens = tuple(find_givens(model))
        self.pin = pin_of(model)

    def solve(
        self,
        kept: Collection[Span] | None = None,
        *,
        loose: Collection[Span] = (),
        cautious: bool = False,
    ) -> Solution | None:
        """Exponents that satisfy every demand; None where there are none.

        With ``kept``, only these of ``givens`` are as written and the others are unknown.  A hole
        in ``loose`` may have another value in each layer that shares it.  With ``cautious`` a bound
        is not taken where the value of another hole would follow from it.  Raises Undecided.
        """
        pin = self.pin
        is_pinned = pin is None or kept is None or pin.place in kept
        question = _Question(
            self,
            kept,
            loose,
            self.universal if is_pinned else None,
            pin.richness if pin is not None and is_pinned and self.universal is None else None,
        )
        return question.search(cautious)

    def rank(self, name: str) -> int:
        """Rates follow from multipliers and stds, and everything from the richness."""
        if name == RICHNESS:
            return _RANK_OF_RICHNESS
        use = self._named_uses.get(name.partition(" ")[0])
        if use is None:
            return 0
        return _RANKS.get(use.attribute, 0) + (0 if use.layer is not None else _RANK_OF_ALL)

    @cached_property
    def _named_uses(self) -> dict[str, Use]:
        return {hole_name(place): use for place, use in self.uses.items()}


class _Question:
    """One question to the demands: what is kept as it is written, and how r is meant."""

    def __init__(
        self,
        demands: Demands,
        kept: Collection[Span] | None,
        loose: Collection[Span],
        universal: tuple[Fraction, Fraction] | None,
        richness: Fraction | None,
    ) -> None:
        self.model = demands.model
        self._demands = demands
        self._kept = kept
        self._loose = loose
        self._universal = universal
        self._richness = richness
        self._law = self.model.optimizer.law
        self._shape = self.model.optimizer.shape_factor

    def search(self, cautious: bool) -> Solution | None:
        """Satisfy the layers from the last to the first, going back where a case leads nowhere."""
        system = System(self._demands.rank, self._universal)
        richness = unknown(RICHNESS)
        system.bound(richness.times(-_ONE))
        system.bound(richness.shifted(-_HALF))
        if self._richness is not None and not system.equate(richness.shifted(-self._richness)):
            return None
        layers = self.model.layers
        pending = [_Node(len(layers), system, constant(_ZERO), None, None)]
        dead_ends = 0
        while pending:
            node = pending.pop()
            found: list[_Node] = []
            if node.rest:
                found = list(self._below(node, layers[node.rest - 1]))
                pending += reversed(found)
            elif node.system.is_feasible():
                return self._finish(node, cautious)
            if not found:
                dead_ends += 1
                if dead_ends == _SUSPICIOUS and not all(map(self._is_possible, layers)):
                    return None
                if dead_ends * len(layers) > MAX_WORK:
                    raise Undecided
        return None

    def _is_possible(self, layer: Layer) -> bool:
        """Whether a layer could be satisfied, whatever the others are."""
        gradient = constant(_ZERO) if layer.role == READ_OUT else unknown("=gradient")
        node = _Node(1, System(self._demands.rank, self._universal), gradient, None, None)
        return any(found.system.is_feasible() for found in self._below(node, layer))

    def _below(self, node: _Node, layer: Layer) -> Iterator[_Node]:
        """What is left after a layer, for each case of it that is not contradictory."""
        sides = (layer.fan_in.wide, layer.fan_out.wide)
        key = (id(layer.weight), id(layer.bias), sides, node.gradient)
        if key == node.last:  # Repeated layers demand the same.
            yield node._replace(rest=node.rest - 1)
            return
        cases = list(self._cases(layer, node.gradient, node.system))
        for number, case in enumerate(cases):
            system = node.system if number == len(cases) - 1 else node.system.copy()
            fine = all(system.equate(c.expression) for c in case.equal) and all(
                system.bound(system.value(bound)) for bound in case.bounds
            )
            if fine:
                yield _Node(node.rest - 1, system, case.gradient, (case, node.chosen), key)

    def _finish(self, node: _Node, cautious: bool) -> Solution:
        cases: list[_Case] = []
        link: object = node.chosen
        while isinstance(link, tuple):
            cases.append(link[0])
            link = link[1]
        preferred = [p for case in cases for p in case.preferred if p.holes]
        if cautious:
            followed = {n for e in node.system.solved for n in e.terms}
            preferred = [p for p in preferred if followed.isdisjoint(p.holes)]
        system, taken = _take(node.system, preferred)
        constraints = tuple(c for case in cases for c in case.equal)
        return Solution(system, constraints, tuple(taken))

    # The demands of one layer.

    def _cases(self, layer: Layer, gradient: Linear, system: System) -> Iterator[_Case]:
        inits = self._readout_inits if layer.role == READ_OUT else self._inits
        rates = self._rates(_Part(layer, layer.weight), gradient)
        bias_rates = (
            [_NOTHING] if layer.bias is None else self._rates(_Part(layer, layer.bias), gradient)
        )
        # Every combination of what can be satisfied in several ways.
        for init, rate, bias_rate in product(
            inits(layer, gradient, system), [*rates], [*bias_rates]
        ):
            parts = (init, rate, bias_rate)
            yield _Case(
                tuple(c for part in parts for c in part.equal),
                tuple(b for part in parts for b in part.bounds),
                tuple(p for part in parts for p in part.preferred),
                init.gradient,
            )

    def _inits(self, layer: Layer, gradient: Linear, system: System) -> Iterator[_Case]:
        """D0 at init: the larger of weight and bias gives the representation its size.

        Beside a bias of order one a hidden weight may be smaller where its own update passes on as
        much as a weight of full size would, which is at r = 1/2; elsewhere the layers below would
        have to be richer.
        """
        name = layer.statement
        weight = self._init(_Part(layer, layer.weight))
        bias = None if layer.bias is None else self._init(_Part(layer, layer.bias))
        if weight is not None and layer.fan_in.wide:
            weight = weight.shifted(_HALF)
        keeps = f"D0: `{name}` keeps its signal of order one at init"
        by_weight = None if weight is None else Constraint(weight, keeps)
        if bias is None:
            if by_weight is not None:
                yield _Case((by_weight,), (), (), gradient)
            return
        holes = _holes_in(bias)
        bias = system.value(bias)
        cases = []
        if by_weight is not None:
            not_above = Preference(
                holes, bias, f"D0: the bias of `{name}` is at most of order one at init"
            )
            cases.append(_Case((by_weight,), (bias,), (not_above,), gradient))
        carries = [Constraint(bias, f"D0: the bias of `{name}` is of order one at init")]
        richness = system.value(unknown(RICHNESS))
        if layer.fan_in.wide:
            woken = f"the weight of `{name}` may start below its own update"
            carries.append(Constraint(richness.shifted(-_HALF), woken))
        bounds = () if weight is None else (weight,)
        wishes = () if weight is None else (Preference(_holes_in(weight), weight, keeps),)
        cases.append(_Case(tuple(carries), bounds, wishes, gradient))
        if all(system.value(c.expression) == constant(_ZERO) for c in carries):
            # Nothing but a bound is left to ask of the weight.
            cases.reverse()
        yield from cases

    def _readout_inits(self, layer: Layer, gradient: Linear, system: System) -> Iterator[_Case]:
        """f ~ n^-r at init, or a read-out that starts smaller than its own update."""
        weight = self._init(_Part(layer, layer.weight))
        bounds: tuple[Linear, ...] = ()
        preferred: tuple[Preference, ...] = ()
        if layer.bias is not None:
            bias = self._init(_Part(layer, layer.bias))
            if bias is not None:
                bounds = (bias,)
                reason = "D0: the output is at most of order one at init"
                preferred = (Preference(_holes_in(bias), bias, reason),)
        richness = unknown(RICHNESS)
        if weight is not None:
            size = weight.shifted(_HALF)
            on_scale = Constraint(size.plus(richness), "the output starts at n^-r", True)
            yield _Case(
                (on_scale,),
                bounds,
                preferred,
                richness.times(-_ONE).shifted(-_HALF),
            )
            below = weight.shifted(_ONE)
            bounds = (*bounds, below)
            reason = "the read-out starts as large as its own update"
            preferred = (
                *preferred,
                Preference(_holes_in(below), below, reason),
            )
        yield _Case(
            (Constraint(richness.shifted(-_HALF), "the read-out starts below its own update"),),
            bounds,
            preferred,
            constant(-_ONE),
        )

    def _rates(self, part: _Part, gradient: Linear) -> Iterator[_Case]:
        """The layer's own update, neither less nor more than what moves the output."""
        is_readout = part.layer.role == READ_OUT
        carried = self._carried(part, gradient)
        for floor_bounds, rate in self._invariant_rates(part):
            if rate is None:
                if part.is_bias:  # A bias that does not move has nothing to add.
                    yield carried._replace(bounds=(*carried.bounds, *floor_bounds))
                continue
            wanted = constant(_ZERO) if is_readout else gradient.shifted(_ONE).times(-_ONE)
            own = self._update(part, rate, gradient)
            why = f"D1, D2 and D3: the update of {part.subject} moves the output by order one"
            equal = Constraint(own.plus(wanted, -_ONE), why)
            # It may not make the representation itself explode.
            bounds = () if is_readout else (wanted,)
            yield carried._replace(
                equal=(*carried.equal, equal), bounds=(*carried.bounds, *floor_bounds, *bounds)
            )

    def _carried(self, part: _Part, gradient: Linear) -> _Case:
        """Epsilon and weight decay, where they are what is asked for."""
        found = _NOTHING._replace(gradient=gradient)
        scale = self._scale(part)
        if scale is None:
            return found
        size = scale.plus(gradient)  # Of the gradient with respect to the tensor.
        layer, tensor, subject = part.layer, part.tensor, part.subject
        if tensor.eps is not None and has_hole(tensor.eps):
            eps = self._plain(tensor.eps, layer)
            if self._law.eps == Epsilon.GRADIENT:
                over = eps.plus(size, -_ONE)
                wish = Preference(_holes_in(eps), over, f"eps follows the gradient of {subject}")
                found = found._replace(bounds=(over,), preferred=(wish,))
            else:
                std = self._std(part)
                if std is not None:
                    over = eps.plus(std, -_ONE)
                    wish = Preference(_holes_in(eps), over, f"eps follows the init of {subject}")
                    found = found._replace(preferred=(wish,))
        if has_hole(tensor.decay) and not tensor.frozen:
            decay = self._plain(tensor.decay, layer)
            if self._law.decay_is_normalised:
                std = self._std(part)
                pull = None if std is None else decay.plus(std).plus(size, -_ONE)
                reason = f"the decay of {subject} keeps its size beside the gradient"
            else:
                lr = self._rate(part)
                pull = None if lr is None else decay.plus(lr).plus(self._global_rate(layer))
                reason = f"{subject} decays by the same share a step at every width"
            if pull is not None:
                found = found._replace(equal=(Constraint(pull, reason),))
        return found

    def _invariant_rates(self, part: _Part) -> Iterator[tuple[tuple[Linear, ...], Linear | None]]:
        """n^-C, None for a tensor that does not move; with the bounds under which it is that."""
        layer, tensor = part.layer, part.tensor
        scale, std, lr = self._scale(part), self._std(part), self._rate(part)
        if scale is None or lr is None:
            yield (), None
            return
        lr = lr.plus(self._global_rate(layer))
        kappa = self._law.shape(self._shape, part.wide_in, layer.fan_out.wide)
        of_scale, of_std = self._rate_powers
        rate = lr.plus(scale, of_scale).shifted(kappa)
        if not of_std:
            yield (), rate
            return
        floor = None if tensor.eps is None or tensor.eps.is_zero else self._plain(tensor.eps, layer)
        if std is None and floor is None:
            yield (), None
        if std is not None and floor is not None and std.is_constant and floor.is_constant:
            # Nothing is open here.
            yield (), rate.plus(std if std.const >= floor.const else floor, of_std)
            return
        if std is not None:
            bounds = () if floor is None else (floor.plus(std, -_ONE),)
            yield bounds, rate.plus(std, of_std)
        if floor is not None:
            bounds = () if std is None else (std.plus(floor, -_ONE),)
            yield bounds, rate.plus(floor, of_std)

    def _update(self, part: _Part, rate: Linear, gradient: Linear) -> Linear:
        """The size of a tensor's own update of its layer, from its rate."""
        sides = int(part.wide_in) + int(part.layer.fan_out.wide)
        step = _step(self._law, _ZERO, sides)
        follows = _step(self._law, _ONE, sides) - step
        coherent = _ONE if part.wide_in else _ZERO
        return rate.shifted(coherent + step).plus(gradient, follows)

    @property
    def _rate_powers(self) -> tuple[Fraction, Fraction]:
        """The powers of the multiplier and of the init std in the invariant rate."""
        of_scale = self._law.rate(_ONE, _ZERO, _ZERO, _ZERO)
        of_std = self._law.rate(_ZERO, _ONE, _ZERO, _ZERO)
        assert isinstance(of_scale, Fraction)
        assert isinstance(of_std, Fraction)
        return of_scale, of_std

    # Exponents as they are written.

    def _keeps(self, place: Span | None) -> bool:
        return place is None or self._kept is None or place in self._kept

    def _init(self, part: _Part) -> Linear | None:
        """The exponent of multiplier times init std; None for zeros."""
        scale, std = self._scale(part), self._std(part)
        return None if scale is None or std is None else scale.plus(std)

    def _global_rate(self, layer: Layer) -> Linear:
        optimizer = self.model.optimizer
        written = self._plain(optimizer.lr, layer)
        place = dict(optimizer.places).get("lr")
        # A plain number says nothing about the width: there is nothing to give up.
        is_plain = written.is_constant and not written.const
        if place is None or is_plain or self._keeps(place) or has_hole(optimizer.lr):
            return written
        return written.plus(unknown(given_name(place)))

    def _scale(self, part: _Part) -> Linear | None:
        return self._exponent(part, part.tensor.scale, ("scale",))

    def _std(self, part: _Part) -> Linear | None:
        return self._exponent(part, part.tensor.std, ("std", "var"))

    def _rate(self, part: _Part) -> Linear | None:
        """Without the optimizer's own; None for a tensor that does not train."""
        lr = ZERO if part.tensor.frozen else part.tensor.lr
        return self._exponent(part, lr, ("lr", "frozen"))

    def _exponent(self, part: _Part, value: Monomial, names: tuple[str, ...]) -> Linear | None:
        """The exponent of n in an attribute, which has these names; None where it is zero.

        What the file says, but is not kept, is an unknown beside the exponent that is written.
        """
        if has_hole(value):
            return self._plain(value, part.layer)
        place = part.tensor.place(*reversed(names))
        key = "" if place is None else given_name(place)
        if place is None:
            place = self.model.parameterization_place
            key = f"={part.layer.statement} {names[0]} {part.is_bias}"
        written = None if value.is_zero else self._plain(value, part.layer)
        if self._keeps(place):
            return written
        return unknown(key) if written is None else written.plus(unknown(key))

    def _plain(self, value: Monomial, layer: Layer) -> Linear:
        """The exponent of n, each hole an unknown."""
        result = affine(value.exponent(WIDTH))
        for base, power in value.powers:
            if is_hole(base):
                hole = self._demands.holes[str(base)]
                factor = power.const * hole.base.exponent().const
                if factor:
                    name = hole_name(hole.place)
                    if hole.place in self._loose:
                        name += f" {layer.name}"
                    result = result.plus(unknown(name), factor)
        return result


#: What is solved for comes first; what is left free, if something is, last.
_RANKS = {"lr": 0, "std": 1, "var": 1, "scale": 2}
_RANK_OF_ALL = 4
_RANK_OF_RICHNESS = 9

_NOTHING = _Case((), (), (), constant(_ZERO))


def _take(system: System, preferred: Sequence[Preference]) -> tuple[System, list[Preference]]:
    """As many of the preferences as can be taken together."""
    attempt = system.copy()
    taken = []
    for preference in preferred:
        is_open = any(name in attempt.value(unknown(name)).terms for name in preference.holes)
        if is_open and attempt.equate(preference.expression):
            taken.append(preference)
    if not taken or attempt.is_feasible():
        return attempt, taken
    if len(preferred) == 1:
        return system, []
    half = len(preferred) // 2
    system, first = _take(system, preferred[:half])
    system, second = _take(system, preferred[half:])
    return system, first + second


def _holes_in(expression: Linear) -> tuple[str, ...]:
    return tuple(name for name in expression.terms if name != RICHNESS)


def _step(family: Law, gradient: Size, sides: int) -> Fraction:
    size = family.step(_ZERO, _ZERO, gradient, sides)
    assert isinstance(size, Fraction)
    return size
