"""What ``richc check`` says of ``golden/*.rich``, and that every format says it.

Whole are the text (``.txt``) and, a line each, what JSON has beside it (``.facts.txt``): edits,
verdicts, exponents, values.  The other formats are whole for the files that show what is theirs
(FULL); of all files they are held to the data.

``RICHC_UPDATE_GOLDEN=1 pytest tests/check`` writes the files anew; their diff is then what to
review.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from richc import __version__
from richc.cli.main import cli
from richc.diagnostics import SLUGS, Diagnostic, Span
from richc.pipeline import FileResult, analyse
from richc.report.schema import Report
from tests.check import workflow

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.rich"))
SUFFIXES = {
    "text": ".txt",
    "facts": ".facts.txt",
    "concise": ".concise.txt",
    "json": ".json",
    "sarif": ".sarif",
    "github": ".github.txt",
}

#: Several models, one of them without a verdict, edits, a second place, a note; biases; holes and
#: an interval of r; nothing found, and a requirement, which is no layer's.
FULL = [
    *(
        ("several_models", output_format)
        for output_format in ("concise", "json", "sarif", "github")
    ),
    ("clean_biases", "json"),
    ("r503_interval", "json"),
    ("clean_mup", "sarif"),
    ("r502_requirements", "sarif"),
]

BAD = GOLDEN.parents[1] / "syntax" / "bad"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)


@cache
def output(name: str, output_format: str) -> str:
    arguments = ["check", "--color", "never", "--format", output_format, f"{name}.rich"]
    return CliRunner().invoke(cli, arguments).output


def report(name: str) -> dict[str, Any]:
    """JSON's only file."""
    (file,) = json.loads(output(name, "json"))["files"]
    return dict(file)


def run(name: str) -> dict[str, Any]:
    """SARIF's only run."""
    (found,) = json.loads(output(name, "sarif"))["runs"]
    return dict(found)


@pytest.mark.parametrize(
    ("name", "output_format"),
    [*((name, kind) for name in NAMES for kind in ("text", "facts")), *FULL],
)
def test_golden(name: str, output_format: str) -> None:
    path = GOLDEN / f"{name}{SUFFIXES[output_format]}"
    actual = "".join(facts(name)) if output_format == "facts" else output(name, output_format)
    if output_format == "json":
        # The version is not what these files are about.
        actual = actual.replace(f'"richc": "{__version__}"', '"richc": "0"')
    if output_format == "sarif":
        actual = _without_rules(actual)
    if os.environ.get("RICHC_UPDATE_GOLDEN"):
        path.write_text(actual, encoding="utf-8", newline="\n")

    expected = path.read_text(encoding="utf-8")

    assert expected == actual


def _without_rules(sarif: str) -> str:
    """Rules and version are tested in test_sarif.py: their pages change for their own reasons."""
    loaded = json.loads(sarif)
    (only,) = loaded["runs"]
    only["tool"]["driver"] = [rule["id"] for rule in only["tool"]["driver"]["rules"]]
    return json.dumps(loaded, indent=1, ensure_ascii=False) + "\n"


# ---- what JSON has beside the text -----------------------------------------------------------


def facts(name: str) -> Iterator[str]:
    """A line for each diagnostic, edit, suppressed finding, model, and run of layers alike."""
    file = report(name)
    for found in file["diagnostics"]:
        words = ("code", "slug", "severity", "desideratum", "layer")
        yield f"{_place(found['span'])} {_said(found[word] for word in words)}\n"
        for edit in found["edits"]:
            yield f"  {_place(edit['span'])} -> {edit['text']!r}\n"
    for result in run(name)["results"]:
        for suppression in result["suppressions"]:
            kind, reason = suppression["kind"], suppression.get("justification")
            region = result["locations"][0]["physicalLocation"]["region"]
            yield f"{_place(region)} {result['ruleId']} suppressed {_said((kind, reason))}\n"
    for model in map(_without_depth, file["models"]):
        layers, desiderata = model.pop("layers"), model.pop("desiderata")
        yield f"\n{_named(model)}\n  {_named(desiderata)}\n"
        for (*_, row), alike in groupby(enumerate(layers), _kind):
            names = [layer["name"] for _, layer in alike]
            yield f"  {' ... '.join(dict.fromkeys((names[0], names[-1])))}{row}\n"


