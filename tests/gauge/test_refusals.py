"""Where there is no such gauge: the reason, at its place."""

from __future__ import annotations

import pytest

from richc.fixing.gauge.rewrite import UnknownLayer
from richc.gauge.moves import BadTarget, read_target
from richc.syntax.source import MAX_BYTES
from tests.gauge.rewriting import attempt, model, move, refusal

TWO = model(
    "a: dense -> n { var = 1 / fan_in, lr = alpha^2, bias { std = 0, lr = alpha^2 } }",
    "b: dense -> 2 { var = 1 / (alpha^2 * fan_in), lr = 1 / fan_in }",
)


def test_adafactor_has_no_mup_gauge() -> None:
    text = model(
        "a: dense -> n { std = 1/4, lr = alpha / sqrt(n) }",
        "b: dense -> 2 { std = 1 / n, lr = 1 / sqrt(n) }",
        optimizer="adafactor",
    )

    found, place = refusal(text, "mup")

    assert ("R501", "1 / sqrt(n)") == (found.code, place)
    assert "leaves every learning rate alone" in found.message


def test_adafactor_may_be_in_it_already() -> None:
    text = model(
        "a: dense -> n { std = 1/4, lr = 1 }", "b: dense -> 2 { std = 1, lr = 2 }",
        optimizer="adafactor",
    )  # fmt: skip

    assert text == move(text, "mup") == move(text, "c=0")


@pytest.mark.parametrize("zero", ["std = 0", "var = 0"])
def test_zeros_have_no_unit_size(zero: str) -> None:
    text = model("a: dense -> n { std = 1/4, lr = 1 }", f"b: dense -> 2 {{ {zero}, lr = 1 / n }}")

    found, place = refusal(text, "rescaling")

    assert "0" == place
    assert "`b` starts at zero" in found.message
    assert "{ " + zero + ", lr = 1, scale = 1 / sqrt(n) }" in move(text, "mup")


def test_zero_biases_are_left_as_they_are() -> None:
    moved = move(TWO, "rescaling")

    assert "bias { std = 0, lr = alpha^2 }" in moved


def test_conditions_that_contradict_each_other() -> None:
    text = TWO.replace(", bias { std = 0, lr = alpha^2 }", "")

    found, place = refusal(text, "b.a=0,b.c=0")

    assert ("no gauge of `b` has a = 0 and c = 0", "1 / fan_in") == (found.message, place)
    assert "a = 0 takes θ = 0, c = 0 takes θ = 1/2" == found.label


def test_conditions_that_agree() -> None:
    moved = move(TWO, "b.a=1/2,b.c=0,b.b=1/2")

    assert "{ var = 1 / alpha^2, lr = 1, scale = 1 / sqrt(fan_in) }" in moved


def test_a_condition_on_one_layer_moves_no_other() -> None:
    moved = move(TWO, "a.a=-1/2")

    assert TWO.splitlines()[-3:] == moved.splitlines()[-3:]
    assert "bias { std = 0, lr = alpha^2 }" in moved
    assert "a: dense -> n { var = 1 / (fan_in * n), lr = alpha^2 / n, " in moved


def test_a_condition_on_a_bias() -> None:
    assert "bias { std = 0, lr = 1, scale = alpha }" in move(TWO, "a.bias.c=0")


def test_layers_of_one_statement_that_differ() -> None:
    # body.0 follows nothing, body.1 a relu: their gains are not the same.
    text = model(
        "body[2]: dense -> n", "head: dense -> 2", head="width n = 64\nparameterization standard"
    ).replace("tanh", "relu")

    found, place = refusal(text, "rescaling")

    assert "body" == place
    assert found.help is not None
    assert "a statement of its own" in found.help


def test_a_value_that_no_float_holds() -> None:
    text = TWO.replace("n = 64", "n = 4096")

    found, place = refusal(text, "a=-100")

    assert "net" == place
    assert (
        "in that gauge `std` of `a` is about 10^-362 at width 4096: no float holds it"
        == found.message
    )


def test_a_file_that_would_be_too_large() -> None:
    padding = "#" * (MAX_BYTES - len(TWO) - 1)
    text = f"{TWO}{padding}\n"

    found, _ = refusal(text, "mup")

    assert "in that gauge the file would be larger than 512 KiB" == found.message


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("sdp", "neither a gauge"),
        ("", "neither a gauge"),
        ("a=0,", "neither a gauge"),
        ("d=0", "neither a gauge"),
        ("a=x", "not a number"),
        ("a=1/0", "not a number"),
        ("a=1e999", "not a number|out of all range"),
        ("a=101", "out of all range"),
    ],
)
def test_targets_that_are_none(target: str, reason: str) -> None:
    with pytest.raises(BadTarget, match=reason):
        read_target(target)


@pytest.mark.parametrize(
    ("target", "reason"), [("c.a=0", "no layer `c`"), ("b.bias.a=0", "`b` has no bias")]
)
def test_layers_that_are_not_there(target: str, reason: str) -> None:
    with pytest.raises(UnknownLayer, match=reason):
        attempt(TWO, target)


def test_broken_desiderata_do_not_matter() -> None:
    text = TWO.replace("lr = 1 / fan_in", "lr = n^3")

    assert "lr = 1, scale = n^(3/2) }" in move(text, "mup")


def test_requirements_that_no_longer_hold_are_named() -> None:
    text = TWO.replace("optimizer sgd", "optimizer sgd\n  require gauge stp\n  require mup")

    broken = attempt(text, "mup").broken

    assert ["this model is not in the STP gauge"] == [d.message for d in broken]


def test_holes_are_to_be_filled_first() -> None:
    text = model(
        "a: dense -> n { std = 1/4, lr = n^? }", "b: dense -> 2 { std = 1 / n, lr = 1 / n }"
    )

    found, place = refusal(text, "mup")

    assert ("R501", "?") == (found.code, place)
    assert found.help is not None
    assert "richc fix" in found.help
