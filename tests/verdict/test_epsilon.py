"""R601: Adam's epsilon must not outgrow its gradient.

docs/theory.md, "State beside the weights".
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.verdict import reference
from tests.verdict.reference import HALF, INFINITE, Knobs
from tests.verdict.writing import ask, layer_names, model, power

ZERO = Fraction(0)
STEP = Fraction(1, 6)
THETAS = [
    [ZERO, ZERO, ZERO],
    [HALF, -HALF, Fraction(1, 3)],
]


def gradients(layers: list[Knobs]) -> list[Fraction]:
    """n^-x: x = a + min(A, C of the read-out) below it, a at the read-out."""
    last = layers[-1]
    signal = min(last.a + last.b, last.c + last.a)
    return [Fraction(k.a + signal) for k in layers[:-1]] + [last.a]


def with_eps(text: str, layer: str, exponent: Fraction) -> str:
    before, line, after = text.partition(f"  {layer}: ")
    head, brace, tail = after.partition(" }")
    return f"{before}{line}{head}, eps = 1e-8 * {power(exponent)}{brace}{tail}"


@pytest.mark.parametrize("zero_readout", [False, True])
@pytest.mark.parametrize("thetas", THETAS)
@pytest.mark.parametrize("richness", [ZERO, Fraction(1, 4), HALF])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_written_on_a_layer(
    optimizer: str, richness: Fraction, thetas: list[Fraction], zero_readout: bool
) -> None:
    layers = reference.knobs(optimizer, None, reference.scale(optimizer, 2, richness), thetas)
    if zero_readout:
        layers[-1] = Knobs(layers[-1].a, INFINITE, layers[-1].c)
    text = model("eps", optimizer, None, layers)
    for name, gradient in zip(layer_names(3), gradients(layers), strict=True):
        same = ask(with_eps(text, name, gradient))
        smaller = ask(with_eps(text, name, gradient + STEP))
        larger = ask(with_eps(text, name, gradient - STEP))

        assert [False, False, True] == [
            "R601" in answer.codes for answer in (same, smaller, larger)
        ]
        warning = larger.only("R601")
        assert ("warning", name) == (warning.severity, warning.layer)
        assert same.model.verdict == larger.model.verdict


PRESETS = [
    "standard",
    *(
        f"{point}, gauge = {gauge}"
        for point in ("mup", "ntp", "rich(r = 1/4)")
        for gauge in ("stp", "mup", "rescaling")
    ),
]


@pytest.mark.parametrize("base", ["", ", base n0 = 64"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_left_out_it_follows_the_gradient(optimizer: str, base: str) -> None:
    for preset in PRESETS:
        answer = ask(f"""
model inferred {{
  width n = 256{base}
  parameterization {preset}
  input 16
  h1: dense -> n {{ bias }}
  tanh
  h2: dense -> 4*n
  tanh
  out: dense -> 10 {{ bias }}
  optimizer {optimizer}
}}
""")

        assert "R601" not in answer.codes, preset


def test_left_out_without_a_parameterization() -> None:
    layers = reference.knobs("adam", None, reference.scale("adam", 3, HALF), [ZERO] * 4)

    assert [] == ask(model("plain", "adam", None, layers)).codes


def test_one_constant_for_all_warns_where_gradients_vanish() -> None:
    layers = reference.knobs("adam", None, reference.scale("adam", 2, HALF), [ZERO] * 3)

    answer = ask(model("constant", "adam", None, layers, options="eps = 1e-8"))

    (found,) = answer.diagnostics
    assert ("R601", None) == (found.code, found.layer)
    assert "the gradient of `h1` and `h2`:" in found.message
    assert "pass" == answer.model.verdict


def test_zero_never_outgrows() -> None:
    layers = reference.knobs("adam", None, reference.scale("adam", 2, HALF), [ZERO] * 3)

    assert [] == ask(model("zero", "adam", None, layers, options="eps = 0")).codes


def test_a_frozen_layer_has_no_use_for_it() -> None:
    layers = reference.knobs("adam", None, reference.scale("adam", 2, HALF), [ZERO] * 3)
    layers[0] = Knobs(layers[0].a, layers[0].b, INFINITE)

    answer = ask(with_eps(model("frozen", "adam", None, layers), "h1", Fraction(-3)))

    assert "R601" not in answer.codes


def test_a_bias_has_its_own_gradient() -> None:
    text = """
model biased {
  width n = 256, base n0 = 64
  parameterization mup
  input 16
  h1: dense -> n { bias { eps = 1e-8 * n^(%s) } }
  tanh
  out: dense -> 10
  optimizer adam
}
"""

    assert [] == ask(text % "-1").codes
    assert ["R601"] == ask(text % "-1/2").codes


@pytest.mark.parametrize(
    ("eps", "where"), [("1e-8 / n", "depth"), ("1e-8 / L", "width"), ("1e-8", "width and depth")]
)
def test_epsilon_beside_a_gradient_that_fades_with_the_depth(eps: str, where: str) -> None:
    """Entries of a gradient in a branch ~ L^-1 are n^-1 L^-1."""
    text = f"""
model deep {{
  width n = 256
  depth L = 8
  input 16
  embed: dense -> n {{ std = 1, lr = 1 }}
  blocks: repeat L {{
    mlp: residual {{
      scale = 1 / L
      rmsnorm
      up: dense -> n {{ std = 1 / sqrt(n), lr = 1 / n, eps = {eps} }}
      relu
      down: dense -> n {{ std = 1 / sqrt(n), lr = 1 / n }}
    }}
  }}
  rmsnorm
  out: dense -> 10 {{ std = 1 / n, lr = 1 / n }}
  optimizer adam
}}
"""

    assert f"at large {where} Adam becomes SGD there" in ask(text).only("R601").message