def _without_depth(model: dict[str, Any]) -> dict[str, Any]:
    """A model without the keys that are null where there is no depth and no residual."""
    for part, keys in (
        (model, ("depth", "depth_point")),
        (model["desiderata"], ("D4",)),
        *((layer, ("L",)) for layer in model["layers"]),
    ):
        for key in keys:
            if part[key] is None:
                del part[key]
    return model


def _kind(numbered: tuple[int, dict[str, Any]]) -> tuple[str, int, str]:
    """The same for the layers of a repeated statement that differ in nothing but their number."""
    position, layer = numbered
    statement, _, number = layer["name"].partition(".")
    return (
        statement,
        int(number if number.isdigit() else 0) - position,
        _named(layer | {"name": ""}),
    )


def _place(span: dict[str, int]) -> str:
    line, column, end_line, end_column = span.values()
    return f"{line}:{column}-{end_column}" if line == end_line else f"{[*span.values()]}"


def _said(values: Iterable[object]) -> str:
    return " ".join("-" if value is None else str(value) for value in values)


def _named(record: dict[str, Any]) -> str:
    """Name and value of every key, in the report's order; a name alone where the value is it."""
    shown = []
    for key, value in record.items():
        if isinstance(value, dict):
            shown.append(f"{key}: {_named(value)}")
        elif isinstance(value, list):
            shown.append(f"{key}={','.join(value) or '-'}")
        elif key == "name":
            shown.append(value)
        else:
            shown.append(f"{key}={_said((value,))}")
    return " ".join(shown)


# ---- every format ----------------------------------------------------------------------------


@cache
def read(name: str) -> FileResult:
    path = GOLDEN / f"{name}.rich"
    return analyse(path.read_text(encoding="utf-8"), path.name)


def spans(result: FileResult, places: Iterable[Span]) -> list[list[int]]:
    """Line and column of both ends of each, from one."""
    ends = [(result.source.position(s.start), result.source.position(s.end)) for s in places]
    return [[*start, *end] for start, end in ends]


def with_label(found: Diagnostic) -> str:
    return f"{found.message}: {found.label}" if found.label else found.message


def with_notes(found: Diagnostic) -> str:
    notes = [f"note: {note}" for note in found.notes]
    return "\n".join([with_label(found), *notes, *([f"help: {found.help}"] if found.help else [])])


@pytest.mark.parametrize("name", NAMES)
def test_json_is_the_data(name: str) -> None:
    Report.model_validate_json(output(name, "json"))
    result = read(name)

    found = report(name)["diagnostics"]

    assert [
        (with_label(d), d.severity, d.code, d.slug, d.desideratum, d.layer, list(d.notes), d.help)
        for d in result.diagnostics
    ] == [
        (
            *(d["message"], d["severity"], d["code"], d["slug"], d["desideratum"], d["layer"]),
            *(d["notes"], d["help"]),
        )
        for d in found
    ]
    assert spans(result, (d.span for d in result.diagnostics)) == [
        list(d["span"].values()) for d in found
    ]
    for data, shown in zip(result.diagnostics, found, strict=True):
        assert [e.text for e in data.edits] == [e["text"] for e in shown["edits"]]
        assert spans(result, (e.span for e in data.edits)) == [
            list(e["span"].values()) for e in shown["edits"]
        ]


@pytest.mark.parametrize("name", NAMES)
def test_the_text_says_all_of_it(name: str) -> None:
    result = read(name)
    # The inferred exponents of a model share a snippet.
    told = [d for d in result.diagnostics if d.code != "R503"]
    inferred = [d for d in result.diagnostics if d.code == "R503"]

    starts = re.compile(r"^(?=(?:error|warning|info)\[|[✓✗] )", re.MULTILINE)
    parts = starts.split(output(name, "text"))[1:]
    blocks = [part for part in parts if part[0] not in "✓✗"]
    shared = [part for part in blocks if part.startswith("info[R503]")]

    places = spans(result, (d.span for d in told))
    for d, (line, column, *_), block in zip(
        told, places, [part for part in blocks if part not in shared], strict=True
    ):
        assert f"{d.severity}[{d.code}]: {d.message}" == block.splitlines()[0]
        assert f" --> {name}.rich:{line}:{column}\n" in block
        assert d.label in block
        assert all(label.text in block for label in d.labels)
        assert list(d.notes) == re.findall(r"^ *= note: (.*)$", block, re.MULTILINE)
        help_ = [f"{d.help}{'  [fix available]' if d.edits else ''}"] if d.help else []
        assert help_ == re.findall(r"^ *= help: (.*)$", block, re.MULTILINE)
    assert {d.model for d in inferred} == {re.findall("`(.*?)`", part)[0] for part in shared}
    assert all(d.label in "".join(shared) for d in inferred)


