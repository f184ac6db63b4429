"""What a parameterization infers: the theory's table, and plain layers at the base width."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.reading import at_base_width, load, powers
from tests.verdict.reference import HALF, KAPPA, scale
from tests.verdict.writing import ask

ZERO = Fraction(0)
QUARTER = Fraction(1, 4)

FAMILIES = [
    *((name, None) for name in ("sgd", "adam", "adamw", "lion", "signsgd", "adafactor")),
    *(("muon", shape) for shape in KAPPA),
]
CASES = [
    (optimizer, shape, gauge)
    for optimizer, shape in FAMILIES
    for gauge in ("stp", "mup", "rescaling")
    if (optimizer, gauge) != ("adafactor", "mup")
]
RICHNESS = [ZERO, QUARTER, HALF]

Powers = dict[int | str, Fraction]


def text(
    optimizer: str,
    shape: str | None,
    gauge: str,
    richness: Fraction,
    base: bool,
    activation: str = "relu",
) -> str:
    return f"""
model inferred {{
  width n = 1024{", base n0 = 64" if base else ""}
  parameterization rich(r = {richness}), gauge = {gauge}
  input 64
  h1: dense -> n
  {activation}
  h2: dense -> n
  {activation}
  h3: dense -> 2*n
  {activation}
  out: dense -> 10
  optimizer {optimizer} {{ lr = 1{f", shape_factor = {shape}" if shape else ""} }}
}}
"""


@pytest.mark.parametrize(("optimizer", "shape", "gauge"), CASES)
def test_invariants_are_the_table(optimizer: str, shape: str | None, gauge: str) -> None:
    for richness, base in product(RICHNESS, [False, True]):
        answer = ask(text(optimizer, shape, gauge, richness, base))

        assert [(str(A), str(C)) for A, C in scale(optimizer, 3, richness)] == [
            (layer.A, layer.C) for layer in answer.model.layers
        ]
        assert ([], str(richness)) == (answer.codes, answer.model.richness)
        assert gauge in answer.model.gauges


@pytest.mark.parametrize(("optimizer", "shape", "gauge"), CASES)
def test_exponents_stay_affine_in_r(optimizer: str, shape: str | None, gauge: str) -> None:
    """Compiled programs keep richness an argument: one formula serves every r."""
    for base in (False, True):
        specs = [load(text(optimizer, shape, gauge, richness, base)) for richness in RICHNESS]

        first = specs[0].layers
        assert [first, first] == [spec.layers for spec in specs[1:]]


@given(
    case=st.sampled_from(CASES),
    activation=st.sampled_from(["relu", "tanh", "linear", "leaky_relu(0.5)", "gelu", "sigmoid"]),
    richness=st.sampled_from(RICHNESS),
)
def test_plain_at_the_base_width(
    case: tuple[str, str | None, str], activation: str, richness: Fraction
) -> None:
    """At n = n0: std = gain / sqrt(fan_in), no multiplier, the optimizer's own rate."""
    optimizer, shape, gauge = case
    spec = load(text(optimizer, shape, gauge, richness, base=True, activation=activation))
    # The gains, as powers of primes: sqrt(2), 5/3, sqrt(8/5), sqrt(2.35), sqrt(3.41).
    known: dict[str, Powers] = {
        "relu": {2: HALF},
        "tanh": {5: Fraction(1), 3: Fraction(-1)},
        "leaky_relu(0.5)": {2: Fraction(3, 2), 5: -HALF},
        "gelu": {47: HALF, 2: -Fraction(1), 5: -HALF},
        "sigmoid": {11: HALF, 31: HALF, 2: -Fraction(1), 5: -Fraction(1)},
    }
    gain = known.get(activation, {})
    fan_in: list[Powers] = [
        {2: Fraction(6)},
        {"n0": Fraction(1)},
        {"n0": Fraction(1)},
        {2: Fraction(1), "n0": Fraction(1)},
    ]
    gains: list[Powers] = [{}, gain, gain, {}]
    for layer, fan, gained in zip(spec.layers, fan_in, gains, strict=True):
        std = {base: gained.get(base, ZERO) - fan.get(base, ZERO) / 2 for base in {**gained, **fan}}
        assert ({}, {b: e for b, e in std.items() if e}, {}) == (
            at_base_width(layer.weight.scale, richness),
            at_base_width(layer.weight.std, richness),
            at_base_width(layer.weight.lr, richness),
        )


