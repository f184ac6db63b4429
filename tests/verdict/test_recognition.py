"""Mistakes of docs/theory.md, "Where a naive checker is wrong", are named in a note."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.verdict import reference
from tests.verdict.reference import HALF, INFINITE, Knobs
from tests.verdict.writing import ask, model

ZERO = Fraction(0)


def sp(optimizer: str, rate: Fraction, depth: int = 2) -> str:
    layers = [Knobs(ZERO, ZERO, rate), *[Knobs(ZERO, HALF, rate)] * depth]
    return model("sp", optimizer, None, layers)


def table(author: str, user: str, richness: Fraction, thetas: list[Fraction]) -> str:
    """One optimizer's rates under another."""
    layers = reference.knobs(author, None, reference.scale(author, 2, richness), thetas)
    return model("borrowed", user, None, layers)


@pytest.mark.parametrize("rate", [ZERO, HALF, Fraction(1), Fraction(3, 2)])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_standard_parameterization(optimizer: str, rate: Fraction) -> None:
    answer = ask(sp(optimizer, rate))

    assert [True] == ["standard parameterization (SP)" in n for n in answer.notes if "SP" in n]


def test_sp_at_one_over_n_is_not_ntp() -> None:
    answer = ask(sp("sgd", Fraction(1)))

    assert [True] == ["not NTP" in note for note in answer.notes if "SP" in note]
    assert ["h1"] == [d.layer for d in answer.diagnostics if d.desideratum == "D2"]


def test_sp_with_one_hidden_layer_trains_its_readout_only() -> None:
    answer = ask(sp("sgd", Fraction(1), depth=1))

    assert [True] == ["only the read-out" in note for note in answer.notes if "only" in note]


@pytest.mark.parametrize("user", ["adam", "adamw", "lion", "signsgd"])
def test_sgds_table_under_adam(user: str) -> None:
    """μP of SGD in the gauge without layerwise rates, as its paper prints it."""
    answer = ask(table("sgd", user, HALF, [-HALF, ZERO, HALF]))

    assert "unstable" == answer.model.regime
    assert [True] == ["are μP (r = 1/2) for SGD" in note for note in answer.notes]


@pytest.mark.parametrize("richness", [HALF, ZERO, Fraction(1, 4)])
def test_adams_table_under_sgd(richness: Fraction) -> None:
    answer = ask(table("adam", "sgd", richness, [ZERO, ZERO, ZERO]))

    name = {HALF: "μP (r = 1/2)", ZERO: "NTP (r = 0)"}.get(richness, f"r = {richness}")
    assert [True] == [f"are {name} for Adam" in note for note in answer.notes if "for" in note]


def test_adams_mup_under_sgd_trains_the_readout_only() -> None:
    answer = ask(table("adam", "sgd", HALF, [ZERO, ZERO, ZERO]))

    assert ("partial", "kernel") == (answer.model.regime, answer.model.limit)
    assert ["-1", "-1", "0"] == [layer.df for layer in answer.model.layers]


@pytest.mark.parametrize("richness", [Fraction(3, 4), Fraction(1), Fraction(-1, 4)])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_beyond_the_scale(optimizer: str, richness: Fraction) -> None:
    layers = reference.knobs(optimizer, None, reference.scale(optimizer, 2, richness), [ZERO] * 3)

    answer = ask(model("beyond", optimizer, None, layers))

    assert [True] == [f"r = {richness}, off the richness scale" in note for note in answer.notes]


def test_a_frozen_body_is_random_features() -> None:
    layers = reference.knobs("sgd", None, reference.scale("sgd", 2, HALF), [ZERO] * 3)
    layers[:2] = [Knobs(layer.a, layer.b, INFINITE) for layer in layers[:2]]

    answer = ask(model("frozen", "sgd", None, layers))

    assert [True] == ["only the read-out learns" in note for note in answer.notes if "only" in note]


def test_a_clean_model_needs_no_note() -> None:
    layers = reference.knobs("sgd", None, reference.scale("sgd", 2, HALF), [ZERO] * 3)

    assert [] == ask(model("clean", "sgd", None, layers)).notes
