"""The single change of exponents that leads to the richness scale."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.nearest import INIT, RATE, Change, scale, single_change
from richc.optimizers import law
from tests.verdict import reference
from tests.verdict.reference import HALF

ZERO = Fraction(0)
QUARTER = Fraction(1, 4)

OPTIMIZERS = ["sgd", "adam", "adafactor", "muon"]


def sides(depth: int) -> list[tuple[bool, bool]]:
    return [(False, True), *[(True, True)] * (depth - 1), (True, False)]


def sizes(optimizer: str, depth: int, richness: Fraction) -> tuple[list[Size], list[Size]]:
    pairs = reference.scale(optimizer, depth, richness)
    return [-init for init, _ in pairs], [-rate for _, rate in pairs]


@pytest.mark.parametrize("richness", [ZERO, Fraction(1, 3), HALF])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_scale_is_that_of_the_theory(optimizer: str, richness: Fraction) -> None:
    for depth in (1, 2, 5):
        found = scale(law(optimizer).step, sides(depth), richness)

        inits, rates = sizes(optimizer, depth, richness)
        assert list(zip(inits, rates, strict=True)) == [tuple(weight) for weight in found]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_single_change_is_undone(optimizer: str, *, known: bool) -> None:
    """With two hidden layers or more, the rest says which point it was."""
    pick = random.Random(f"{optimizer} {known}")
    for _ in range(200):
        depth = pick.randint(1 if known else 2, 6)
        richness = pick.choice([ZERO, QUARTER, Fraction(1, 3)])
        inits, rates = sizes(optimizer, depth, richness)
        at = pick.randrange(depth + 1)
        knob = pick.choice([INIT, RATE])
        factor = Fraction(pick.choice([-6, -4, -3, -1, 1, 2, 5]), 6)
        if knob == INIT:
            inits[at] += factor
        if knob == RATE or optimizer == "adafactor":
            rates[at] += factor

        found = single_change(
            inits, rates, law(optimizer), sides(depth), richness if known else None
        )

        assert Change(at, knob, -factor, richness, (at,)) == found


def test_nothing_to_change() -> None:
    assert None is single_change(*sizes("sgd", 2, QUARTER), law("sgd"), sides(2))


def test_two_equal_changes_are_none() -> None:
    """Half way between two points: under Adam init and rate are as far from either."""
    inits, rates = sizes("adam", 1, ZERO)
    rates[0] += QUARTER

    assert None is single_change(inits, rates, law("adam"), sides(1))


def test_the_smaller_of_two_changes() -> None:
    """Under SGD the richness moves the read-in's rate twice as fast as the read-out's init."""
    inits, rates = sizes("sgd", 1, ZERO)
    rates[0] += HALF

    found = single_change(inits, rates, law("sgd"), sides(1))

    assert Change(1, INIT, -QUARTER, QUARTER, (1,)) == found


def test_a_small_readout_is_no_fault() -> None:
    inits, rates = sizes("sgd", 2, HALF)
    inits[-1], rates[1] = ZERO_SIZE, rates[1] + 1

    found = single_change(inits, rates, law("sgd"), sides(2))

    assert Change(1, RATE, Fraction(-1), HALF, (1,)) == found


def test_what_does_not_move_has_no_power_to_change() -> None:
    inits, rates = sizes("sgd", 2, HALF)
    rates[0] = ZERO_SIZE

    assert None is single_change(inits, rates, law("sgd"), sides(2))


def test_groups_change_as_one() -> None:
    inits, rates = sizes("sgd", 4, HALF)
    for at in (1, 2, 3):
        rates[at] += 1
    groups = ["first", "body", "body", "body", "out"]

    found = single_change(inits, rates, law("sgd"), sides(4), HALF, groups)

    assert Change(1, RATE, Fraction(-1), HALF, (1, 2, 3)) == found
    rates[2] += 1
    assert None is single_change(inits, rates, law("sgd"), sides(4), HALF, groups)
