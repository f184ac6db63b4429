"""Biases are weights with fan-in 1 (docs/theory.md, "The richness scale")."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.verdict import reference
from tests.verdict.reference import HALF
from tests.verdict.writing import Answer, ask, model, power

ZERO = Fraction(0)
RICHNESS = [ZERO, Fraction(1, 4), HALF]

#: The hidden biases' C at richness r: that of the read-in.
HIDDEN = {
    "sgd": lambda r: -2 * r,
    "adam": lambda r: HALF - r,
    "adamw": lambda r: HALF - r,
    "lion": lambda r: HALF - r,
    "signsgd": lambda r: HALF - r,
    "adafactor": lambda r: HALF - r,
    "muon": lambda r: -r,
}


def biased(
    optimizer: str,
    richness: Fraction,
    hidden: Fraction = ZERO,
    output: Fraction = ZERO,
    at: tuple[str, ...] = ("h1", "h2", "out"),
) -> Answer:
    """On the scale, with biases whose rates are n^-hidden and n^-output away from right."""
    shape = "none" if optimizer == "muon" else None
    layers = reference.knobs(optimizer, shape, reference.scale(optimizer, 2, richness), [ZERO] * 3)
    text = model("biased", optimizer, shape, layers)
    # Adafactor never moves what starts at zero.
    std = "1" if optimizer == "adafactor" else "0"
    for name in at:
        right = ZERO if name == "out" else HIDDEN[optimizer](richness)
        rate = right + (output if name == "out" else hidden)
        before, line, after = text.partition(f"  {name}: ")
        head, brace, tail = after.partition(" }")
        bias = f", bias {{ std = {std}, lr = {power(rate)} }}"
        text = before + line + head + bias + brace + tail
    return ask(text)


@pytest.mark.parametrize("richness", RICHNESS)
@pytest.mark.parametrize("optimizer", HIDDEN)
def test_right_biases_change_nothing(optimizer: str, richness: Fraction) -> None:
    answer = biased(optimizer, richness)

    assert [] == answer.codes
    assert ("pass", str(richness)) == (answer.model.verdict, answer.model.richness)


@pytest.mark.parametrize("optimizer", HIDDEN)
def test_inferred_biases_change_nothing(optimizer: str) -> None:
    shape = "{ shape_factor = spectral }" if optimizer == "muon" else ""
    bias = "bias { std = 1 }" if optimizer == "adafactor" else "bias"
    answer = ask(f"""
model biased {{
  width n = 256, base n0 = 64
  parameterization rich(r = 1/4)
  input 16
  h1: dense -> n {{ {bias} }}
  tanh
  h2: dense -> n {{ {bias} }}
  tanh
  out: dense -> 10 {{ {bias} }}
  optimizer {optimizer} {shape}
}}
""")

    assert ([], "1/4") == (answer.codes, answer.model.richness)


@pytest.mark.parametrize("optimizer", HIDDEN)
def test_a_slow_hidden_bias_is_negligible(optimizer: str) -> None:
    answer = biased(optimizer, HALF, hidden=HALF, at=("h2",))

    assert (["R401"], "violated") == (answer.codes, answer.model.desiderata.D3)
    assert "h2" == answer.diagnostics[0].layer
    assert "the bias of `h2`" in answer.diagnostics[0].message


@pytest.mark.parametrize("optimizer", HIDDEN)
def test_a_slow_output_bias_is_negligible(optimizer: str) -> None:
    answer = biased(optimizer, HALF, output=HALF, at=("out",))

    assert (["R402"], "violated") == (answer.codes, answer.model.desiderata.D3)


@pytest.mark.parametrize("optimizer", HIDDEN)
def test_a_fast_hidden_bias_explodes(optimizer: str) -> None:
    answer = biased(optimizer, HALF, hidden=-HALF, at=("h2",))

    assert ("unstable", "violated", "violated") == (
        answer.model.regime,
        answer.model.desiderata.D0,
        answer.model.desiderata.D1,
    )


@pytest.mark.parametrize("optimizer", HIDDEN)
def test_a_fast_output_bias_explodes(optimizer: str) -> None:
    answer = biased(optimizer, HALF, output=-HALF, at=("out",))

    assert ("unstable", "holds", "violated") == (
        answer.model.regime,
        answer.model.desiderata.D0,
        answer.model.desiderata.D1,
    )


def test_a_bias_that_grows_makes_its_representation_grow() -> None:
    answer = ask("""
model grows {
  width n = 256
  parameterization mup
  input 16
  h1: dense -> n { bias { std = n^(1/2), lr = n } }
  tanh
  out: dense -> 10
  optimizer sgd
}
""")

    assert ("unstable", "violated", "not_evaluated") == (
        answer.model.regime,
        answer.model.desiderata.D0,
        answer.model.desiderata.D1,
    )
    assert "1/2" == answer.model.layers[0].h


def test_a_frozen_bias_is_no_violation() -> None:
    answer = ask("""
model still {
  width n = 256, base n0 = 64
  parameterization mup
  input 16
  h1: dense -> n { bias { std = 1, frozen } }
  tanh
  out: dense -> 10
  optimizer sgd
}
""")

    assert ([], "mup") == (answer.codes, answer.model.equivalent_to)


def test_biases_end_the_symmetry_of_homogeneous_networks() -> None:
    """With a bias, scale cannot move between layers: relu is then as any activation."""
    text = """
model relu_net {
  width n = 256
  input 16
  h1: dense -> n { std = n^(-1/2), lr = 1%s }
  relu
  out: dense -> 10 { std = n^(-1/2), lr = 1 }
  optimizer sgd
}
"""

    plain = ask(text % "")
    biased = ask(text % ", bias { std = 0, lr = 1 }")

    assert "not_evaluated" != plain.model.desiderata.D1
    assert "not_evaluated" == biased.model.desiderata.D1
