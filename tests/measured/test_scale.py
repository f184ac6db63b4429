"""The richness scale: what the report says of inferred specs is what training does.

Every optimizer at r = 0, 1/4 and 1/2 in two gauges; depth and activation go round, so that each
optimizer meets all of them.  A fresh batch each step, and later steps only (docs/theory.md, "Two
phases").
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.measured.measuring import disagreements, fit, report_on
from tests.measured.specs import OPTIMIZERS, inferred, widths

pytestmark = pytest.mark.measured

POINTS = ("0", "1/4", "1/2")
#: The second gauge, by turns; Adafactor has no μP gauge.
OTHERS = ("mup", "rescaling", "mup")

#: The exponent of a hidden bias's rate at r = 1/4, where it is not Adam's r - 1/2: docs/theory.md,
#: "The richness scale".  Muon's bias is a wide vector, orthogonalised to entries n^(-1/2): r less
#: that of its shape factor.
BIAS_RATES = {
    "sgd": Fraction(1, 2),
    "momentum": Fraction(1, 2),
    "muon-none": Fraction(1, 4),
    "muon-spectral": Fraction(-1, 4),
    "muon-original": Fraction(-1, 4),
    "muon-match": Fraction(-1, 4),
}


def cases() -> list[tuple[str, str, str, str, int]]:
    found = []
    for turn, optimizer in enumerate(OPTIMIZERS):
        for index, r in enumerate(POINTS):
            other = "rescaling" if optimizer == "adafactor" else OTHERS[index]
            for which, gauge in enumerate(("stp", other)):
                activation = ("tanh", "relu")[(index + which + turn) % 2]
                found.append((optimizer, r, gauge, activation, 1 + (index + which + turn) % 3))
    return found


@pytest.mark.nightly(by_day=14)
@pytest.mark.parametrize(("optimizer", "r", "gauge", "activation", "hidden"), cases())
def test_inferred_specs_train_as_reported(
    optimizer: str, r: str, gauge: str, activation: str, hidden: int
) -> None:
    text = inferred(optimizer, f"rich(r = {r})", gauge, activation, hidden)

    model, diagnostics = report_on(text)
    # Neither how fast a network of the declared width learns nor a word's meaning is measured.
    codes = [d.code for d in diagnostics if d.code not in ("R606", "R704")]
    assert (r, []) == (model.richness, codes)
    rows = fit(text, widths=widths(optimizer), steps=2 if gauge == "stp" else 4)
    assert 3 * (hidden + 1) == len(rows)
    assert "" == disagreements(text, rows)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_biases(optimizer: str) -> None:
    # Adafactor does not move a bias of zeros.
    bias = "bias { std = 1 }" if optimizer == "adafactor" else "bias"
    text = inferred(optimizer, "rich(r = 1/4)", "stp", "tanh", 2, below=bias, head=bias)

    rows = fit(text, widths=widths(optimizer), seeds=range(6))
    assert "" == disagreements(text, rows)


@pytest.mark.nightly(by_day=8)
@pytest.mark.parametrize("excess", ["0", "-1/2", "1/2"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_biases_alone(optimizer: str, excess: str) -> None:
    """With frozen weights, so that every change of an output is a bias's."""
    exponent = BIAS_RATES.get(optimizer, Fraction(-1, 4)) + Fraction(excess)
    if optimizer == "adafactor":
        exponent = min(exponent, Fraction(0))  # torch caps what grows.
    std = "1" if optimizer == "adafactor" else "0"
    below, head = (
        f"frozen, bias {{ std = {std}, lr = n^({rate}) }}" for rate in (exponent, Fraction(0))
    )
    text = inferred(optimizer, "rich(r = 1/4)", "stp", "tanh", 2, below=below, head=head)

    rows = fit(text, lr=0.01, widths=widths(optimizer), seeds=range(6))
    assert "" == disagreements(text, rows)


@pytest.mark.parametrize("activation", ["linear", "leaky_relu(0.1)", "gelu", "softplus", "sigmoid"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_other_activations(optimizer: str, activation: str) -> None:
    text = inferred(optimizer, "rich(r = 1/4)", "stp", activation, 2)

    assert "" == disagreements(text, fit(text))


@pytest.mark.parametrize("dist", ["uniform", "trunc_normal", "orthogonal"])
def test_other_distributions(dist: str) -> None:
    text = inferred("sgd", "mup", "stp", "tanh", 2, below=f"dist = {dist}", head=f"dist = {dist}")

    assert "" == disagreements(text, fit(text))
