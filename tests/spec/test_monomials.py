"""The algebra of exact monomials."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from richc.algebra.monomial import ONE, ZERO, Affine, Monomial, number, symbol

RATIONALS = st.fractions(min_value=-3, max_value=3, max_denominator=6)
#: Prime factors below 1,000; larger ones stay together as they were written.
POSITIVE = st.builds(Fraction, st.integers(1, 996), st.integers(1, 996))
AFFINE = st.builds(Affine, RATIONALS, RATIONALS)


@st.composite
def monomials(draw: st.DrawFn, *, zero: bool = False) -> Monomial:
    if zero and draw(st.integers(0, 9)) == 0:
        return ZERO
    value = number(draw(POSITIVE)).power(Affine(draw(RATIONALS)))
    for name in ("n", "n0", "gamma"):
        if draw(st.booleans()):
            value = value.times(symbol(name).power(draw(AFFINE)))
    return value


ANY = monomials(zero=True)
NONZERO = monomials()


@given(ANY, ANY, ANY)
def test_times_is_associative(a: Monomial, b: Monomial, c: Monomial) -> None:
    assert a.times(b).times(c) == a.times(b.times(c))


@given(ANY, ANY)
def test_times_commutes(a: Monomial, b: Monomial) -> None:
    assert a.times(b) == b.times(a)


@given(ANY)
def test_one_and_zero(a: Monomial) -> None:
    assert (a, a, ZERO, ZERO) == (a.times(ONE), ONE.times(a), a.times(ZERO), ZERO.times(a))


@given(ANY, NONZERO)
def test_over_undoes_times(a: Monomial, b: Monomial) -> None:
    assert a == a.times(b).over(b)


@given(NONZERO)
def test_everything_over_itself_is_one(a: Monomial) -> None:
    assert ONE == a.over(a)


@given(NONZERO, RATIONALS, RATIONALS)
def test_powers_add(a: Monomial, p: Fraction, q: Fraction) -> None:
    assert a.power(Affine(p + q)) == a.power(Affine(p)).times(a.power(Affine(q)))


@given(NONZERO, RATIONALS, RATIONALS)
def test_powers_of_powers_multiply(a: Monomial, p: Fraction, q: Fraction) -> None:
    assert a.power(Affine(p * q)) == a.power(Affine(p)).power(Affine(q))


@given(NONZERO, NONZERO, RATIONALS)
def test_a_power_of_a_product(a: Monomial, b: Monomial, p: Fraction) -> None:
    power = Affine(p)

    assert a.times(b).power(power) == a.power(power).times(b.power(power))


@given(ANY)
def test_the_root_squared(a: Monomial) -> None:
    assert a == a.root().times(a.root())


@given(POSITIVE, POSITIVE)
def test_numbers_multiply_as_numbers(p: Fraction, q: Fraction) -> None:
    assert number(p * q) == number(p).times(number(q))


@given(st.fractions(min_value=0, max_value=10**6))
def test_a_number_is_itself(p: Fraction) -> None:
    assert p == number(p).as_fraction()


@given(NONZERO)
def test_powers_are_sorted_and_not_zero(a: Monomial) -> None:
    numbers = [base for base, _ in a.powers if isinstance(base, int)]
    symbols = [base for base, _ in a.powers if isinstance(base, str)]

    assert [*sorted(numbers), *sorted(symbols)] == [base for base, _ in a.powers]
    assert [False] * len(a.powers) == [exponent.is_zero for _, exponent in a.powers]


@given(NONZERO, RATIONALS)
def test_floating_point_agrees(a: Monomial, r: Fraction) -> None:
    values: dict[int | str, float] = {"n": 10.0, "n0": 6.0, "gamma": 0.5}
    total = sum(
        (values[base] if isinstance(base, str) else math.log2(base)) * float(exponent.at(r))
        for base, exponent in a.powers
    )

    assert a.log2(values, float(r)) == pytest.approx(total)


def test_equal_values_are_equal() -> None:
    """sqrt(8) / 2 is sqrt(2)."""
    assert number(2).root() == number(8).root().over(number(2))


def test_the_power_zero_is_one() -> None:
    assert ONE == symbol("n", Affine(Fraction(0)))


def test_zero_has_no_inverse() -> None:
    with pytest.raises(ZeroDivisionError):
        ONE.over(ZERO)


def test_an_exponent_stays_affine() -> None:
    affine = Affine(Fraction(0), Fraction(1))

    with pytest.raises(ArithmeticError, match="quadratic"):
        symbol("n", affine).power(affine)


def test_a_prefactor_is_not_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        number(Fraction(-1, 2))


@given(NONZERO)
def test_without_the_width_only_the_prefactor_is_left(a: Monomial) -> None:
    assert a == a.without("n").times(symbol("n").power(a.exponent("n")))