def test_the_gain_is_that_of_the_activation_before_each_layer() -> None:
    """Also in a repeated statement, whose first layer follows another statement's activation."""
    spec = load("""
model mixed {
  width n = 64
  parameterization mup
  input 16
  embed: dense -> n
  tanh
  body[3]: dense -> n
  relu
  head: dense -> 10
  optimizer sgd
}
""")

    assert ["5 / (3 * sqrt(n))", "sqrt(2 / n)", "sqrt(2 / n)"] == [
        layer.weight.std.formula for layer in spec.layers[1:4]
    ]


def test_a_rate_of_one_is_one() -> None:
    """And not n^0, which would be another parameter group."""
    spec = load("""
model biased {
  width n = 64
  parameterization ntp
  input 16
  h: dense -> n
  tanh
  out: dense -> 10 { bias { std = 1 } }
  optimizer adafactor
}
""")

    bias = spec.layers[-1].bias
    assert bias is not None
    assert ("1", []) == (bias.lr.formula, bias.lr.powers)


@pytest.mark.parametrize("richness", RICHNESS, ids=str)
@pytest.mark.parametrize("gauge", ["stp", "mup", "rescaling"])
def test_prefactors_of_sgd_without_a_base(gauge: str, richness: Fraction) -> None:
    """docs/theory.md, "The richness scale": with all prefactors written out, whatever the gauge.

    s^2 M^2 = (1/d, 1/n, 1/(alpha^2 n)), eta M^2 = (alpha^2/d, alpha^2/n, 1/n); the hidden gain
    of relu is 2.
    """
    spec = load(text("sgd", None, gauge, richness, base=False))
    alpha: Powers = {"gamma": Fraction(1), "n": richness}
    d: Powers = {2: Fraction(6)}
    n: Powers = {"n": Fraction(1)}
    wide: Powers = {2: Fraction(1), "n": Fraction(1)}
    variance = [_over({}, d), _over({2: Fraction(1)}, n), _over({2: Fraction(1)}, n)]
    variance.append(_over({}, alpha, alpha, wide))
    rate = [_over(_times(alpha, alpha), fan) for fan in (d, n, n)] + [_over({}, wide)]
    for layer, s2, eta in zip(spec.layers, variance, rate, strict=True):
        scale_, std, lr = (
            powers(value, richness)
            for value in (layer.weight.scale, layer.weight.std, layer.weight.lr)
        )
        assert s2 == _times(scale_, scale_, std, std)
        assert eta == _times(lr, scale_, scale_)


def _times(*factors: Powers) -> Powers:
    total: Powers = {}
    for factor in factors:
        for base, exponent in factor.items():
            total[base] = total.get(base, ZERO) + exponent
    return {base: exponent for base, exponent in total.items() if exponent}


def _over(value: Powers, *divisors: Powers) -> Powers:
    inverse = [{base: -exponent for base, exponent in d.items()} for d in divisors]
    return _times(value, *inverse)


@pytest.mark.parametrize("base", [False, True], ids=["no base", "base"])
def test_standard_is_pytorchs_habit(base: bool) -> None:
    spec = load(
        text("sgd", None, "stp", ZERO, base).replace("rich(r = 0), gauge = stp", "standard")
    )

    assert [
        ("1", "1 / 8", "1"),
        ("1", "sqrt(2 / n)", "1"),
        ("1", "sqrt(2 / n)", "1"),
        ("1", "1 / sqrt(2 * n)", "1"),
    ] == [
        (layer.weight.scale.formula, layer.weight.std.formula, layer.weight.lr.formula)
        for layer in spec.layers
    ]


def test_what_is_written_wins() -> None:
    spec = load("""
model mixed {
  width n = 256
  parameterization mup
  input 16
  h1: dense -> n { std = 3 }
  tanh
  h2: dense -> n { scale = 2, lr = 5 / n }
  tanh
  out: dense -> 10 { var = 0 }
  optimizer adam
}
""")

    assert [
        ("1", "3", "alpha / sqrt(n)"),
        ("2", "5 / (3 * sqrt(n))", "5 / n"),
        ("1", "0", "1 / n"),
    ] == [
        (layer.weight.scale.formula, layer.weight.std.formula, layer.weight.lr.formula)
        for layer in spec.layers
    ]


def test_gamma_stands_in_every_formula() -> None:
    spec = load("""
model richer {
  width n = 256
  richness r = 1/4, gamma = 3
  parameterization rich
  input 16
  h1: dense -> n
  tanh
  out: dense -> 10
  optimizer sgd
}
""")

    assert ("1/4", "3") == (spec.richness, spec.gamma)
    assert [
        ("1", "0.25", "alpha^2 / 16"),
        ("1", "1 / (alpha * sqrt(n))", "1 / n"),
    ] == [
        (layer.weight.scale.formula, layer.weight.std.formula, layer.weight.lr.formula)
        for layer in spec.layers
    ]