@pytest.mark.parametrize("name", NAMES)
def test_lines_are_the_data(name: str) -> None:
    """For editors and grep, and for GitHub's runner, read back as it does."""
    result = read(name)
    found = result.diagnostics
    places = spans(result, (d.span for d in found))
    levels = {"info": "notice"}

    assert [
        f"{name}.rich:{line}:{column}: {d.code} {d.severity}: {with_label(d)}"
        for d, (line, column, *_) in zip(found, places, strict=True)
    ] == output(name, "concise").splitlines()
    assert [
        (
            levels.get(d.severity, d.severity),
            {
                "file": f"{name}.rich",
                "line": str(line),
                "col": str(column),
                "endLine": str(end_line),
                "endColumn": str(end_column),
                "title": f"{d.code} {SLUGS[d.code]}",
            },
            with_notes(d),
        )
        for d, (line, column, end_line, end_column) in zip(found, places, strict=True)
    ] == [workflow.read(line) for line in output(name, "github").splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_sarif_is_the_data(name: str) -> None:
    """What is suppressed stands in it too."""
    result = read(name)
    found: list[tuple[Diagnostic, bool, str | None]] = [
        *((d, False, None) for d in result.diagnostics),
        *((s.diagnostic, True, s.reason) for model in result.models for s in model.suppressed),
    ]
    found.sort(key=lambda item: (item[0].span.start, item[0].code))
    levels = {"info": "note"}

    shown = run(name)["results"]

    for (d, is_suppressed, reason), told in zip(found, shown, strict=True):
        assert (levels.get(d.severity, d.severity), d.code) == (told["level"], told["ruleId"])
        assert with_notes(d) == told["message"]["text"]
        assert spans(result, [d.span]) == _regions(told["locations"])
        names = [part for part in (d.model, d.layer) if part]
        (location,) = told["locations"]
        assert [".".join(names)][: len(names)] == [
            logical["fullyQualifiedName"] for logical in location.get("logicalLocations", [])
        ]
        related = told.get("relatedLocations", [])
        assert spans(result, (label.span for label in d.labels)) == _regions(related)
        assert [label.text for label in d.labels] == [
            place.get("message", {"text": ""})["text"] for place in related
        ]
        changes = [c for fix in told.get("fixes", []) for c in fix["artifactChanges"]]
        edits = [
            (r["deletedRegion"], r["insertedContent"]["text"])
            for c in changes
            for r in c["replacements"]
        ]
        places = spans(result, (edit.span for edit in sorted(set(d.edits))))
        assert [(at, e.text) for at, e in zip(places, sorted(set(d.edits)), strict=True)] == [
            (list(region.values()), text) for region, text in edits
        ]
        assert {d.help} >= {fix["description"]["text"] for fix in told.get("fixes", [])}
        assert is_suppressed == bool(told["suppressions"])
        assert [reason][:is_suppressed] == [s.get("justification") for s in told["suppressions"]]


def _regions(locations: Iterable[dict[str, Any]]) -> list[list[int]]:
    return [list(place["physicalLocation"]["region"].values()) for place in locations]


def test_every_code_has_its_golden_file() -> None:
    """Here or among the bad inputs."""
    outputs = [*GOLDEN.glob("*.txt"), *BAD.glob("*.out")]
    text = "".join(path.read_text(encoding="utf-8") for path in outputs)

    shown = set(re.findall(r"^(?:error|warning|info)\[(R\d{3})\]", text, re.MULTILINE))

    assert set(SLUGS) == shown
