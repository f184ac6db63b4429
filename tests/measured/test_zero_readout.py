"""A read-out that starts at zero: the first step trains it alone, and from then on it is μP."""

from __future__ import annotations

import math

import pytest

from tests.measured.measuring import disagreements, fit, load, report_on, sizes
from tests.measured.specs import OPTIMIZERS, inferred, widths

pytestmark = pytest.mark.measured


@pytest.mark.nightly(by_day=6)
@pytest.mark.parametrize("hidden", [1, 2])
@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name != "adafactor"])
def test_it_is_mup(optimizer: str, hidden: int) -> None:
    text = inferred(optimizer, "mup", "stp", "relu", hidden, head="std = 0")

    model, _ = report_on(text)
    assert ("rich", "mup", "-inf") == (model.regime, model.equivalent_to, model.layers[-1].h)
    first = sizes(load(text), 64, 0, steps=1)
    *below, head = first.df
    assert [-math.inf] * hidden == below
    assert math.isfinite(head)
    assert "" == disagreements(text, fit(text, widths=widths(optimizer)))
