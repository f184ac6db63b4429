"""The JSON report, version 1: its keys are a contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import richc
from richc.cli.main import cli
from richc.report.schema import Report

TEXT = """\
model net {
  width n = 256
  input 16
  h1: dense -> n { std = 1, lr = n }
  tanh
  out: dense -> 10 { std = 1 / n, lr = n^(-3/2) }
  optimizer sgd
}
"""

REPORT = ["version", "richc", "files"]
FILE = ["path", "diagnostics", "models"]
DIAGNOSTIC = [
    "code",
    "slug",
    "severity",
    "desideratum",
    "layer",
    "message",
    "span",
    "notes",
    "help",
    "edits",
]
SPAN = ["line", "column", "end_line", "end_column"]
EDIT = ["span", "text"]
MODEL = [
    "name",
    "verdict",
    "stable",
    "nontrivial",
    "regime",
    "limit",
    "richness",
    "equivalent_to",
    "gauges",
    "point",
    "depth",
    "depth_point",
    "desiderata",
    "layers",
]
DESIDERATA = ["D0", "D1", "D2", "D3", "D4"]
LAYER = [
    *("name", "role", "a", "b", "c", "A", "C", "h", "dh", "df"),
    *("optimizer", "L", "values", "bias_values"),
]
DEPTH_EXPONENTS = ["a", "b", "c", "A", "C", "h", "dh", "df"]
DEPTH_SYMBOL = ["symbol", "value", "base"]
VALUES = ["scale", "std", "lr", "decay", "eps"]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    result = CliRunner().invoke(cli, ["check", "-", "--format", "json"], input=TEXT)
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


def test_keys(report: dict[str, Any]) -> None:
    file = report["files"][0]
    diagnostic = file["diagnostics"][0]
    model = file["models"][0]

    assert REPORT == list(report)
    assert FILE == list(file)
    assert DIAGNOSTIC == list(diagnostic)
    assert SPAN == list(diagnostic["span"])
    assert EDIT == list(diagnostic["edits"][0])
    assert SPAN == list(diagnostic["edits"][0]["span"])
    assert MODEL == list(model)
    assert DESIDERATA == list(model["desiderata"])
    assert [LAYER, LAYER] == [list(layer) for layer in model["layers"]]
    assert VALUES == list(model["layers"][0]["values"])


def test_values(report: dict[str, Any]) -> None:
    """A whole report, so that a change of anything is seen here."""
    del report["files"][0]["diagnostics"][0]["message"]

    assert {
        "version": 1,
        "richc": richc.__version__,
        "files": [
            {
                "path": "<stdin>",
                "diagnostics": [
                    {
                        "code": "R402",
                        "slug": "negligible-readout",
                        "severity": "error",
                        "desideratum": "D3",
                        "layer": "out",
                        "span": {"line": 6, "column": 40, "end_line": 6, "end_column": 48},
                        "notes": ["the output moves through the layers below only"],
                        "help": "use `lr = 1 / (n * sqrt(n0))` and `base n0 = 256`: "
                        "`net` becomes μP (r = 1/2)",
                        "edits": [
                            {
                                "span": {
                                    "line": 6,
                                    "column": 40,
                                    "end_line": 6,
                                    "end_column": 48,
                                },
                                "text": "1 / (n * sqrt(n0))",
                            },
                            {
                                "span": {
                                    "line": 2,
                                    "column": 16,
                                    "end_line": 2,
                                    "end_column": 16,
                                },
                                "text": ", base n0 = 256",
                            },
                        ],
                    }
                ],
                "models": [
                    {
                        "name": "net",
                        "verdict": "fail",
                        "stable": True,
                        "nontrivial": True,
                        "regime": "partial",
                        "limit": "feature_learning",
                        "richness": None,
                        "equivalent_to": None,
                        "gauges": [],
                        "point": None,
                        "depth": None,
                        "depth_point": None,
                        "desiderata": {
                            "D0": "holds",
                            "D1": "holds",
                            "D2": "holds",
                            "D3": "violated",
                            "D4": None,
                        },
                        "layers": [
                            {
                                "name": "h1",
                                "role": "read-in",
                                "a": "0",
                                "b": "0",
                                "c": "-1",
                                "A": "0",
                                "C": "-1",
                                "h": "0",
                                "dh": "0",
                                "df": "0",
                                "optimizer": "sgd",
                                "L": None,
                                "values": {
                                    "scale": 1.0,
                                    "std": 1.0,
                                    "lr": 25.6,
                                    "decay": 0.0,
                                    "eps": None,
                                },
                                "bias_values": None,
                            },
                            {
                                "name": "out",
                                "role": "read-out",
                                "a": "0",
                                "b": "1",
                                "c": "3/2",
                                "A": "1",
                                "C": "3/2",
                                "h": "-1/2",
                                "dh": "0",
                                "df": "-1/2",
                                "optimizer": "sgd",
                                "L": None,
                                "values": {
                                    "scale": 1.0,
                                    "std": 1 / 256,
                                    "lr": 0.1 / 4096,
                                    "decay": 0.0,
                                    "eps": None,
                                },
                                "bias_values": None,
                            },
                        ],
                    }
                ],
            }
        ],
    } == report


def test_the_schema_knows_every_key() -> None:
    schema = json.loads(CliRunner().invoke(cli, ["schema", "report"]).stdout)
    parts = {**schema["$defs"], "Report": schema}

    assert {
        "Report": sorted(REPORT),
        "File": sorted(FILE),
        "Diagnostic": sorted(DIAGNOSTIC),
        "Span": sorted(SPAN),
        "Edit": sorted(EDIT),
        "Model": sorted(MODEL),
        "Desiderata": sorted(DESIDERATA),
        "DepthExponents": sorted(DEPTH_EXPONENTS),
        "DepthSymbol": sorted(DEPTH_SYMBOL),
        "Layer": sorted(LAYER),
        "Values": sorted(VALUES),
    } == {name: sorted(part["properties"]) for name, part in parts.items()}


@pytest.mark.parametrize("what", ["report", "scale", "spec", "transfer"])
def test_schemas_refuse_other_keys(what: str) -> None:
    schema = json.loads(CliRunner().invoke(cli, ["schema", what]).stdout)

    parts = [schema, *schema["$defs"].values()]

    assert {False} == {p["additionalProperties"] for p in parts if p["type"] == "object"}


def test_an_unknown_schema() -> None:
    result = CliRunner().invoke(cli, ["schema", "verdict"])

    assert (2, True) == (result.exit_code, "'verdict' is not one of" in result.stderr)


def test_python_gives_the_same_model() -> None:
    result = CliRunner().invoke(cli, ["check", "-", "--format", "json"], input=TEXT)

    assert richc.check(TEXT, "<stdin>") == Report.model_validate_json(result.stdout)


def test_spec_json(tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text(TEXT, encoding="utf-8")

    spec = richc.load(path)

    assert spec == type(spec).model_validate_json(spec.model_dump_json())
    assert (1, ["net"]) == (spec.version, [model.name for model in spec.models])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace("sgd", "sdg"), "error[R011]: unknown optimizer `sdg`; did you mean `sgd`?"),
        ("", "error[R002]: the file is empty"),
    ],
)
def test_load_raises_what_check_shows(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(richc.RichError) as error:
        richc.load(path)

    assert message == str(error.value).splitlines()[0]


def test_load_of_an_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(richc.RichError, match="No such file"):
        richc.load(tmp_path / "missing.rich")


def test_load_takes_broken_desiderata(tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text(TEXT, encoding="utf-8")

    assert "n^(-3/2)" == richc.load(path).models[0].layers[1].weight.lr.formula
