"""Specs that break desiderata break in training as reported.

Learning rates are made gentle first (see ``gentle_rate``): exponents do not depend on them.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.measured.measuring import (
    Row,
    cross_entropy,
    disagreements,
    fit,
    gentle_rate,
    linear,
    report_on,
)
from tests.measured.specs import (
    HALF,
    ONE,
    ZERO,
    Case,
    Layer,
    inferred,
    knocked_off,
    off_scale,
    scale,
    widths,
    written,
)

pytestmark = pytest.mark.measured

#: Where a size's exponent is told from zero; those of the named specs are multiples of 1/4.
ZERO_BELOW = 0.125


def abc(*layers: tuple[Fraction | None, Fraction | None]) -> list[Layer]:
    """No multipliers: std n^-b and rate n^-c of each layer."""
    return [Layer(ZERO, b, c) for b, c in layers]


QUARTER = Fraction(1, 4)
STANDARD = (ZERO, HALF, HALF)

#: docs/theory.md, "Where a naive checker is wrong", and other ways of getting it wrong.
NAMED = {
    "SP, one rate, SGD": ("sgd", abc(*((b, ZERO) for b in STANDARD))),
    "SP, one rate, Adam": ("adam", abc(*((b, ZERO) for b in STANDARD))),
    "SP at 1/n, SGD": ("sgd", abc(*((b, ONE) for b in STANDARD))),
    "SP at 1/n, one hidden layer": ("sgd", abc((ZERO, ONE), (HALF, ONE))),
    "NTP with a zero read-out": ("sgd", [*scale("sgd", 2, ZERO)[:-1], Layer(ZERO, None, ONE)]),
    "a frozen zero read-out": ("sgd", [*scale("sgd", 2, HALF)[:-1], Layer(ZERO, None, None)]),
    "SGD's rates under Adam": ("adam", scale("sgd", 2, HALF)),
    "Adam's rates under SGD": ("sgd", scale("adam", 2, HALF)),
    "Adam's rates under Muon": ("muon-none", scale("adam", 2, HALF)),
    "too rich": ("sgd", abc((ZERO, -3 * HALF), (HALF, -HALF), (HALF + 3 * QUARTER, ONE))),
    "too poor": ("sgd", abc((ZERO, HALF), (HALF, 3 * HALF), (QUARTER, ONE))),
    "full alignment, SP, Adam": ("adam", abc((ZERO, ZERO), (HALF, ONE), (HALF, ONE))),
    "nothing moves": ("adam", abc((ZERO, HALF), (HALF, 3 * HALF), (ONE, 3 * HALF))),
}


def stable(rows: list[Row]) -> bool:
    """Every representation of order one, and no change larger (D0 and the ceiling of D1)."""
    names = list(dict.fromkeys(row.layer for row in rows))
    return all(
        abs(row.measured) < ZERO_BELOW
        if row.quantity == "h" and row.layer != names[-1]
        else row.measured < ZERO_BELOW
        for row in rows
    )


def learns(rows: list[Row]) -> bool:
    return any(row.quantity == "df" and row.measured > -ZERO_BELOW for row in rows)


def measure(case: Case) -> list[Row]:
    used = widths(case.optimizer)
    # Adafactor's rate is capped at one: stay below.
    start = 1e-3 if case.optimizer == "adafactor" else 0.1
    loss = linear if case.explodes or case.wakes else cross_entropy
    lr = gentle_rate(case.text, used, start, loss)
    rows = fit(case.text, lr=lr, widths=used, loss=loss)
    if case.wakes:
        # The whole change of f adds terms in lr and in lr^2, and lr is small here; each of them
        # is a row of its own.
        last = rows[-1].layer
        rows = [row for row in rows if (row.layer, row.quantity) != (last, "dh")]
    return rows


@pytest.mark.parametrize("name", NAMED)
def test_named(name: str) -> None:
    optimizer, layers = NAMED[name]
    case = off_scale(optimizer, layers, "relu")
    model, _ = report_on(case.text)

    assert "fail" == model.verdict
    rows = measure(case)
    assert "" == disagreements(case.text, rows)
    assert (model.stable, model.nontrivial) == (stable(rows), learns(rows))


@pytest.mark.nightly(by_day=20)
@pytest.mark.parametrize("seed", range(100))
def test_knocked_off(seed: int) -> None:
    case = knocked_off(seed)

    # A little more than on the scale: terms whose exponents differ by 1/4 are added here.
    assert "" == disagreements(case.text, measure(case), 0.25), f"{seed = }"


def test_adafactor_caps_its_rate() -> None:
    """A rate that grows with the width stops growing at one.

    torch.optim.Adafactor multiplies RMS(W) by min(lr, 1/sqrt(step)), so a negative c ends at 0.
    """
    layers = scale("adafactor", 1, ZERO)
    layers[-1] = layers[-1]._replace(c=-HALF)
    text = written("adafactor", layers, "relu")

    assert "" != disagreements(text, fit(text, lr=0.05))
    assert "R604" in codes(text)


@pytest.mark.parametrize(
    "optimizer", ["sgd { lr = 0.1, weight_decay = 1 }", "adamw { lr = 0.01, weight_decay = 10 }"]
)
def test_decay_moves_lazy_representations(optimizer: str) -> None:
    """Under r < 1/2 a shrink of order one outruns the gradient's n^(r-1/2).

    The report's dh is the gradient's part; R605 says that there is another.
    """
    text = inferred("sgd", "ntp", "stp", "tanh", 2).replace("sgd { lr = 0.1 }", optimizer)

    moved = [row for row in fit(text) if row.quantity == "dh"]
    assert all(abs(row.measured) < 0.1 for row in moved), [str(row) for row in moved]
    assert "R605" in codes(text)
    assert "R605" not in codes(inferred("sgd", "ntp", "stp", "tanh", 2))


def codes(text: str) -> set[str]:
    return {diagnostic.code for diagnostic in report_on(text)[1]}
