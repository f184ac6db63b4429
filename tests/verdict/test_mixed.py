"""Beside a bias of order one: weights that are small at init, and what they let through.

Measured (float64, tanh, widths to 2048): a hidden weight of 1/n beside a bias of order one is woken
by its own update under μP's rates; where rates are such that U = (0, -1/2), the tangent kernel
changes by 0.3 at every width, where NTP's changes by 0.09 and then by 0.009.
"""

from __future__ import annotations

from typing import Any

import pytest

import richc
from tests.verdict.writing import ask

NET = """\
model net {{
  width n = 256
  input 8
  w1: dense -> n {{ std = 1, lr = {first} }}
  tanh
  w2: dense -> n {{ std = {std}, lr = {second}, bias {{ std = 1, lr = {bias} }} }}
  tanh
  w3: dense -> 1 {{ std = {readout}, lr = 1 / n }}
  optimizer {optimizer} {{ lr = 0.1 }}
  loss mse
  {require}
}}
"""

#: What is above the bias is lazy, what is below learns features.
SGD = {"first": "n", "std": "1 / n", "second": "1 / n", "bias": "1", "readout": "n^(-1/2)"}
ADAM = SGD | {"first": "1", "second": "n^(-3/2)", "bias": "n^(-1/2)"}
#: r = 1/4 below and 0 above.
LAZY = SGD | {"first": "n^(1/2)", "std": "n^(-3/4)"}
#: Woken by its own update: μP.
WOKEN = SGD | {"second": "1", "bias": "n", "readout": "1 / n"}
WOKEN_BY_ADAM = WOKEN | {"first": "1", "second": "1 / n", "bias": "1"}


def text(knobs: dict[str, str], optimizer: str = "sgd", require: str = "") -> str:
    return NET.format(**knobs, optimizer=optimizer, require=require)


@pytest.mark.parametrize(
    ("knobs", "optimizer", "limit", "updates"),
    [
        (SGD, "sgd", "feature_learning", ["0", "-1/2", "0"]),
        (ADAM, "adam", "feature_learning", ["0", "-1/2", "0"]),
        (LAZY, "sgd", "kernel", ["-1/4", "-1/2", "0"]),
    ],
)
def test_representations_of_different_richness(
    knobs: dict[str, str], optimizer: str, limit: str, updates: list[str]
) -> None:
    answer = ask(text(knobs, optimizer))

    model = answer.model
    assert ("pass", "mixed", limit) == (model.verdict, model.regime, model.limit)
    assert (None, None, None, []) == (
        model.richness, model.equivalent_to, model.point, model.gauges
    )  # fmt: skip
    assert {"holds"} == set(model.desiderata.model_dump(exclude_none=True).values())
    assert updates == [layer.dh for layer in model.layers]
    warning = answer.only("R507")
    assert ("warning", "w2") == (warning.severity, warning.layer)
    assert "`w1`" in warning.message
    assert "`w2` is lazy" in warning.message


@pytest.mark.parametrize(
    "require", ["mup", "ntp", "rich(r = 1/4)", "gauge stp", "regime lazy", "regime rich"]
)
def test_no_point_gauge_or_other_regime_may_be_required(require: str) -> None:
    answer = ask(text(SGD, require=f"require {require}"))

    assert "fail" == answer.model.verdict
    assert "error" == answer.only("R502").severity


def test_its_own_regime_may_be_required() -> None:
    assert "pass" == ask(text(SGD, require="require regime mixed")).model.verdict


@pytest.mark.parametrize("std", ["1 / n", "n^(-3/4)", "0"])
@pytest.mark.parametrize(("knobs", "optimizer"), [(WOKEN, "sgd"), (WOKEN_BY_ADAM, "adam")])
def test_a_weight_is_woken_by_its_own_update(
    knobs: dict[str, str], optimizer: str, std: str
) -> None:
    answer = ask(text(knobs | {"std": std}, optimizer))

    model = answer.model
    assert ("pass", "rich", "mup") == (model.verdict, model.regime, model.equivalent_to)
    assert ["0", "0", "0"] == [layer.dh for layer in model.layers]
    # No epsilon that was inferred outgrows a gradient.
    assert ["R203"] == answer.codes
    assert "below `w2`" in answer.only("R203").message


