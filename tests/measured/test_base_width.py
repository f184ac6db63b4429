# ruff: noqa: T201 - figures for the pages
"""R704: rates of everyday size without a base width train the examples' digits slowly."""

from __future__ import annotations

import math

import pytest

from richc.pipeline import analyse
from tests.measured.measuring import mean, trained_on_digits

pytestmark = pytest.mark.measured


MODEL = """\
model net {{
  width n = {width}{base}
  parameterization {preset}
  input 64
  embed: dense -> n
  relu
  body[2]: dense -> n
  relu
  head: dense -> 10
  optimizer {optimizer}
  loss cross_entropy
}}
"""


def loss_after_training(text: str) -> float:
    """The geometric mean of two seeds, after 100 steps."""
    logs = [math.log(trained_on_digits(text, seed, 100)) for seed in range(2)]
    return math.exp(mean(logs))


def losses(optimizer: str, preset: str, width: int = 256) -> tuple[float, float]:
    """With a base width, and without."""
    with_base, without = (
        MODEL.format(width=width, base=base, preset=preset, optimizer=optimizer)
        for base in (", base n0 = 64", "")
    )
    reported = [
        "R704" in {d.code for d in analyse(text).diagnostics} for text in (with_base, without)
    ]
    assert [False, True] == reported
    return loss_after_training(with_base), loss_after_training(without)


@pytest.mark.nightly(by_day=8)
@pytest.mark.parametrize("preset", ["mup", "ntp"])
@pytest.mark.parametrize(
    "optimizer",
    [
        "sgd { lr = 0.3 }",
        "sgd { lr = 0.03, momentum = 0.9 }",
        "adam { lr = 3e-3 }",
        "lion { lr = 3e-4 }",
        "signsgd { lr = 3e-3 }",
        "adafactor { lr = 0.01 }",
    ],
)
def test_what_it_costs_at_the_limit(optimizer: str, preset: str) -> None:
    based, bare = losses(optimizer, preset)

    print(f"{optimizer}, {preset}: {based:.3f} with a base, {bare:.3f} without")
    assert bare > 2 * based


@pytest.mark.nightly(by_day=1)
@pytest.mark.parametrize("width", [16, 64, 1024])
def test_every_width_is_slowed_down_alike(width: int) -> None:
    _, bare = losses("adam", "mup", width)

    print(f"n = {width}: {bare:.3f}")
    assert 1.9 < bare < 2.2


@pytest.mark.parametrize(
    "optimizer", ["sgd { lr = 1 }", "adam { lr = 0.03 }", "lion { lr = 0.01 }"]
)
def test_rates_in_units_of_one_do_well(optimizer: str) -> None:
    text = MODEL.format(width=256, base="", preset="mup", optimizer=optimizer)

    assert () == analyse(text).diagnostics
    assert loss_after_training(text) < 0.2
