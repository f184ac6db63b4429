"""Holes: what is taken out of a specification is found again, and what cannot be found is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple
from unittest import mock

from hypothesis import given, note, settings
from hypothesis import strategies as st

from richc.diagnostics import Diagnostic
from richc.inference import holes as solving
from richc.inference.demands import Demands
from richc.inference.givens import hole_name
from richc.inference.linear import unknown
from richc.pipeline import FileResult, analyse
from richc.spec.holes import Holes
from richc.spec.model import Model
from tests import strategies
from tests.strategies import Written

#: A power of the width in a text of tests/strategies.py, with its exponent.
POWER = re.compile(r"(?:\bn|\(n / n0\))\^\(([^)]*)\)")


class Punched(NamedTuple):
    """A text with some exponents taken out."""

    text: str
    #: The exponents at the declared richness, in order of the holes.
    taken: list[Fraction]


def exponent(text: str, richness: Fraction) -> Fraction:
    """The value of ``2*r + -1/2`` or ``-1/2``."""
    slope, _, rest = text.rpartition("*r + ")
    return Fraction(rest) + (Fraction(slope) * richness if slope else 0)


def punch(spec: Written, which: Sequence[bool]) -> Punched:
    """Put a hole at every power for which ``which`` says so."""
    taken: list[Fraction] = []
    flags = iter(which)

    def replace(match: re.Match[str]) -> str:
        if not next(flags, False):
            return match[0]
        taken.append(exponent(match[1], spec.richness))
        return match[0].replace(f"({match[1]})", "?")

    return Punched(POWER.sub(replace, spec.text), taken)


def is_consistent(result: FileResult) -> bool:
    """On the richness scale, and what a hole for epsilon or decay would be asked to do is done."""
    return all(model.verdict.richness is not None for model in result.models) and not any(
        d.code in ("R601", "R602") for d in result.diagnostics
    )


def questions(text: str) -> tuple[FileResult, Demands]:
    """The analysis of a text, and the demands that it had to satisfy."""
    asked: list[Demands] = []

    def solve(model: Model, holes: Holes, report: Callable[[Diagnostic], None]) -> Model | None:
        asked.append(Demands(model, holes, model.interval))
        return original(model, holes, report)

    original = solving.solve
    with mock.patch.object(solving, "solve", solve):
        result = analyse(text)
    (demands,) = asked
    return result, demands


def contains(demands: Demands, exponents: Sequence[Fraction]) -> bool:
    """Whether the general solution holds these exponents."""
    solution = demands.solve()
    assert solution is not None
    system = solution.system
    for place, value in zip(sorted(demands.uses), exponents, strict=True):
        if not system.equate(unknown(hole_name(place)).shifted(-value)):
            return False
    return system.is_feasible()


FLAGS = st.lists(st.booleans(), min_size=40, max_size=40)


@settings(max_examples=100)
@given(spec=strategies.written(), which=FLAGS)
def test_what_is_taken_out_is_found_again(spec: Written, which: list[bool]) -> None:
    whole = analyse(spec.text)
    if not is_consistent(whole):
        return
    punched = punch(spec, which)
    if not punched.taken:
        return
    note(punched.text)

    result, demands = questions(punched.text)

    if result.models:
        (model,) = result.models
        assert model.verdict.richness is not None
        answers = list(zip(model.spec.inferred, punched.taken, strict=True))
        values = [hole.exponent.at(model.context.richness) for hole, _ in answers]
        smaller = [
            hole.is_bound and taken < value
            for (hole, taken), value in zip(answers, values, strict=True)
        ]
        # A smaller size is said to do as well; what else is asked for then follows.
        assert any(smaller) or values == punched.taken
    else:
        (error,) = (d for d in result.diagnostics if d.is_error)
        assert error.code == "R504"
        says_smaller = any(n.endswith(", or smaller") for n in error.notes)
        assert says_smaller or contains(demands, punched.taken)


@settings(max_examples=100)
@given(spec=strategies.written(), which=FLAGS)
def test_what_contradicts_itself_is_named_and_no_more(spec: Written, which: list[bool]) -> None:
    punched = punch(spec, which)
    if not punched.taken:
        return
    note(punched.text)
    result, demands = questions(punched.text)
    conflicts = [d for d in result.diagnostics if d.code == "R505"]
    if not conflicts:
        assert all(model.verdict.richness is not None for model in result.models)
        return
    (conflict,) = conflicts
    places = {conflict.span, *(label.span for label in conflict.labels)} - set(demands.uses)

    assert demands.solve(places) is None
    for place in places:
        assert demands.solve(places - {place}) is not None
