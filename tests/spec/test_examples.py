"""The three files of the language reference, fact by fact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import richc
from richc.report import spec_schema

EXAMPLES = Path(__file__).parent / "examples"


def only(name: str) -> spec_schema.Model:
    (model,) = richc.load(EXAMPLES / f"{name}.rich").models
    return model


def outline(model: spec_schema.Model) -> list[tuple[Any, ...]]:
    """Name, role, fan-in, fan-out, activation, multiplier, std, rate."""
    return [
        (
            layer.name,
            layer.role,
            _dim(layer.fan_in),
            _dim(layer.fan_out),
            layer.activation.name if layer.activation else None,
            layer.weight.scale.formula,
            layer.weight.std.formula,
            layer.weight.lr.formula,
        )
        for layer in model.layers
    ]


def _dim(dim: spec_schema.Dim) -> str:
    return f"{dim.factor}n" if dim.wide else str(dim.factor)


def test_written_out() -> None:
    model = only("written_out")

    assert ("digits", 1024, 64, "1/2", "1", 64) == (
        model.name,
        model.width,
        model.base_width,
        model.richness,
        model.gamma,
        model.input,
    )
    assert (None, None) == (model.parameterization, model.gauge)
    hidden = ("hidden", "1n", "1n", "relu", "1", "sqrt(2 / n)", "alpha^2 / n")
    head = ("read-out", "1n", "10", None, "1", "1 / (alpha * sqrt(n))", "1 / n")
    assert [
        ("embed", "read-in", "64", "1n", "relu", "1", "1 / 8", "alpha^2 / 64"),
        ("body.0", *hidden),
        ("body.1", *hidden),
        ("head", *head),
    ] == outline(model)
    assert ("sgd", "0.1", {"momentum": "9/10"}) == (
        model.optimizer.name,
        model.optimizer.lr.formula,
        model.optimizer.options,
    )
    assert "cross_entropy" == model.loss
    assert {
        "data": None,
        "target": None,
        "steps": 2000,
        "batch": 128,
        "precision": "bf16",
        "schedule": None,
        "warmup": None,
        "seed": 0,
    } == model.train.model_dump()
    assert [{"kind": "point", "value": "mup", "richness": "1/2"}] == [
        requirement.model_dump() for requirement in model.require
    ]


def test_inferred() -> None:
    model = only("inferred")

    assert ("mup", "stp", "1/2", 64) == (
        model.parameterization,
        model.gauge,
        model.richness,
        model.base_width,
    )
    hidden = ("hidden", "1n", "1n", "relu", "1", "sqrt(2 / n)", "alpha / (n / n0)^(3/2)")
    head = ("read-out", "1n", "10", None, "1", "1 / (alpha * sqrt(n))", "n0 / n")
    assert [
        ("embed", "read-in", "64", "1n", "relu", "1", "1 / 8", "alpha / sqrt(n / n0)"),
        ("body.0", *hidden),
        ("body.1", *hidden),
        ("head", *head),
    ] == outline(model)
    assert ("adam", "0.001", {}) == (
        model.optimizer.name,
        model.optimizer.lr.formula,
        model.optimizer.options,
    )


def test_exponents() -> None:
    model = only("exponents")

    assert (None, None, None, 256) == (
        model.parameterization,
        model.richness,
        model.base_width,
        model.width,
    )
    assert [
        ("l1", "read-in", "16", "1n", "tanh", "sqrt(n)", "1 / sqrt(n)", "1"),
        ("l2", "hidden", "1n", "1n", "tanh", "1", "1 / sqrt(n)", "1"),
        ("l3", "read-out", "1n", "1", None, "1 / sqrt(n)", "1 / sqrt(n)", "1"),
    ] == outline(model)
    assert "mse" == model.loss


@pytest.mark.parametrize(
    ("name", "gauges", "point"),
    [
        ("written_out", ["stp"], "mup-lr"),
        ("inferred", ["stp"], "mup-lr"),
        ("exponents", ["mup"], "mup"),
    ],
)
def test_all_three_are_mup(name: str, gauges: list[str], point: str) -> None:
    (file,) = richc.check((EXAMPLES / f"{name}.rich").read_text(encoding="utf-8")).files

    (model,) = file.models
    assert [] == file.diagnostics
    assert ("pass", "rich", "1/2", gauges, point) == (
        model.verdict,
        model.regime,
        model.richness,
        model.gauges,
        model.point,
    )
