"""The best learning rate over depths: of the examples of docs/depth.md, on digits."""

from __future__ import annotations

from pathlib import Path

import pytest

from richc.lab.growth import Growth
from richc.lab.sweep.optimum import MeasuredOptimum
from richc.lab.sweep.transfer import TransferSettings, prepare, transfer
from richc.pipeline import analyse

pytestmark = [pytest.mark.measured, pytest.mark.nightly]

EXAMPLES = Path(__file__).parents[2] / "examples"


def swept(name: str) -> MeasuredOptimum:
    (result,) = analyse((EXAMPLES / "depth" / name).read_text(encoding="utf-8")).models
    data = EXAMPLES / "digits.csv.gz"
    settings = TransferSettings(over=Growth.DEPTH, data=data, target="digit", number=8, seeds=2)
    return transfer(result, settings, prepare(result, settings), None).measured


def test_the_best_rate_moves_without_a_rule_for_the_depth_and_hardly_with_completep() -> None:
    """Rates that are too large for a depth are what a sweep shows."""
    standard, completep = swept("sp_fails.rich"), swept("completep.rich")

    assert standard.carries_over is False
    assert completep.carries_over is not False
    assert abs(completep.drift) < abs(standard.drift) / 2
