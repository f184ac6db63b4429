"""What D0 to D4 demand of the exponents of a network with blocks, norms or a depth.

The calculus runs on exponents that are not known (see richc.inference.unknown): a path through it
that breaks nothing is a family of exponents that pass.  What every such family has in common is
demanded at once, so that few paths are left: in the last step all members of a family of weights
together move the output by order one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction

from richc.algebra.exponent import HALF, ONE, ZERO
from richc.algebra.monomial import WIDTH, Affine, symbol
from richc.calculus.judging import judge
from richc.calculus.traced import TooManyPieces, Trace, pieces
from richc.diagnostics import Span
from richc.inference.cases import Constraint
from richc.inference.demands import Demands, Solution, TooManyCases
from richc.inference.givens import hole_name
from richc.inference.linear import RICHNESS, LinearForm, System, unknown
from richc.inference.opened import opened
from richc.inference.stack_path import PathNotes, StackPath, WishKey, constants
from richc.inference.unknown import (
    GAP,
    Path,
    TooManyPaths,
    paths,
)
from richc.spec.holes import Holes, fill
from richc.spec.model import Claim, Model
from richc.spec.network import Exponents

#: Ways through the calculus, and pieces of an interval of r, that are looked at in one question.
_MOST_PATHS, _MOST_PIECES = 600, 60


#: What was demanded on a path, and what became of it.
_Found = tuple[System, tuple[Constraint, ...]]


class StackDemands(Demands):
    """The demands on a model that is no chain, or that has a depth."""

    def __init__(
        self, model: Model, holes: Holes, universal: tuple[Fraction, Fraction] | None = None
    ) -> None:
        super().__init__(model, holes, universal)
        self._answers: dict[tuple[object, ...], Solution | None] = {}

    def solve(
        self,
        kept: Collection[Span] | None = None,
        *,
        loose: Collection[Span] = (),
        cautious: bool = False,
    ) -> Solution | None:
        if self.universal is not None and self._is_pinned(kept):
            return self._everywhere(*self.universal, kept, loose)
        richness = self._richness(kept)
        question = richness, None if kept is None else frozenset(kept), frozenset(loose)
        if question not in self._answers:
            self._answers[question] = self._at(richness, kept, loose)
        answer = self._answers[question]
        return answer and answer._replace(system=answer.system.copy())

    def is_consistent(self, kept: Collection[Span], loose: Collection[Span] = ()) -> bool:
        if self.universal is not None and self._is_pinned(kept):
            return super().is_consistent(kept, loose)
        # Wishes, and D4, are left out: whoever has an answer with them has one without.
        return self._question(self._richness(kept), kept, loose).has_answer()

    def undecided(
        self, kept: Collection[Span] | None, loose: Collection[Span] = ()
    ) -> tuple[str, ...]:
        question = self._question(self._richness(kept), kept, loose)
        return () if question.has_answer() else question.undecided

    def _is_pinned(self, kept: Collection[Span] | None) -> bool:
        return self.pin is None or kept is None or self.pin.place in kept

    def _richness(self, kept: Collection[Span] | None) -> Fraction | None:
        return self.pin.richness if self.pin is not None and self._is_pinned(kept) else None

    def _question(
        self, richness: Fraction | None, kept: Collection[Span] | None, loose: Collection[Span]
    ) -> StackQuestion:
        required = [r.alpha for r in self.model.requirements if r.kind == Claim.DEPTH]
        wanted = required[0] if required else self.model.depth_exponent
        return StackQuestion(self, richness, kept, loose, ONE if wanted is None else wanted)

    def _at(
        self, richness: Fraction | None, kept: Collection[Span] | None, loose: Collection[Span]
    ) -> Solution | None:
        """Exponents at one richness, or at any."""
        question = self._question(richness, kept, loose)
        if question.alpha == ONE and (found := question.answer(is_strict=True)) is not None:
            return found
        return None if question.is_strict else question.answer(is_strict=False)

    def _everywhere(
        self,
        low: Fraction,
        high: Fraction,
        kept: Collection[Span] | None,
        loose: Collection[Span],
    ) -> Solution | None:
        """Exponents, affine in r, that pass for every r of an interval."""
        ends = [self._at(end, kept, loose) for end in dict.fromkeys((low, high))]
        found = [end for end in ends if end is not None]
        if len(found) < len(ends):
            return None
        system = System(self.rank, self.universal)
        exponents: dict[Span, Affine] = {}
        for place in self.uses:
            name = hole_name(place)
            values = [each.system.value(unknown(name)) for each in found]
            if not all(value.is_constant for value in values):
                continue
            slope = (values[-1].const - values[0].const) / (high - low) if low < high else ZERO
            exponents[place] = Affine(values[0].const - slope * low, slope)
            line = unknown(name).plus(unknown(RICHNESS), -slope)
            system.equate(line.shifted(-exponents[place].const))
        is_known = kept is None and len(exponents) == len(self.uses)
        if is_known and not self._passes(exponents, low, high):
            return None
        return Solution(system, found[-1].constraints, found[-1].taken)

    def _passes(self, exponents: dict[Span, Affine], low: Fraction, high: Fraction) -> bool:
        """Whether these exponents are right at every r of an interval."""
        model = fill(self.model, self.placed_holes, exponents)

        def is_right(richness: Fraction, trace: Trace | None = None) -> bool:
            verdict = judge(Exponents(model, richness, trace).network(model.optimizer.name))
            at = richness if trace is None else trace.power(symbol(WIDTH, _IDENTITY), WIDTH)
            return verdict.richness is not None and verdict.richness == at

        try:
            parts = pieces(low, high, lambda trace: is_right(trace.at, trace), limit=_MOST_PIECES)
        except TooManyPieces:
            raise TooManyCases from None
        return all(is_right(part.middle) for part in parts)


_IDENTITY = Affine(ZERO, ONE)


class StackQuestion:
    """One question to the demands, at one richness (None: at any)."""

    def __init__(
        self,
        demands: Demands,
        richness: Fraction | None,
        kept: Collection[Span] | None,
        loose: Collection[Span],
        alpha: Fraction,
    ) -> None:
        self.alpha = alpha
        self._required = any(r.kind == Claim.DEPTH for r in demands.model.requirements)
        #: Branches that move less than they could are a choice, unless all of it is required.
        self.is_strict = self._required and alpha == ONE
        self._rank = demands.rank
        self._model, self._letters = opened(demands.model, demands.holes, kept, loose)
        self._names = [hole_name(place) for place in demands.uses]
        self._is_whole = kept is None
        self._base = System(demands.rank)
        r = unknown(RICHNESS)
        for bound in (r.times(-ONE), r.shifted(-HALF), unknown(GAP).times(-ONE)):
            self._base.bound(bound)
        if richness is not None:
            # Off the scale there is nothing.
            self._base.equate(r.shifted(-richness))
        self._notes = PathNotes(set(), {}, {})

    def has_answer(self) -> bool:
        """Whether ``answer`` finds one in the end."""
        return next(self._paths((), self.is_strict), None) is not None

    @property
    def undecided(self) -> tuple[str, ...]:
        """Why networks that were looked at so far are not decided."""
        return tuple(self._notes.undecided)

    def answer(self, *, is_strict: bool) -> Solution | None:
        """``is_strict``: D4 is one of the desiderata."""
        taken: Collection[WishKey] | None = None
        first = next(self._paths(taken, is_strict), None)
        if first is None:
            taken = ()
            first = next(self._paths(taken, is_strict), None)
        if first is None:
            return None
        if not self._is_whole:
            return self._solution([first], ())
        if taken is not None:
            taken = self._take((), [*self._notes.wishes], is_strict)
        found = []
        known: set[tuple[Fraction, ...]] = set()
        for system, constraints in self._paths(taken, is_strict, known):
            found.append((system, constraints))
            values = constants(system, self._names)
            if values is not None:
                known.add(values)
        return self._solution(found, self._notes.wishes if taken is None else taken)

    def _take(
        self, taken: tuple[WishKey, ...], wishes: Sequence[WishKey], is_strict: bool
    ) -> tuple[WishKey, ...]:
        """As many of the wishes as can be had together with those before, the first first."""
        if not wishes:
            return taken
        if next(self._paths((*taken, *wishes), is_strict), None) is not None:
            return (*taken, *wishes)
        if len(wishes) == 1:
            return taken
        half = len(wishes) // 2
        taken = self._take(taken, wishes[:half], is_strict)
        return self._take(taken, wishes[half:], is_strict)

    def _paths(
        self,
        taken: Collection[WishKey] | None,
        is_strict: bool,
        known: Collection[tuple[Fraction, ...]] = (),
    ) -> Iterator[_Found]:
        """Paths on which nothing is broken, with the wishes ``taken`` (None: all) demanded."""

        def run(path: Path) -> tuple[Constraint, ...]:
            found = StackPath(self._model, self._letters, path, taken, self.alpha, self._notes)
            return found.demanded(is_strict, self._required, self._names, known)

        try:
            yield from paths(self._base, run, limit=_MOST_PATHS)
        except TooManyPaths:
            raise TooManyCases from None

    def _solution(
        self,
        found: Sequence[_Found],
        taken: Collection[WishKey],
    ) -> Solution:
        system = _union([each for each, _ in found], self._names)
        for name in self._names:
            # Two bounds may meet.
            value = system.value(unknown(name))
            for free in list(value.terms):
                reach = system.within(free)
                if reach is not None and reach.low is not None and reach.low == reach.high:
                    system.equate(unknown(free).shifted(-reach.low))
        wishes = self._notes.wishes
        return Solution(system, found[0][1], tuple(p for key in taken for p in wishes[key]))


def _union(found: Sequence[System], names: Sequence[str]) -> System:
    """The family that holds the first of some, as far as these unknowns are concerned."""

    def values(system: System) -> list[LinearForm]:
        return [system.value(unknown(name)) for name in names]

    def holds(family: System, other: System) -> bool:
        gaps = (unknown(n).plus(v, -ONE) for n, v in zip(names, values(family), strict=True))
        return all(other.value(gap) == LinearForm(ZERO, {}) for gap in gaps)

    def freedom(system: System) -> int:
        return len({name for value in values(system) for name in value.terms})

    family = max((s for s in found if holds(s, found[0])), key=freedom)
    parts = [system for system in found if holds(family, system)]
    rows = [
        LinearForm(row.const, {name: by for name, by in row.terms.items() if name != GAP})
        for part in parts
        for row in part.bounds
    ]
    result = family.without_bounds()
    for row in {(*sorted(r.terms.items()), r.const): r for r in rows}.values():
        if row.terms and all(_is_within(part, row) for part in parts):
            result.bound(result.value(row))
    return result


def _is_within(system: System, row: LinearForm) -> bool:
    """Whether a sum is at most zero wherever a system holds."""
    beyond = system.copy()
    beyond.bound(row.times(-ONE).plus(unknown(GAP)))
    found = beyond.within(GAP)
    return found is None or (found.high is not None and found.high <= ZERO)
