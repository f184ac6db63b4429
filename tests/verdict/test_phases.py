"""The first step and all later ones: they differ where the read-out starts below its update."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.verdict import reference
from tests.verdict.reference import HALF, INFINITE, Knobs
from tests.verdict.writing import ask, model

ZERO = Fraction(0)
OPTIMIZERS = [name for name in reference.OPTIMIZERS if name not in ("adafactor", "muon")]


def with_readout(optimizer: str, richness: Fraction, b: reference.Number) -> str:
    shape = "none" if optimizer == "muon" else None
    layers = reference.knobs(optimizer, shape, reference.scale(optimizer, 2, richness), [ZERO] * 3)
    layers[-1] = Knobs(layers[-1].a, b, layers[-1].c)
    return model("phases", optimizer, shape, layers)


@pytest.mark.parametrize("b", [INFINITE, Fraction(3, 2), Fraction(5)])
@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, "muon"])
def test_a_small_readout_at_the_rich_end_is_mup(optimizer: str, b: reference.Number) -> None:
    answer = ask(with_readout(optimizer, HALF, b))

    assert ("pass", "rich", "mup", "mup-lr") == (
        answer.model.verdict,
        answer.model.regime,
        answer.model.equivalent_to,
        answer.model.point,
    )
    information = answer.only("R203")
    assert ("info", "out", ["R203"]) == (
        information.severity,
        information.layer,
        answer.codes,
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_readout_as_large_as_its_update_says_nothing(optimizer: str) -> None:
    assert [] == ask(with_readout(optimizer, HALF, Fraction(1))).codes


def test_a_zero_readout_at_the_lazy_end_trains_alone() -> None:
    """Under SGD: the backward signal stays that of the small read-out's updates."""
    answer = ask(with_readout("sgd", ZERO, INFINITE))

    assert ("partial", "kernel", "violated", "holds") == (
        answer.model.regime,
        answer.model.limit,
        answer.model.desiderata.D2,
        answer.model.desiderata.D3,
    )
    assert ["-1", "-1", "0"] == [layer.df for layer in answer.model.layers]


def test_a_zero_and_frozen_readout_trains_nothing() -> None:
    text = with_readout("sgd", HALF, INFINITE).replace(
        "out: dense -> 10 {", "out: dense -> 10 { frozen,"
    )
    text = text.replace(", lr = n^(-1) }\n  optimizer", " }\n  optimizer")

    answer = ask(text)

    assert ("trivial", None, False) == (
        answer.model.regime,
        answer.model.limit,
        answer.model.nontrivial,
    )
    assert ["R202"] == answer.codes
    assert ["-inf", "-inf", "-inf"] == [layer.df for layer in answer.model.layers]


def test_too_rich_is_unstable_from_the_second_step() -> None:
    """At r = 3/4 the first step still moves the output by order one."""
    layers = reference.knobs("sgd", None, reference.scale("sgd", 2, Fraction(3, 4)), [ZERO] * 3)

    answer = ask(model("too_rich", "sgd", None, layers))

    assert ("unstable", "violated", "violated") == (
        answer.model.regime,
        answer.model.desiderata.D0,
        answer.model.desiderata.D1,
    )
    assert [True] == ["r = 3/4" in note for note in answer.notes]


def test_too_lazy_explodes_at_init() -> None:
    layers = reference.knobs("sgd", None, reference.scale("sgd", 2, Fraction(-1, 4)), [ZERO] * 3)

    answer = ask(model("too_lazy", "sgd", None, layers))

    assert ("unstable", "violated", "1/4") == (
        answer.model.regime,
        answer.model.desiderata.D0,
        answer.model.layers[-1].h,
    )
    assert "R102" in answer.codes
