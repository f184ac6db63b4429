"""The named gauges and the named points at the ends of the richness scale."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import pytest

from tests.verdict import reference
from tests.verdict.reference import HALF, KAPPA, Knobs
from tests.verdict.writing import ask, model

QUARTER = Fraction(1, 4)
ZERO = Fraction(0)
GAUGES = ("stp", "mup", "rescaling")


def sgd_table(gauge: str, r: Fraction) -> list[list[Fraction]]:
    """docs/theory.md, "Named gauges": SGD's a, b, c at richness r."""
    one = Fraction(1)
    table = {
        "stp": [[ZERO] * 3, [ZERO, HALF, HALF + r], [-2 * r, 1 - 2 * r, one]],
        "mup": [[-r, HALF - r, HALF], [r] * 3, [ZERO] * 3],
        "rescaling": [[ZERO, HALF, HALF + r], [ZERO] * 3, [-2 * r] * 3],
    }
    return table[gauge]


POINTS = {
    (ZERO, "stp"): "ntp-lr",
    (ZERO, "mup"): "ntp",
    (ZERO, "rescaling"): "ntp",
    (HALF, "stp"): "mup-lr",
    (HALF, "mup"): "mup",
    (HALF, "rescaling"): "mfp",
}


@pytest.mark.parametrize("richness", [ZERO, QUARTER, Fraction(1, 3), HALF])
@pytest.mark.parametrize("gauge", GAUGES)
def test_table_of_sgd(gauge: str, richness: Fraction) -> None:
    a, b, c = sgd_table(gauge, richness)
    layers = [Knobs(a[i], b[i], c[i]) for i in (0, 1, 1, 2)]

    answer = ask(model("sgd", "sgd", None, layers))

    assert "pass" == answer.model.verdict
    assert str(richness) == answer.model.richness
    assert gauge in answer.model.gauges
    assert POINTS.get((richness, gauge)) == answer.model.point


def in_gauge(optimizer: str, shape: str | None, gauge: str, richness: Fraction) -> list[Knobs]:
    pairs = reference.scale(optimizer, 2, richness)
    plain = reference.knobs(optimizer, shape, pairs, [ZERO] * 3)
    thetas = {
        "stp": [ZERO] * 3,
        "rescaling": [init for init, _ in pairs],
        "mup": [Fraction(k.c) / (2 if optimizer == "sgd" else 1) for k in plain],
    }
    return reference.knobs(optimizer, shape, pairs, thetas[gauge])


@pytest.mark.parametrize(
    ("optimizer", "shape", "gauges"),
    [
        *((name, None, GAUGES) for name in ("sgd", "adam", "adamw", "lion", "signsgd")),
        # Its gauge move leaves rates alone.
        ("adafactor", None, ("stp", "rescaling")),
        *(("muon", shape, GAUGES) for shape in KAPPA),
    ],
)
def test_every_optimizer(optimizer: str, shape: str | None, gauges: Sequence[str]) -> None:
    for gauge, richness in product(gauges, [ZERO, QUARTER, HALF]):
        layers = in_gauge(optimizer, shape, gauge, richness)

        answer = ask(model("named", optimizer, shape, layers))

        assert "pass" == answer.model.verdict
        assert str(richness) == answer.model.richness
        assert {ZERO: "ntp", HALF: "mup"}.get(richness) == answer.model.equivalent_to
        assert gauge in answer.model.gauges
        # In several gauges at once, the first of stp, mup, rescaling names the point.
        assert POINTS.get((richness, answer.model.gauges[0])) == answer.model.point


def test_ntp_of_sgd_is_in_two_gauges() -> None:
    answer = ask(model("ntp", "sgd", None, in_gauge("sgd", None, "mup", ZERO)))

    assert ["mup", "rescaling"] == answer.model.gauges


def test_spectral_muon_needs_no_layerwise_rates() -> None:
    answer = ask(model("muon", "muon", "spectral", in_gauge("muon", "spectral", "stp", HALF)))

    assert ["stp", "mup"] == answer.model.gauges


def test_a_gauge_without_a_name_is_still_equivalent() -> None:
    pairs = reference.scale("sgd", 2, HALF)
    layers = reference.knobs("sgd", None, pairs, [ZERO, QUARTER, -QUARTER])

    answer = ask(model("nameless", "sgd", None, layers))

    assert ("pass", "mup", [], None) == (
        answer.model.verdict,
        answer.model.equivalent_to,
        answer.model.gauges,
        answer.model.point,
    )


def test_off_the_scale_nothing_is_named() -> None:
    """No multipliers, but no verdict either: gauges have names on the scale."""
    layers = [Knobs(ZERO, ZERO, ZERO), Knobs(ZERO, HALF, ZERO)]

    answer = ask(model("sp", "sgd", None, layers))

    assert (None, None, [], None) == (
        answer.model.richness,
        answer.model.equivalent_to,
        answer.model.gauges,
        answer.model.point,
    )
