"""Constant multiples of the width change no exponent, and fixed dimensions are not the width."""

from __future__ import annotations

import pytest

from tests.verdict.writing import ask

TEXT = """
model wide {{
  width n = 256{base}
  parameterization {preset}
  input {input}
  h1: dense -> {first}
  relu
  h2: dense -> {second}
  relu
  out: dense -> {output}
  optimizer {optimizer}
}}
"""

PLAIN = {"base": "", "input": 16, "first": "n", "second": "n", "output": 10}


CHANGES: list[dict[str, object]] = [
    {"first": "4*n"},
    {"first": "2*n", "second": "n*3"},
    {"input": 1, "output": 1},
    {"base": ", base n0 = 32"},
    {"base": ", base n0 = 32", "second": "4*n"},
]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "muon { shape_factor = original }"])
@pytest.mark.parametrize("preset", ["mup", "ntp", "rich(r = 1/4), gauge = mup", "standard"])
def test_constants_change_no_verdict(preset: str, optimizer: str) -> None:
    plain = ask(TEXT.format(**PLAIN, preset=preset, optimizer=optimizer))
    for change in CHANGES:
        changed = ask(TEXT.format(**{**PLAIN, **change}, preset=preset, optimizer=optimizer))

        assert plain.judgement() == changed.judgement()


def test_fan_in_written_out() -> None:
    """fan_in is 4*n here: its exponent is n's, its constant goes into the prefactor."""
    text = """
model wide {{
  width n = 256
  richness r = 1/4
  input 16
  h1: dense -> 4*n {{ std = 1 / sqrt(fan_in), lr = alpha^2 / {read_in} }}
  relu
  h2: dense -> n {{ std = sqrt(2 / fan_in), lr = alpha^2 / fan_in }}
  relu
  out: dense -> 10 {{ std = 1 / (alpha * sqrt(fan_in)), lr = fan_out / fan_in }}
  optimizer sgd
}}
"""

    answer = ask(text.format(read_in="fan_in"))

    assert ("pass", "1/4") == (answer.model.verdict, answer.model.richness)
    assert "fail" == ask(text.format(read_in="fan_out")).model.verdict


def test_any_word_may_stand_for_the_width() -> None:
    text = """
model words {
  width breadth = 256, base tuned = 64
  input 16
  h1: dense -> breadth { std = 1/4, lr = breadth / tuned }
  tanh
  out: dense -> 10 { std = 1 / breadth, lr = tuned / breadth }
  optimizer sgd
}
"""

    answer = ask(text)

    assert ("mup", "mup-lr") == (answer.model.equivalent_to, answer.model.point)
