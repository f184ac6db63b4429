"""What training cannot see, no verdict may see."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from tests.verdict import reference
from tests.verdict.reference import HALF, INFINITE, KAPPA, Knobs
from tests.verdict.writing import ask, model

FAMILIES = [
    *((name, None) for name in reference.OPTIMIZERS if name != "muon"),
    *(("muon", shape) for shape in KAPPA),
]

#: a + theta, b - theta, c - k theta.
RATE_MOVES = {"sgd": 2, "adafactor": 0}

THETAS = [Fraction(i, 6) for i in range(-12, 13)]


def moved(optimizer: str, layers: list[Knobs], pick: random.Random) -> list[Knobs]:
    power = RATE_MOVES.get(optimizer, 1)
    result = []
    for layer in layers:
        theta = pick.choice(THETAS)
        result.append(Knobs(layer.a + theta, layer.b - theta, layer.c - power * theta))
    return result


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(("optimizer", "shape"), FAMILIES)
def test_gauge_moves_change_no_verdict(optimizer: str, shape: str | None, activation: str) -> None:
    pick = random.Random(f"gauge {optimizer} {shape} {activation}")
    for _ in range(10):
        depth = pick.randint(1, 4)
        pairs = reference.scale(optimizer, depth, pick.choice([Fraction(0), Fraction(1, 4), HALF]))
        layers = reference.knobs(optimizer, shape, pairs, [Fraction(0)] * len(pairs))
        if pick.random() < 0.7:
            at = pick.randrange(len(layers))
            change = pick.choice(THETAS)
            a, b, c = layers[at].a, layers[at].b, layers[at].c
            layers[at] = Knobs(a, b, INFINITE if pick.random() < 0.2 else c + change)
        if pick.random() < 0.2:
            layers[-1] = Knobs(layers[-1].a, INFINITE, layers[-1].c)
        plain = ask(model("same", optimizer, shape, layers, activation))

        gauged = ask(model("same", optimizer, shape, moved(optimizer, layers, pick), activation))

        assert plain.judgement() == gauged.judgement()
        assert [(d.code, d.layer) for d in plain.diagnostics] == [
            (d.code, d.layer) for d in gauged.diagnostics
        ]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adafactor"])
def test_biases_have_gauges_of_their_own(optimizer: str) -> None:
    """A bias is a weight with fan-in 1."""
    power = RATE_MOVES.get(optimizer, 1)

    def text(theta: Fraction) -> str:
        return f"""
model biased {{
  width n = 256
  parameterization mup
  input 16
  h1: dense -> n {{
    bias {{ scale = n^({-theta}), std = n^({theta}), lr = n^({power * theta}) * n^(1/4) }}
  }}
  tanh
  out: dense -> 10
  optimizer {optimizer}
}}
"""

    assert ask(text(Fraction(0))).judgement() == ask(text(Fraction(2, 3))).judgement()
