"""There and back: a move and its inverse restore a text byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests import strategies
from tests.gauge.plain import GAUGES, Plain, plain
from tests.gauge.rewriting import attempt, model, move

INFERRED = """\
# What is inferred stays unwritten.
model net {{
  width n = 64{base}
  parameterization {point}
  input 64
  embed: dense -> n   # no block
  tanh
  body[3]: dense -> n {{ bias }}
  relu
  head:  dense -> 10 {{ dist = uniform, bias {{ lr = 2 }} }}
  optimizer {optimizer}
}}
"""


@settings(max_examples=150)
@given(spec=plain(), to=st.sampled_from(GAUGES))
def test_plain_sources(spec: Plain, to: str) -> None:
    note(spec.text)
    there = attempt(spec.text, to)
    if spec.optimizer.startswith("adafactor") and to == "mup":
        return
    note(there.text)

    assert there.refusals == ()
    assert spec.text == move(there.text, spec.gauge)


@settings(max_examples=60)
@given(text=strategies.texts(), one=st.sampled_from(GAUGES), other=st.sampled_from(GAUGES))
def test_any_source_comes_back_to_what_was_printed_once(text: str, one: str, other: str) -> None:
    """Also where a user's own spelling is another."""
    note(text)
    for target in (one, other):
        regauged = attempt(text, target)
        if regauged.refusals:
            return
        text = regauged.text
    note(text)

    assert text == move(move(text, one), other)


@pytest.mark.parametrize("to", GAUGES)
@pytest.mark.parametrize("point", ["mup", "ntp", "rich(r = 1/4), gauge = mup", "standard"])
@pytest.mark.parametrize("base", ["", ", base n0 = 16"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw { weight_decay = 0.1 }"])
def test_inferred(to: str, point: str, base: str, optimizer: str) -> None:
    text = INFERRED.format(point=point, base=base, optimizer=optimizer)
    home = "mup" if "gauge" in point else "stp"
    if point == "standard":
        # body.0 follows tanh and body.1 a relu: their gains differ.
        text = text.replace("body[3]", "body")

    assert text == move(move(text, to), home)


def test_what_a_user_wrote_first_stays() -> None:
    text = model(
        "a: dense -> n { scale = 1, var = 1 / fan_in, lr = alpha^2 }",
        "b: dense -> 2 { var = 1 / (alpha^2 * fan_in), lr = 1 / fan_in }",
    )

    there = move(text, "mup")

    assert "a: dense -> n { scale = alpha, var = 1 / (alpha^2 * fan_in), lr = 1 }" in there
    assert text == move(there, "stp")
