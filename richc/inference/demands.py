"""What D0 to D3 demand of the exponents of a model, as linear constraints.

The passes of richc.calculus decide whether given exponents pass; this is the same calculus turned
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
from typing import NamedTuple

from richc.algebra.exponent import HALF, ONE, ZERO
from richc.diagnostics import Span
from richc.inference.cases import Case, Cases, Constraint, Preference
from richc.inference.givens import Use, find_givens, find_uses, hole_name, pin_of
from richc.inference.linear import RICHNESS, LinearForm, System, constant, unknown
from richc.inference.opened import opened
from richc.spec.holes import Holes, PlacedHole
from richc.spec.model import READ_OUT, Layer, Model

#: How often the search may go back, times the number of layers; after some dead ends, it looks for
#: a layer that can never be satisfied.
MAX_WORK = 6_000
_SUSPICIOUS = 3


class TooManyCases(Exception):
    """Too many combinations of either-ors lead nowhere to try them all."""


class Solution(NamedTuple):
    system: System
    constraints: tuple[Constraint, ...]
    #: Those that hold with equality.
    taken: tuple[Preference, ...]


class _Node(NamedTuple):
    """Where the search stands."""

    #: How many layers are still to be satisfied, the next one last.
    rest: int
    system: System
    gradient: LinearForm
    #: Cases so far, the latest first, as a linked list.
    chosen: tuple[Case, object] | None
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
        self.placed_holes = holes
        self.holes: dict[str, PlacedHole] = holes.by_symbol
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

    def is_consistent(self, kept: Collection[Span], loose: Collection[Span] = ()) -> bool:
        """Whether ``solve`` would find any.  Raises Undecided."""
        return self.solve(kept, loose=loose) is not None

    def undecided(
        self, kept: Collection[Span] | None, loose: Collection[Span] = ()
    ) -> tuple[str, ...]:
        """Why some exponents leave a network that is not decided, where no others would do."""
        return ()

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
        self._model, letters = opened(demands.model, demands.holes, kept, loose)
        self._rank = demands.rank
        self._universal = universal
        self._richness = richness
        self._cases = Cases(self._model, letters)

    def search(self, cautious: bool) -> Solution | None:
        """Satisfy the layers from the last to the first, going back where a case leads nowhere."""
        system = System(self._rank, self._universal)
        richness = unknown(RICHNESS)
        system.bound(richness.times(-ONE))
        system.bound(richness.shifted(-HALF))
        if self._richness is not None and not system.equate(richness.shifted(-self._richness)):
            return None
        layers = self._model.layers
        pending = [_Node(len(layers), system, constant(ZERO), None, None)]
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
                    raise TooManyCases
        return None

    def _is_possible(self, layer: Layer) -> bool:
        """Whether a layer could be satisfied, whatever the others are."""
        gradient = constant(ZERO) if layer.role == READ_OUT else unknown("=gradient")
        node = _Node(1, System(self._rank, self._universal), gradient, None, None)
        return any(found.system.is_feasible() for found in self._below(node, layer))

    def _below(self, node: _Node, layer: Layer) -> Iterator[_Node]:
        """What is left after a layer, for each case of it that is not contradictory."""
        sides = (layer.fan_in.wide, layer.fan_out.wide)
        key = (id(layer.weight), id(layer.bias), sides, node.gradient)
        if key == node.last:  # Repeated layers demand the same.
            yield node._replace(rest=node.rest - 1)
            return
        cases = list(self._cases.of(layer, node.gradient, node.system))
        for number, case in enumerate(cases):
            system = node.system if number == len(cases) - 1 else node.system.copy()
            fine = all(system.equate(c.expression) for c in case.equal) and all(
                system.bound(system.value(bound)) for bound in case.bounds
            )
            if fine:
                yield _Node(node.rest - 1, system, case.gradient, (case, node.chosen), key)

    def _finish(self, node: _Node, cautious: bool) -> Solution:
        cases: list[Case] = []
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


#: What is solved for comes first; what is left free, if something is, last.
_RANKS = {"lr": 0, "std": 1, "var": 1, "scale": 2}
_RANK_OF_ALL = 4
_RANK_OF_RICHNESS = 9


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
