"""R602: what decays in a step, rate times decay, must not depend on the width."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.verdict import reference
from tests.verdict.reference import HALF, INFINITE, KAPPA, Knobs
from tests.verdict.writing import ask, layer_names, model, power

ZERO = Fraction(0)
STEP = Fraction(1, 6)

#: Decay that is no part of a normalised gradient: all but Adam's own.
PLAIN = [
    ("sgd", None),
    ("adamw", None),
    ("lion", None),
    ("signsgd", None),
    ("adafactor", None),
    *(("muon", shape) for shape in KAPPA),
]


def with_decay(text: str, layer: str, exponent: Fraction) -> str:
    before, line, after = text.partition(f"  {layer}: ")
    head, brace, tail = after.partition(" }")
    return f"{before}{line}{head}, decay = 0.01 * {power(exponent)}{brace}{tail}"


@pytest.mark.parametrize("thetas", [[ZERO, ZERO, ZERO], [HALF, -HALF, Fraction(1, 3)]])
@pytest.mark.parametrize("richness", [ZERO, HALF])
@pytest.mark.parametrize(("optimizer", "shape"), PLAIN)
def test_written_on_a_layer(
    optimizer: str, shape: str | None, richness: Fraction, thetas: list[Fraction]
) -> None:
    layers = reference.knobs(optimizer, shape, reference.scale(optimizer, 2, richness), thetas)
    text = model("decay", optimizer, shape, layers)
    for name, layer in zip(layer_names(3), layers, strict=True):
        right = -Fraction(layer.c)
        answers = [ask(with_decay(text, name, right + step)) for step in (ZERO, STEP, -STEP)]

        # R605, on what decay does to lazy networks, has a test of its own.
        warned = [[c for c in answer.codes if c != "R605"] for answer in answers]
        assert [[], ["R602"], ["R602"]] == warned
        assert ["fades", "grows"] == [
            word
            for answer in answers[1:]
            for word in ("fades", "grows")
            if word in answer.only("R602").message
        ]
        assert {("warning", name)} == {
            (d.severity, d.layer)
            for answer in answers
            for d in answer.diagnostics
            if d.code != "R605"
        }
        assert {"pass"} == {answer.model.verdict for answer in answers}


@given(
    family=st.sampled_from([*PLAIN, ("adam", None)]),
    gauge=st.sampled_from(["stp", "mup", "rescaling"]),
    preset=st.sampled_from(["mup", "ntp", "rich(r = 1/4)"]),
    base=st.sampled_from(["", ", base n0 = 64"]),
)
def test_one_decay_is_spread_over_inferred_layers(
    family: tuple[str, str | None], gauge: str, preset: str, base: str
) -> None:
    optimizer, shape = family
    assume(family != ("adafactor", None) or gauge != "mup")  # which it has not
    options = f", shape_factor = {shape}" if shape else ""
    bias = "bias { std = 1 }" if optimizer == "adafactor" else "bias"
    answer = ask(f"""
model inferred {{
  width n = 256{base}
  parameterization {preset}, gauge = {gauge}
  input 16
  h1: dense -> n {{ {bias} }}
  tanh
  h2: dense -> 4*n
  tanh
  out: dense -> 10 {{ {bias} }}
  optimizer {optimizer} {{ lr = 1, weight_decay = 0.01{options} }}
}}
""")

    # Below μP a decay of order one a step moves h more than the gradient does: R605 says so.
    lazy = preset != "mup" and optimizer != "adam"
    assert (["R605"] if lazy else []) == answer.codes


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_one_decay_for_written_rates_is_taken_as_written(optimizer: str) -> None:
    layers = reference.knobs(optimizer, None, reference.scale(optimizer, 2, HALF), [ZERO] * 3)

    answer = ask(model("written", optimizer, None, layers, options="weight_decay = 0.01"))

    assert {"R602"} == set(answer.codes)
    assert "pass" == answer.model.verdict


def test_no_decay_no_warning() -> None:
    layers = reference.knobs("adamw", None, reference.scale("adamw", 2, HALF), [ZERO] * 3)

    assert [] == ask(model("none", "adamw", None, layers, options="weight_decay = 0")).codes


def test_a_frozen_layer_does_not_decay() -> None:
    layers = reference.knobs("adamw", None, reference.scale("adamw", 2, HALF), [ZERO] * 3)
    layers[0] = Knobs(layers[0].a, layers[0].b, INFINITE)

    answer = ask(with_decay(model("frozen", "adamw", None, layers), "h1", Fraction(-3)))

    assert "R602" not in answer.codes


@pytest.mark.parametrize("gauges", [("stp", "mup"), ("stp", "rescaling")])
def test_adams_own_decay_moves_with_a_gauge(gauges: tuple[str, str]) -> None:
    """It is normalised with the gradient: the decayed weight keeps its size beside it."""
    text = """
model inferred {
  width n = 256, base n0 = 64
  parameterization mup, gauge = %s
  input 16
  h1: dense -> n
  tanh
  out: dense -> 10
  optimizer adam { weight_decay = 0.01 }
}
"""
    plain, moved = (ask(text % gauge) for gauge in gauges)

    assert plain.judgement() == moved.judgement()
    assert ([], []) == (plain.codes, moved.codes)
