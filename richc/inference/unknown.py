"""Exponents that are not known: sums of unknowns, for the calculus to compute with.

What a comparison of two such exponents says is a choice, of which every outcome that the rest
allows is followed in turn.  Each way through a computation is a path: the equalities and
inequalities under which it goes as it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple, TypeVar, final

from richc.algebra.exponent import ONE, ZERO, Composite, exact
from richc.algebra.monomial import Monomial
from richc.inference.linear import LinearForm, System, affine, constant, unknown
from richc.spec.holes import is_hole

#: By how much everything that is less than something else is less than it, at least.
GAP = "+"


_Result = TypeVar("_Result")


class DeadEnd(Exception):
    """No exponents are on this path."""


class TooManyPaths(Exception):
    """More paths than can be followed."""


class Path:
    """One way through a computation.

    ``choices`` are the first outcomes, forced ones as well: another path has found them possible.
    """

    def __init__(self, system: System, choices: tuple[int, ...] = ()) -> None:
        self.system = system
        self._choices = choices
        self._made: list[int] = []
        self._known: dict[LinearForm, int] = {}
        #: First outcomes of other paths, the most promising last.
        self.others: list[tuple[int, ...]] = []

    def demand(self, form: LinearForm) -> None:
        """Only where a sum is zero.  Raises DeadEnd."""
        if not self.system.equate(form):
            raise DeadEnd

    def bound(self, form: LinearForm) -> None:
        """Only where a sum is at most zero.  Raises DeadEnd."""
        if not self.system.bound(self.system.value(form)):
            raise DeadEnd

    def check(self) -> None:
        """Whether anything is left.  Raises DeadEnd."""
        if len(self._made) >= len(self._choices) and not is_open(self.system):
            raise DeadEnd

    def sign(self, form: LinearForm) -> int:
        """Whether a sum is below, at or above zero: -1, 0 or 1.  Raises DeadEnd."""
        rest = self.system.value(form)
        if rest.is_constant:
            return (rest.const > ZERO) - (rest.const < ZERO)
        first = rest.terms[min(rest.terms)]
        turn = 1 if first > ZERO else -1
        key = rest.times(1 / first)
        key = LinearForm(key.const, tuple(sorted(key.terms.items())))  # type: ignore[arg-type]
        if key not in self._known:
            self._known[key] = turn * self._decide(rest)
        return turn * self._known[key]

    def _decide(self, rest: LinearForm) -> int:
        at = len(self._made)
        if at < len(self._choices):
            sign = self._choices[at]
        else:
            # What leaves most open comes first; where an unknown has no bound, all of it is open.
            possible = [-1, 1, 0]
            if rest.terms.keys() <= {name for row in self.system.bounds for name in row.terms}:
                possible = [sign for sign in possible if is_open(self._with(rest, sign))]
            elif not is_open(self.system):
                possible = []
            if not possible:
                raise DeadEnd
            sign, *rests = possible
            self.others += [(*self._made, other) for other in reversed(rests)]
        self._made.append(sign)
        self.system = self._with(rest, sign)
        return sign

    def _with(self, rest: LinearForm, sign: int) -> System:
        system = self.system.copy()
        if not sign:
            system.equate(rest)
        else:
            system.bound(rest.times(Fraction(-sign)).plus(unknown(GAP)))
        return system


def is_open(system: System) -> bool:
    """Whether the bounds can be satisfied, those with a gap as strict ones."""
    found = system.within(GAP)
    return found is not None and (found.high is None or found.high > ZERO)


def paths(
    base: System, compute: Callable[[Path], _Result], *, limit: int
) -> Iterator[tuple[System, _Result]]:
    """What comes of a computation on every path that does not end.

    The most promising come first.  Raises TooManyPaths.
    """
    waiting: list[tuple[int, ...]] = [()]
    for _ in range(limit):
        if not waiting:
            return
        path = Path(base.copy(), waiting.pop())
        result = None
        try:
            result = compute(path)
            path.check()
        except DeadEnd:
            result = None
        waiting += path.others
        if result is not None:
            yield path.system, result
    if waiting:
        raise TooManyPaths


@final
class Unknown(Composite):
    """A sum of unknowns."""

    __slots__ = ("form", "path")

    form: LinearForm
    path: Path

    def __new__(cls, form: LinearForm, path: Path) -> Unknown:
        self = super().__new__(cls, 0)
        self.form, self.path = form, path
        return self

    def _made(self, form: LinearForm) -> Fraction:
        return Unknown(form, self.path) if form.terms else exact(form.const)

    def __add__(self, other: object) -> Fraction:  # type: ignore[override]  # fewer types
        if type(other) is Unknown:
            return self._made(self.form.plus(other.form))
        if not isinstance(other, Fraction | int):
            return NotImplemented
        return self._made(self.form.plus(form_of(other)))

    def __neg__(self) -> Fraction:
        return self._made(self.form.times(-ONE))

    def __mul__(self, other: object) -> Fraction:  # type: ignore[override]  # fewer types
        if not isinstance(other, Fraction | int) or isinstance(other, Unknown):
            return NotImplemented
        return self._made(self.form.times(Fraction(other)))

    def _compare(self, other: Fraction | int) -> int:
        return self.path.sign(self.form.plus(form_of(other), -ONE))

    def __hash__(self) -> int:  # type: ignore[override]  # mypy takes Complex to have none
        return 0


def form_of(value: Fraction | int) -> LinearForm:
    """An exponent of one symbol as a sum of unknowns."""
    if type(value) is Unknown:
        return value.form
    return constant(Fraction(value) if isinstance(value, int) else value)


class Letter(NamedTuple):
    """An unknown, and by how much of it each symbol's exponent grows."""

    name: str
    powers: Mapping[str, Fraction]


def power_form(value: Monomial, symbol: str, letters: Mapping[str, Letter]) -> LinearForm:
    """The exponent of n or L in a value, as a sum of the unknowns that ``letters`` name."""
    form = affine(value.exponent(symbol))
    for base, power in value.powers:
        if is_hole(base):
            letter = letters[str(base)]
            factor = power.const * letter.powers.get(symbol, ZERO)
            if factor:
                form = form.plus(unknown(letter.name), factor)
    return form


class UnknownPowers:
    """The exponents of values on one path; ``letters`` are what symbols in them stand for."""

    def __init__(self, path: Path, letters: Mapping[str, Letter]) -> None:
        self._path = path
        self._letters = letters

    def power(self, value: Monomial, symbol: str) -> Fraction:
        """The exponent of n or L in a value."""
        form = power_form(value, symbol, self._letters)
        return Unknown(form, self._path) if form.terms else exact(form.const)
