"""Positively homogeneous networks: scale moves between layers and the function never notices."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from tests.verdict import reference
from tests.verdict.reference import HALF, KAPPA
from tests.verdict.writing import ask, model

ZERO = Fraction(0)

FAMILIES = [
    *((name, None) for name in reference.OPTIMIZERS if name != "muon"),
    *(("muon", shape) for shape in KAPPA),
]


def constant_rate(activation: str) -> str:
    return f"""
model constant {{
  width n = 256
  input 16
  h1: dense -> n {{ std = n^(-1/2), lr = 1 }}
  {activation}
  h2: dense -> n {{ std = n^(-1/2), lr = 1 }}
  {activation}
  out: dense -> 10 {{ std = n^(-1/2), lr = 1 }}
  optimizer sgd
}}
"""


@pytest.mark.parametrize("activation", ["relu", "linear", "leaky_relu(0.1)"])
def test_constant_rate_breaks_d0_and_trains_as_mup(activation: str) -> None:
    answer = ask(constant_rate(activation))

    assert ("fail", "unstable", "violated", None) == (
        answer.model.verdict,
        answer.model.regime,
        answer.model.desiderata.D0,
        answer.model.richness,
    )
    assert [True] == ["trains exactly as μP (r = 1/2)" in note for note in answer.notes]


@pytest.mark.parametrize(
    "activation", ["tanh", "gelu", "silu", "elu", "softplus", "sigmoid", "erf"]
)
def test_other_activations_are_not_evaluated(activation: str) -> None:
    answer = ask(constant_rate(activation))

    assert {
        "D0": "violated",
        "D1": "not_evaluated",
        "D2": "not_evaluated",
        "D3": "not_evaluated",
    } == answer.model.desiderata.model_dump(exclude_none=True)
    assert None is answer.model.nontrivial
    assert [None, None, None] == [layer.dh for layer in answer.model.layers]
    assert [True] == ["not evaluated" in note for note in answer.notes]


def test_one_activation_is_enough_to_end_it() -> None:
    text = constant_rate("relu").replace("relu", "tanh", 1)

    answer = ask(text)

    assert "not_evaluated" == answer.model.desiderata.D1


@pytest.mark.parametrize("richness", [ZERO, Fraction(1, 4), HALF])
@pytest.mark.parametrize(("optimizer", "shape"), FAMILIES)
def test_scale_moved_between_layers(optimizer: str, shape: str | None, richness: Fraction) -> None:
    """Layer l times n^-d_l, rate along, the sum of all d_l zero: another spec, one function."""
    pick = random.Random(f"{optimizer} {shape} {richness}")
    power = 2 if optimizer == "sgd" else 1
    point = {ZERO: "NTP (r = 0)", HALF: "μP (r = 1/2)"}.get(richness, f"r = {richness}")
    for _ in range(4):
        depth = pick.randint(1, 4)
        shifts = [Fraction(pick.randint(1, 6), 3) * pick.choice((1, -1)) for _ in range(depth)]
        shifts.append(-sum(shifts, ZERO))
        pairs = [
            (init + shift, rate + power * shift)
            for (init, rate), shift in zip(
                reference.scale(optimizer, depth, richness), shifts, strict=True
            )
        ]
        layers = reference.knobs(optimizer, shape, pairs, [ZERO] * (depth + 1))

        answer = ask(model("moved", optimizer, shape, layers, "relu"))

        assert "violated" == answer.model.desiderata.D0
        assert [True] == [f"trains exactly as {point}" in note for note in answer.notes]
