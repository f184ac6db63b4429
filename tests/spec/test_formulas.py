"""Formulas are printed so that they parse back to the same monomial."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from richc.algebra.formula import Symbols, rich_formula
from richc.algebra.monomial import ONE, Affine, Monomial, number, symbol
from richc.pipeline import analyse

RATIONALS = st.fractions(min_value=-3, max_value=3, max_denominator=6)
COEFFICIENTS = st.one_of(
    st.fractions(min_value=Fraction(1, 10**4), max_value=10**4, max_denominator=10**4),
    st.sampled_from([Fraction(1, 10**8), Fraction(3, 10), Fraction(10**9), Fraction(1, 64)]),
)


@st.composite
def monomials(draw: st.DrawFn, *, base: bool, richness: bool) -> Monomial:
    """Products as files hold them: numbers to odd powers, ratios, activities, leftovers."""
    slopes = RATIONALS if richness else st.just(Fraction(0))
    value = number(draw(COEFFICIENTS)).power(
        Affine(
            draw(st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(-1, 2), Fraction(2, 3)]))
        )
    )
    width = symbol("n")
    ratio = width.over(symbol("n0")) if base else width
    if draw(st.booleans()):
        value = value.times(ratio.power(Affine(draw(RATIONALS), draw(slopes))))
    if draw(st.booleans()):
        value = value.times(width.power(Affine(draw(RATIONALS), draw(slopes))))
    if base and draw(st.booleans()):
        value = value.times(symbol("n0").power(Affine(draw(RATIONALS), draw(slopes))))
    if richness and draw(st.booleans()):
        alpha = symbol("gamma").times(ratio.power(Affine(Fraction(0), Fraction(1))))
        value = value.times(alpha.power(Affine(draw(RATIONALS))))
    if richness and draw(st.booleans()):
        value = value.times(symbol("gamma").power(Affine(draw(RATIONALS))))
    return value.times(ONE)


def parsed(formula: str, *, base: bool, richness: bool, width: str = "n") -> Monomial:
    text = f"""
model formula {{
  width {width} = 2{", base n0 = 2" if base else ""}
  {"richness r = 0" if richness else ""}
  input 16
  h1: dense -> {width} {{ std = {formula}, lr = 1 }}
  tanh
  out: dense -> 10 {{ std = 1, lr = 1 }}
  optimizer sgd
}}
"""
    result = analyse(text)
    assert len(result.models) == 1, [(d.message, d.label) for d in result.diagnostics]
    return result.models[0].spec.layers[0].weight.std


@pytest.mark.parametrize("richness", [False, True], ids=["plain", "richness"])
@pytest.mark.parametrize("base", [False, True], ids=["no base", "base"])
@given(data=st.data())
def test_round_trip(data: st.DataObject, base: bool, richness: bool) -> None:
    value = data.draw(monomials(base=base, richness=richness))
    formula = rich_formula(value, Symbols("n", "n0" if base else None, alpha=richness))

    assert value == parsed(formula, base=base, richness=richness), formula


@pytest.mark.parametrize(
    "formula",
    [
        "3^60 * 7^60 / (2^3 * 5^3)",
        "3^30 * sqrt(7^61)",
        "1234567890123456789012345678901234567 * 1e3 / 64",
        "101^64 * 103^64 * 107^64 * 109^64 / (113^64 * 127^64 * 131^64 * 137^64)",
    ],
)
def test_no_literal_grows_longer_than_the_language_takes(formula: str) -> None:
    value = parsed(formula, base=False, richness=False)

    assert value == parsed(rich_formula(value), base=False, richness=False)


def test_a_sum_that_no_literal_could_write_is_refused() -> None:
    result = analyse("""
model long {
  width n = 2
  input 16
  h1: dense -> n { std = (1e300 + 7) * 1e-290, lr = 1 }
  tanh
  out: dense -> 10 { std = 1, lr = 1 }
  optimizer sgd
}
""")

    assert ["R024"] == [d.code for d in result.diagnostics]
    assert "a number in this expression is too long" == result.diagnostics[0].message


def test_with_other_words() -> None:
    value = symbol("n").power(Affine(Fraction(-3, 2)))

    formula = rich_formula(value, Symbols("breadth"))

    assert "breadth^(-3/2)" == formula
    assert value == parsed(formula, base=False, richness=False, width="breadth")


@pytest.mark.parametrize(
    "formula",
    [
        "0",
        "1",
        "0.1",
        "1e-8",
        "sqrt(2)",
        "sqrt(2 / n)",
        "1 / sqrt(n)",
        "n^(-3/2)",
        "alpha^2 / n",
        "1 / (alpha * sqrt(n))",
        "n / n0",
        "n0 / n",
        "sqrt(n / n0)",
        "alpha / (n / n0)^(3/2)",
        "n^(2*r - 1)",
        "gamma",
    ],
)
def test_as_a_person_writes_it(formula: str) -> None:
    value = parsed(formula, base=True, richness=True)

    assert formula == rich_formula(value, Symbols("n", "n0", alpha=True))
