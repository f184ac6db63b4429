"""Formulas read as in a paper, parse back to the same monomial, and evaluate to its value."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from richc.algebra.formula import Symbols, python_formula, rich_formula
from richc.algebra.monomial import ONE, ZERO, Affine, Base, Monomial, number, symbol
from richc.pipeline import analyse

ALPHA = Symbols("n", None, alpha=True)
BASE = Symbols("n", "n0", alpha=True)

N, N0, GAMMA = symbol("n"), symbol("n0"), symbol("gamma")
R = Affine(Fraction(0), Fraction(1))
PLAIN_ALPHA = GAMMA.times(N.power(R))
BASE_ALPHA = GAMMA.times(N.over(N0).power(R))


def power(value: Monomial, exponent: str) -> Monomial:
    return value.power(Affine(Fraction(exponent)))


CASES = [
    (ZERO, ALPHA, "0", "0.0"),
    (ONE, ALPHA, "1", "1.0"),
    (number(Fraction(1, 10)), ALPHA, "0.1", "0.1"),
    (number(Fraction(1, 64)), ALPHA, "1 / 64", "1 / 64"),
    (number(Fraction(2, 3)), ALPHA, "2 / 3", "2 / 3"),
    (number(Fraction(3, 10000)), ALPHA, "3e-4", "3e-4"),
    (number(2).root(), ALPHA, "sqrt(2)", "math.sqrt(2)"),
    (number(Fraction(1, 32)).root(), ALPHA, "1 / sqrt(32)", "1 / math.sqrt(32)"),
    (power(PLAIN_ALPHA, "2").over(N), ALPHA, "alpha^2 / n", "alpha**2 / n"),
    (number(2).over(N).root(), ALPHA, "sqrt(2 / n)", "math.sqrt(2 / n)"),
    (power(N, "-1/2"), ALPHA, "1 / sqrt(n)", "1 / math.sqrt(n)"),
    (power(N, "-3/2"), ALPHA, "n^(-3/2)", "n ** (-3 / 2)"),
    (power(N, "3/2"), ALPHA, "n^(3/2)", "n ** (3 / 2)"),
    (
        ONE.over(power(PLAIN_ALPHA, "2").times(N)).root(),
        ALPHA,
        "1 / (alpha * sqrt(n))",
        "1 / (alpha * math.sqrt(n))",
    ),
    (N.power(Affine(Fraction(-1), Fraction(2))), ALPHA, "n^(2*r - 1)", "n ** (2 * r - 1)"),
    (N.power(R), ALPHA, "n^r", "n**r"),
    (number(Fraction(1, 10)).over(N.over(N0)), BASE, "0.1 / (n / n0)", "0.1 / (n / n0)"),
    (N0.over(N), BASE, "n0 / n", "n0 / n"),
    (N.over(N0), BASE, "n / n0", "n / n0"),
    (N.over(N0).root(), BASE, "sqrt(n / n0)", "math.sqrt(n / n0)"),
    (power(N.over(N0), "-2"), BASE, "1 / (n / n0)^2", "1 / (n / n0) ** 2"),
    (power(BASE_ALPHA, "2").over(number(64)), BASE, "alpha^2 / 64", "alpha**2 / 64"),
    (N0.root().over(N), BASE, "sqrt(n0) / n", "math.sqrt(n0) / n"),
    (
        symbol("lr").times(power(PLAIN_ALPHA, "2")).over(N),
        ALPHA,
        "lr * alpha^2 / n",
        "lr * alpha**2 / n",
    ),
]


@pytest.mark.parametrize(("value", "symbols", "rich", "python"), CASES)
def test_as_in_a_paper(value: Monomial, symbols: Symbols, rich: str, python: str) -> None:
    assert (rich_formula(value, symbols), python_formula(value, symbols)) == (rich, python)


def test_words_of_the_file() -> None:
    words = Symbols("width", "proxy", alpha=True)

    assert (
        rich_formula(power(BASE_ALPHA, "2").times(N0).over(N), words) == "alpha^2 / (width / proxy)"
    )


def _multiplied(factors: list[tuple[Monomial, Fraction]]) -> Monomial:
    value = ONE
    for base, exponent in factors:
        value = value.times(base.power(Affine(exponent)))
    return value


exponents = st.sampled_from(
    [Fraction(p, q) for p in range(-4, 5) for q in (1, 2, 3, 4)] + [Fraction(7, 5)]
)
monomials = st.builds(
    _multiplied,
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    N,
                    N0,
                    GAMMA,
                    PLAIN_ALPHA,
                    BASE_ALPHA,
                    number(2),
                    number(3),
                    number(10),
                    number(1009),
                ]
            ),
            exponents,
        ),
        max_size=6,
    ),
)


@given(monomials)
def test_parses_back(value: Monomial) -> None:
    """Exactly, through the language itself."""
    text = rich_formula(value, Symbols("w", "w0", alpha=True))
    file = (
        "model m {\n width w = 8, base w0 = 4\n richness r = 1/2, gamma = 3\n input 2\n"
        f" a: dense -> w {{ std = {text}, lr = 1 }}\n relu\n"
        " b: dense -> 1 { std = 1, lr = 1 }\n optimizer sgd { lr = 1 }\n loss mse\n}"
    )

    result = analyse(file)

    assert result.models, (text, [d.message for d in result.diagnostics])
    assert result.models[0].spec.layers[0].weight.std == value, text


@given(monomials, st.integers(2, 5000), st.integers(2, 5000), st.floats(0, 0.5))
def test_evaluates(value: Monomial, n: int, n0: int, r: float) -> None:
    gamma = 1.5
    names = {"n": n, "n0": n0, "r": r, "gamma": gamma, "math": math, "alpha": gamma * (n / n0) ** r}
    text = python_formula(value, BASE)

    found = eval(text, names)

    logs: dict[Base, float] = {"n": math.log2(n), "n0": math.log2(n0), "gamma": math.log2(gamma)}
    assert found > 0
    assert math.log2(found) == pytest.approx(value.log2(logs, r), abs=1e-9)
