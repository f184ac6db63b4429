"""There and back: a move and its inverse restore a text byte for byte."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from richc.syntax.formatter import format_text
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


@settings(max_examples=80)
@given(spec=plain(), to=st.sampled_from(GAUGES))
def test_plain_sources(spec: Plain, to: str) -> None:
    note(spec.text)
    there = attempt(spec.text, to)
    if spec.optimizer.startswith("adafactor") and to == "mup":
        # It has no such gauge, unless a file that has every rate 1 is in it as it stands.
        assert there.refusals or there.text == spec.text
        return
    note(there.text)

    assert there.refusals == ()
    assert spec.text == move(there.text, spec.gauge)


@settings(max_examples=60)
@given(spec=plain(), to=st.sampled_from(GAUGES))
def test_plain_sources_in_the_layout_of_fmt(spec: Plain, to: str) -> None:
    text = format_text(spec.text)
    note(text)
    assume(to != "mup" or not spec.optimizer.startswith("adafactor"))

    assert text == move(move(text, to), spec.gauge)


@pytest.mark.parametrize("value", ["1/8", "3/8", "0.1", "2", "sqrt(2/3)", "5/3", "2/3"])
@pytest.mark.parametrize("to", ["mup", "rescaling"])
def test_ratios_stay_numbers(value: str, to: str) -> None:
    layers = f"a: dense -> n {{ std = {value}, lr = n }}", "b: dense -> 2 { std = 1/8, lr = 1/8 }"
    text = format_text(model(*layers))
    assert f"std = {value}," in text

    assert text == move(move(text, to), "stp")


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


@settings(max_examples=40)
@given(
    to=st.sampled_from(GAUGES),
    point=st.sampled_from(["mup", "ntp", "rich(r = 1/4), gauge = mup", "standard"]),
    base=st.sampled_from(["", ", base n0 = 16"]),
    optimizer=st.sampled_from(["sgd", "adamw { weight_decay = 0.1 }"]),
)
def test_inferred(to: str, point: str, base: str, optimizer: str) -> None:
    text = INFERRED.format(point=point, base=base, optimizer=optimizer)
    home = "mup" if "gauge" in point else "stp"
    if point == "standard":
        # body.0 follows tanh and body.1 a relu: their gains differ.
        text = text.replace("body[3]", "body")

    assert text == move(move(text, to), home)


#: Blocks that override what would be inferred: to say the same again is not kept.
BLOCKS = (
    "",
    " { }",
    " { std = 2 / sqrt(fan_in) }",
    " { lr = 3 / n }",
    " { scale = 2, std = 1 }",
    " { scale = 1, lr = 2 }",
    " { frozen, bias { lr = 1 } }",
    " { std = 0 }",
    " { var = 3 / fan_in, lr = 3 / fan_in }",
    " { bias }",
    " {\n    bias # of its own\n  }",
    " { bias { std = 0.1, lr = 2 }, decay = 0.2 }",
    " {\n    std = 3\n  }",
)
OPTIMIZERS = (
    "sgd { weight_decay = 0.1 }",
    "adam { weight_decay = 0.1 }",
    "adamw { eps = 1e-8, lr = 0.1 / n }",
    "muon { shape_factor = original }",
)


@settings(max_examples=100)
@given(
    blocks=st.tuples(*[st.sampled_from(BLOCKS)] * 3),
    point=st.sampled_from(["mup", "ntp", "rich(r = 1/3)", "standard"]),
    base=st.sampled_from(["", ", base n0 = 16"]),
    optimizer=st.sampled_from(OPTIMIZERS),
    repeat=st.sampled_from(["", "[2]"]),
    to=st.sampled_from([*GAUGES, "a=0", "b=1/3", "c.c=1/4", "a.a=1/2,b.b=1"]),
)
def test_overridden(
    blocks: tuple[str, str, str], point: str, base: str, optimizer: str, repeat: str, to: str
) -> None:
    text = f"""\
model net {{
  width n = 64{base}
  parameterization {point}
  input 64
  a: dense -> n{blocks[0]}
  tanh
  b{repeat}: dense -> n{blocks[1]}
  relu
  c: dense -> 10{blocks[2]}
  optimizer {optimizer}
}}
"""
    note(text)
    home = attempt(text, "stp")
    there = attempt(home.text, to)
    if home.refusals or there.refusals:
        return
    note(there.text)

    back = move(there.text, "stp")

    # A text that happens to lie as fmt lays it out stays so on its way back.
    kept = format_text(home.text) if format_text(there.text) == there.text else home.text
    # A block that holds nothing else goes with what was put into it.
    kept, back = (re.sub(r" \{ ?\}", "", found) for found in (kept, back))
    assert kept == back


def test_what_a_user_wrote_first_stays() -> None:
    text = model(
        "a: dense -> n { scale = 1, var = 1 / fan_in, lr = alpha^2 }",
        "b: dense -> 2 { var = 1 / (alpha^2 * fan_in), lr = 1 / fan_in }",
    )

    there = move(text, "mup")

    assert "a: dense -> n { scale = alpha, var = 1 / (alpha^2 * fan_in), lr = 1 }" in there
    assert text == move(there, "stp")
