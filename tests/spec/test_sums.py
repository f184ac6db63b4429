"""Sums of terms with one and the same power of n are exact; what else is added is refused."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from richc.algebra.monomial import ONE, Monomial, number, symbol
from richc.pipeline import FileResult, analyse
from richc.spec.printer import print_models
from tests.spec.content import content, models

N = symbol("n")
TEXT = """
model net {{
  width n = 512, base n0 = 64
  richness r = 1/4, gamma = 2
  input 784
  h1: dense -> n {{ std = 1 / 28, lr = {lr}, bias {{ std = 0, lr = {bias} }} }}
  relu
  h2[2]: dense -> {size} {{ var = {var}, lr = alpha^2 / n }}
  relu
  out: dense -> 10 {{ std = {std}, lr = 1 / n }}
  optimizer sgd {{ lr = {rate} }}
}}
"""
PLAIN = {"lr": "1", "bias": "1", "size": "n", "var": "1 / n", "std": "1 / n", "rate": "0.1"}


def read(**values: str) -> FileResult:
    return analyse(TEXT.format(**{**PLAIN, **values}))


def rate(expression: str) -> Monomial:
    (model,) = read(lr=expression).models
    return model.spec.layers[0].weight.lr


@pytest.mark.parametrize(
    ("expression", "product"),
    [
        ("n + n", "2 * n"),
        ("4 * n - n", "3 * n"),
        ("n - 2*n + 3*n", "2 * n"),
        ("2 / (fan_out + n)", "1 / n"),
        ("fan_in + 784 + fan_in", "2352"),
        ("1 / n0 + 2 / n0 - 1 / (2 * n0)", "2.5 / n0"),
        ("sqrt(2 * n) + sqrt(8 * n)", "sqrt(18 * n)"),
        ("(alpha + alpha)^2 / 4", "alpha^2"),
        ("alpha / 2 + gamma * (n / n0)^r", "3/2 * alpha"),
        ("n^(r + 1) + n * n^r / 3", "4/3 * n^(r + 1)"),
        ("0 + n - 0", "n"),
        ("n - n", "0"),
    ],
)
def test_one_power(expression: str, product: str) -> None:
    assert rate(product) == rate(expression)


def test_a_square_layer_and_others() -> None:
    var = "2 / (fan_in + fan_out)"
    (model,) = read(var=var, bias="(layer_fan_in + 784) / 784").models
    first, *square, _ = model.spec.layers

    assert first.bias is not None
    assert number(2) == first.bias.lr
    assert [ONE.over(N).root()] * 2 == [layer.weight.std for layer in square]


def test_differences_of_size() -> None:
    """One statement, twice as wide as what comes before it: its first layer is not square."""
    (model,) = read(size="2*n", var="3 / (fan_in + fan_out)").models

    found = [layer.weight.std for layer in model.spec.layers[1:3]]

    assert [ONE.over(N).root(), number(Fraction(3, 4)).over(N).root()] == found


_COEFFICIENTS = st.fractions(0, 9, max_denominator=9)
_POWERS = st.fractions(-3, 3, max_denominator=4)


@given(terms=st.lists(_COEFFICIENTS, min_size=1, max_size=5), power=_POWERS)
def test_coefficients_add_up(terms: list[Fraction], power: Fraction) -> None:
    text = " + ".join(f"{term} * n^({power})" for term in terms)

    assert rate(f"{sum(terms)} * n^({power})") == rate(text)


@given(
    terms=st.lists(st.tuples(_COEFFICIENTS.filter(bool), _POWERS), min_size=2, max_size=4),
    data=st.data(),
)
def test_different_powers_are_refused(
    terms: list[tuple[Fraction, Fraction]], data: st.DataObject
) -> None:
    powers = {power for _, power in terms}
    text = " + ".join(f"{term} * n^({power})" for term, power in terms)
    found = read(lr=text)
    if len(powers) == 1:
        assert found.models
        return
    (error,) = (d for d in found.diagnostics if d.code == "R020")
    most = max(powers)
    kept = sum(term for term, power in terms if power == most)

    assert error.is_error
    assert not found.models
    # What the message says the attribute is at large width.
    assert rate(f"{kept} * n^({most})") == rate(error.label.partition("lr ~ ")[2])


def notes(**values: str) -> list[str]:
    return [note for d in read(**values).diagnostics for note in d.notes]


def test_where_it_leads() -> None:
    wrong = notes(var="2 / (1 + n^2)")

    assert wrong[0].startswith("so the representation after `h2` vanishes with the width at init")
    assert "with its smallest term alone it is `var = 2`" == wrong[1]


def test_what_is_right_at_large_width_is_said_to_be() -> None:
    right = {"lr": "alpha^2", "var": "2 / (fan_in + 1)", "std": "1 / (alpha * sqrt(n))"}
    spec = {**right, "bias": "alpha^2"}

    assert ["with that, D0 to D3 hold"] == notes(**spec)


def test_other_errors_leave_it_without_a_verdict() -> None:
    found = read(var="2 / (1 + n^2)", std="nonsense")

    assert ["R020", "R010"] == [d.code for d in found.diagnostics]
    assert ["with its smallest term alone it is `var = 2`"] == [
        note for d in found.diagnostics for note in d.notes
    ]


def test_printed_and_read_again() -> None:
    text = TEXT.format(**{**PLAIN, "var": "2 / (fan_in + fan_out)", "lr": "n + n"})

    assert content(models(text)[0]) == content(models(print_models(models(text)))[0])


@pytest.mark.parametrize(
    ("attribute", "said", "note"),
    [
        ("scale = 1 / (L + 1)", "at large depth `L` dominates: scale ~ 1 / L", None),
        ("scale = 1 / (n + L)", "at large width `n` dominates: scale ~ 1 / n", None),
        ("skip = 1 + L", "at large depth `L` dominates: skip ~ L", "it is not decided"),
    ],
)
def test_powers_of_the_depth(attribute: str, said: str, note: str | None) -> None:
    text = TEXT.format(**PLAIN).replace("\n  input", "\n  depth L = 8\n  input")
    body = text[text.index("  h2[2]") : text.index("  out:")]
    text = text.replace(body, f"  b: repeat L {{\n r: residual {{ {attribute}\n{body}}}\n }}\n")

    (found,) = analyse(text.replace("h2[2]", "h2")).diagnostics

    assert (found.code, found.label) == ("R020", said)
    assert note is None or any(note in each for each in found.notes)