def test_two_weights_wake_one_after_the_other() -> None:
    answer = ask(text(WOKEN | {"std": "0", "readout": "0"}))

    assert "mup" == answer.model.equivalent_to
    assert ["from step 3 on, every layer learns"] == answer.notes


def test_a_frozen_weight_is_never_woken() -> None:
    model = ask(text(WOKEN).replace("lr = 1,", "frozen,")).model

    assert ("violated", "violated") == (model.desiderata.D2, model.desiderata.D3)


STILL = [("sgd", "std = 1/2, frozen"), ("sgd", "std = 0, frozen"), ("adafactor", "std = 0, lr = 1")]


@pytest.mark.parametrize(("optimizer", "bias"), STILL)
def test_a_bias_that_never_moves_breaks_nothing(optimizer: str, bias: str) -> None:
    answer = ask(beside_a_still_bias(optimizer, bias))

    assert ("pass", "mup") == (answer.model.verdict, answer.model.equivalent_to)


def beside_a_still_bias(optimizer: str, bias: str) -> str:
    rates = ("1", "1") if optimizer == "adafactor" else ("n", "1 / n")
    return f"""\
model net {{
  width n = 256
  input 8
  w1: dense -> n {{ std = 0.35, lr = {rates[0]}, bias {{ {bias} }} }}
  tanh
  w2: dense -> 4 {{ std = 1 / n, lr = {rates[1]} }}
  optimizer {optimizer} {{ lr = 0.02 }}
}}
"""


def test_a_signal_that_starts_small_grows_to_one() -> None:
    """Of a homogeneous network: after a step the read-out sees h of order one."""
    answer = ask("""\
model net {
  width n = 256
  input 8
  w1: dense -> n { std = n^(-1/2), lr = n }
  relu
  w2: dense -> 1 { std = 1 / n, lr = n^(-1/2) }
  optimizer sgd { lr = 0.1 }
}
""")

    assert "violated" == answer.model.desiderata.D1
    assert "1/2" == answer.model.layers[-1].df
    assert "w2" in {d.layer for d in answer.diagnostics if d.code == "R201"}


HOLES = SGD | {"first": "n^?", "second": "n^?", "bias": "n^?"}


def diagnostics(text: str) -> dict[str, list[Any]]:
    (file,) = richc.check(text).files
    found: dict[str, list[Any]] = {}
    for diagnostic in file.diagnostics:
        found.setdefault(diagnostic.code, []).append(diagnostic)
    return found


@pytest.mark.parametrize("pin", ["", "require ntp", "require rich(r = 1/4)"])
def test_holes_ask_for_the_same_richness_everywhere(pin: str) -> None:
    """What would be inferred else is mixed."""
    assert ["R505"] == [*diagnostics(text(HOLES, require=pin))]


def test_a_weight_that_may_be_smaller_is_said_to_be() -> None:
    spec = text(HOLES | {"std": "n^?", "readout": "1 / n"}, require="require mup")

    (std,) = [d for d in diagnostics(spec)["R503"] if "`std`" in d.message]

    assert "`std` of `w2`: the exponent is -1/2" == std.message.partition(": =")[0]
    assert "a smaller one would do as well" in std.notes[0]


@pytest.mark.parametrize("exponent", ["0", "-1/4", "-2"])
def test_a_read_in_beside_a_bias_has_a_bound_only(exponent: str) -> None:
    spec = """\
model net {{
  width n = 256
  richness r = 1/4
  input 4
  w1: dense -> n {{ std = n^{hole}, lr = n^(1/2), bias {{ std = 1, lr = n^(1/2) }} }}
  tanh
  w2: dense -> 2 {{ std = n^(-3/4), lr = 1 / n }}
  optimizer sgd {{ lr = 0.1 }}
}}
"""
    (found,) = diagnostics(spec.format(hole="?"))["R503"]

    assert "the exponent is 0" in found.message
    assert found.notes[0].endswith("a smaller one would do as well")
    # And it does.
    assert "1/4" == ask(spec.format(hole=f"({exponent})")).model.richness
