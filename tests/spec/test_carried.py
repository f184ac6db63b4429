"""Epsilon and weight decay travel with the gauge, so the network trains the same."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from richc.pipeline import analyse
from richc.spec.model import Tensor
from tests.spec.reading import at_base_width, load, powers

GAUGES = ["stp", "mup", "rescaling"]
RICHNESS = [Fraction(0), Fraction(1, 4), Fraction(1, 2)]


def text(optimizer: str, gauge: str, richness: Fraction, *, base: bool = True) -> str:
    return f"""
model carried {{
  width n = 1024{", base n0 = 64" if base else ""}
  parameterization rich(r = {richness}), gauge = {gauge}
  input 64
  h1: dense -> n {{ bias }}
  relu
  h2: dense -> n
  relu
  out: dense -> 10 {{ bias }}
  optimizer {optimizer}
}}
"""


@pytest.mark.parametrize("base", [False, True], ids=["no base", "base"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@given(gauge=st.sampled_from(GAUGES[1:]), richness=st.sampled_from(RICHNESS))
def test_eps_is_proportional_to_the_multiplier(
    optimizer: str, base: bool, gauge: str, richness: Fraction
) -> None:
    """A gradient scales like M: eps / M is the same in every gauge, prefactor and all."""
    plain = load(text(optimizer, "stp", richness, base=base))
    moved = load(text(optimizer, gauge, richness, base=base))
    for before, after in zip(plain.layers, moved.layers, strict=True):
        for a, b in ((before.weight, after.weight), (before.bias, after.bias)):
            if a is None or b is None:
                continue
            assert a.eps is not None
            assert b.eps is not None
            assert powers(a.eps, richness) == _over(
                powers(b.eps, richness), powers(b.scale, richness)
            )


def _over(
    value: dict[int | str, Fraction], divisor: dict[int | str, Fraction]
) -> dict[int | str, Fraction]:
    bases = {**value, **divisor}
    zero = Fraction(0)
    found = {base: value.get(base, zero) - divisor.get(base, zero) for base in bases}
    return {base: exponent for base, exponent in found.items() if exponent}


@pytest.mark.parametrize("gauge", GAUGES)
def test_eps_is_torchs_at_the_base_width(gauge: str) -> None:
    spec = load(text("adam", gauge, Fraction(1, 2)))

    assert [{2: -8, 5: -8}] * 3 == [
        at_base_width(layer.weight.eps, Fraction(1, 2)) for layer in spec.layers if layer.weight.eps
    ]


@pytest.mark.parametrize("optimizer", ["sgd", "lion", "signsgd"])
def test_other_optimizers_have_none(optimizer: str) -> None:
    spec = load(text(optimizer, "stp", Fraction(1, 2)))

    assert [None] * 3 == [layer.weight.eps for layer in spec.layers]


@given(gauge=st.sampled_from(GAUGES), richness=st.sampled_from(RICHNESS))
@pytest.mark.parametrize(
    "optimizer",
    ["sgd", "adamw", "lion", "signsgd", "muon { shape_factor = original, weight_decay = 0.01 }"],
)
def test_rate_times_decay_is_the_same_everywhere(
    optimizer: str, gauge: str, richness: Fraction
) -> None:
    if "{" not in optimizer:
        optimizer += " { weight_decay = 0.01 }"
    spec = load(text(optimizer, gauge, richness))
    for layer in spec.layers:
        for tensor in (layer.weight, layer.bias):
            if tensor is None:
                continue
            decay = powers(tensor.decay, richness)
            rate = powers(tensor.lr, richness)
            assert {2: -2, 5: -2} == _over(decay, {b: -e for b, e in rate.items()})


def test_a_layers_own_words_win() -> None:
    spec = load("""
model own {
  width n = 256
  parameterization mup
  input 16
  h1: dense -> n { eps = 1e-6, decay = 0.5 }
  tanh
  out: dense -> 10 { decay = 0 }
  optimizer adamw { weight_decay = 0.01 }
}
""")

    assert [("1e-6", "0.5"), ("1e-8", "0")] == [
        (layer.weight.eps.formula if layer.weight.eps else None, layer.weight.decay.formula)
        for layer in spec.layers
    ]


def test_the_optimizers_own_word_wins_over_inference() -> None:
    spec = load(text("adam { eps = 1e-6 }", "mup", Fraction(1, 2)))

    assert ["1e-6"] * 3 == [
        layer.weight.eps.formula if layer.weight.eps else None for layer in spec.layers
    ]


@pytest.mark.parametrize("point", ["mup", "ntp"])
def test_coupled_decay_of_a_zero_bias_moves_with_the_gauge(point: str) -> None:
    """Under Adam's L2 the decayed weight is part of the gradient: decay ~ M^2."""

    def bias(gauge: str) -> Tensor:
        text = f"""
model m {{
  width n = 256
  parameterization {point}, gauge = {gauge}
  input 16
  a: dense -> n {{ bias }}
  tanh
  b: dense -> 4
  optimizer adam {{ weight_decay = 0.01 }}
}}
"""
        tensor = analyse(text).models[0].spec.layers[0].bias
        assert tensor is not None
        return tensor

    plain, moved = bias("stp"), bias("mup")
    square = moved.scale.times(moved.scale)

    assert moved.decay == plain.decay.times(square)
