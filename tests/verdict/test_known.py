"""Specs whose verdict the literature gives (known.json, with its sources), field by field."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import richc
from tests.verdict.reference import INFINITE, Knobs, Number, judge
from tests.verdict.writing import model

CASES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("known.json").read_text(encoding="utf-8")
)["cases"]

FIELDS = ("stable", "verdict", "regime", "richness", "limit", "equivalent_to", "gauges", "point")


def _number(text: str) -> Number:
    return INFINITE if text == "inf" else Fraction(text)


def knobs(case: dict[str, Any]) -> list[Knobs]:
    return [
        Knobs(
            Fraction(layer["a"]),
            _number(layer["b"]),
            INFINITE if layer.get("frozen") else _number(layer["c"]),
        )
        for layer in case["layers"]
    ]


def text(case: dict[str, Any], activation: str = "tanh") -> str:
    momentum = case["options"].get("momentum")
    options = "" if momentum is None else f"momentum = {momentum}"
    shape = case["options"].get("shape_factor")
    return model("known", case["optimizer"], shape, knobs(case), activation, options)


def named(desideratum: str, layer: str, last: str) -> str:
    """As the table names places: representations for D2, weights for D3."""
    if layer == last:
        return f"{desideratum}:read-out"
    return f"{desideratum}:{'h' if desideratum == 'D2' else 'W'}{layer[1:]}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_known_verdict(case: dict[str, Any]) -> None:
    expected = case["expected"]

    (file,) = richc.check(text(case)).files

    (actual,) = file.models
    fields = actual.model_dump()
    assert {f: expected[f] for f in FIELDS} == {f: fields[f] for f in FIELDS}
    assert [] == [d.code for d in file.diagnostics if d.severity == "warning"]
    broken = [d for d, status in fields["desiderata"].items() if status == "violated"]
    if "violated_is" in expected:
        assert set(expected["violated"]) & set(broken)
        return
    assert (expected["nontrivial"], expected["violated"]) == (actual.nontrivial, broken)
    where = {
        named(d.desideratum, d.layer, "out")
        for d in file.diagnostics
        if d.desideratum in ("D2", "D3") and d.layer
    }
    assert set(expected["violated_where"]) == where


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_reference_agrees(case: dict[str, Any]) -> None:
    """The second implementation is held to the same table."""
    expected = case["expected"]

    actual = judge(case["optimizer"], case["options"].get("shape_factor"), knobs(case))

    richness = None if actual.richness is None else str(actual.richness)
    assert (
        expected["stable"],
        expected["regime"],
        expected["limit"],
        expected["gauges"],
        expected["point"],
        expected["richness"],
    ) == (
        actual.stable,
        actual.regime,
        actual.limit,
        actual.gauges,
        actual.point,
        richness,
    )
