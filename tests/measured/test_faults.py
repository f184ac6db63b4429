"""One fault in one layer of a μP spec: the check and the measurement each find it, and where."""

from __future__ import annotations

from fractions import Fraction

import pytest

from richc.lab.verify import VerifySettings, verify
from richc.pipeline import ModelResult, analyse

pytestmark = pytest.mark.measured

HALF = Fraction(1, 2)
LAYERS = ("embed", "body", "head")
STDS = (Fraction(0), -HALF, Fraction(-1))
#: μP's rates in the STP gauge: docs/theory.md, "The richness scale".
RATES = {
    "sgd { lr = 0.05 }": (1, 0, -1),
    "sgd { lr = 0.05, momentum = 0.9 }": (1, 0, -1),
    "adam": (0, -1, -1),
    "lion": (0, -1, -1),
    "muon { shape_factor = spectral }": (0, 0, 0),
}
CHANGES = [("rate", x) for x in (HALF, -HALF, Fraction(1), Fraction(-1))]
CHANGES += [("std", x) for x in (HALF, -HALF)]

MODEL = """\
model net {{
  width n = 64
  input 16
  embed: dense -> n {{ std = 1/4 * n^({stds[0]}), lr = n^({rates[0]}) }}
  relu
  body[2]: dense -> n {{ std = sqrt(2) * n^({stds[1]}), lr = n^({rates[1]}) }}
  relu
  head: dense -> 10 {{ std = n^({stds[2]}), lr = n^({rates[2]}) }}
  optimizer {optimizer}
  loss cross_entropy
  require mup
}}
"""


def faulty(optimizer: str, layer: int, knob: str, change: Fraction) -> ModelResult:
    stds, rates = list(STDS), list(map(Fraction, RATES[optimizer]))
    (rates if knob == "rate" else stds)[layer] += change
    (result,) = analyse(MODEL.format(stds=stds, rates=rates, optimizer=optimizer)).models
    return result


def settings(optimizer: str) -> VerifySettings:
    widths = (64, 128, 256, 512) if "muon" in optimizer else (64, 128, 256, 512, 1024)
    return VerifySettings(widths=widths, seeds=6)


def cases() -> list[tuple[str, int, str, Fraction]]:
    """Every fault with SGD; every fifth with each of the others, by turns."""
    first, *others = RATES
    every = [(layer, *change) for layer in range(3) for change in CHANGES]
    found = [(first, *fault) for fault in every]
    for turn, optimizer in enumerate(others):
        found += [(optimizer, *fault) for fault in every[turn::5]]
    return found


@pytest.mark.nightly(by_day=3)
@pytest.mark.parametrize(("optimizer", "layer", "knob", "change"), cases())
def test_a_fault_is_found_in_its_layer(
    optimizer: str, layer: int, knob: str, change: Fraction
) -> None:
    result = faulty(optimizer, layer, knob, change)
    verification = verify(result, settings(optimizer))
    if (layer, knob, change) == (2, "std", -HALF):
        # A read-out that starts below its update is μP as well: docs/theory.md, "Two phases".
        assert result.passes
        assert () == verification.findings.broken
        return

    (required,) = (d for d in result.diagnostics if d.code == "R502")
    assert LAYERS[layer] == required.layer
    assert [] == verification.disagreeing
    assert not verification.passes
    assert verification.fault is not None
    expected = (LAYERS[layer], "rate" if knob == "rate" else "init", change, HALF)
    assert expected == tuple(verification.fault)


@pytest.mark.parametrize(
    ("optimizer", "stds", "rates", "scales"),
    [
        # NTP, in the STP gauge and in the one where it has its name.
        ("sgd { lr = 0.05 }", (0, -HALF, -HALF), (0, -1, -1), (0, 0, 0)),
        ("sgd { lr = 0.05 }", (0, 0, 0), (0, 0, 0), (0, -HALF, -HALF)),
        ("adam", (0, 0, 0), (-HALF, -1, -HALF), (0, -HALF, -HALF)),
    ],
)
def test_a_lazy_network_is_not_taken_for_mup(
    optimizer: str,
    stds: tuple[Fraction, ...],
    rates: tuple[Fraction, ...],
    scales: tuple[Fraction, ...],
) -> None:
    text = MODEL.format(stds=stds, rates=rates, optimizer=optimizer)
    for scale, name in zip(scales, ("std = 1/4", "std = sqrt(2)", "std = n"), strict=True):
        text = text.replace(name, f"scale = n^({scale}), {name}", 1)
    (result,) = analyse(text).models
    verification = verify(result, settings(optimizer))

    assert "R502" in {d.code for d in result.diagnostics}
    assert [] == verification.disagreeing
    assert "lazy" == verification.findings.regime
    assert abs(verification.findings.richness or 0.0) < 0.15
    assert 1 == len(verification.unmet)


def test_sgds_rates_under_adam() -> None:
    text = MODEL.format(stds=STDS, rates=RATES["sgd { lr = 0.05 }"], optimizer="adam")
    (result,) = analyse(text).models
    verification = verify(result, settings("adam"))

    broken = {(finding.desideratum, finding.layer) for finding in verification.findings.broken}
    assert {("D0", "embed"), ("D0", "body.0"), ("D0", "body.1")} <= broken
    assert not result.passes
    assert not verification.passes


@pytest.mark.parametrize("optimizer", ["sgd { lr = 0.05 }", "adam"])
def test_the_standard_parameterization(optimizer: str) -> None:
    text = MODEL.format(stds=(0, -HALF, -HALF), rates=(0, 0, 0), optimizer=optimizer)
    (result,) = analyse(text).models
    verification = verify(result, settings(optimizer))

    assert [] == verification.disagreeing
    assert "unstable" == verification.findings.regime
    assert not result.passes
