"""What ``richc check`` prints, whole: ``golden/*.rich`` in every format.

``RICHC_UPDATE_GOLDEN=1 pytest tests/check`` writes the files anew; their diff is then what to
review.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from richc import __version__
from richc.cli.main import cli
from richc.report.schema import Report
from richc.rules import SLUGS

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.rich"))
SUFFIXES = {
    "text": ".txt",
    "concise": ".concise.txt",
    "json": ".json",
    "sarif": ".sarif",
    "github": ".github.txt",
}

BAD = GOLDEN.parents[1] / "syntax" / "bad"


@pytest.mark.parametrize("output_format", SUFFIXES)
@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, output_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)
    arguments = ["check", "--color", "never", "--format", output_format, f"{name}.rich"]
    actual = CliRunner().invoke(cli, arguments).output
    if output_format == "json":
        # The version is not what these files are about.
        actual = actual.replace(f'"richc": "{__version__}"', '"richc": "0"')
    if output_format == "sarif":
        actual = _without_rules(actual)
    path = GOLDEN / f"{name}{SUFFIXES[output_format]}"
    if os.environ.get("RICHC_UPDATE_GOLDEN"):
        path.write_text(actual, encoding="utf-8", newline="\n")

    expected = path.read_text(encoding="utf-8")

    assert expected == actual


def _without_rules(sarif: str) -> str:
    """Rules and version are tested in test_sarif.py: their pages change for their own reasons."""
    loaded = json.loads(sarif)
    (run,) = loaded["runs"]
    run["tool"]["driver"] = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    return json.dumps(loaded, indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_json_is_valid(name: str) -> None:
    Report.model_validate_json((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_formats_agree(name: str) -> None:
    text = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    lines = (GOLDEN / f"{name}.concise.txt").read_text(encoding="utf-8").splitlines()
    (file,) = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))["files"]

    found = [(d["severity"], d["code"]) for d in file["diagnostics"]]

    shown = re.findall(r"^(error|warning|info)\[(R\d{3})\]", text, re.MULTILINE)
    # The text has the inferred exponents of a model in one snippet.
    assert [f for f in found if f[1] != "R503"] == [f for f in shown if f[1] != "R503"]
    assert (("info", "R503") in found) == (("info", "R503") in shown)
    assert found == [tuple(reversed(line.split(": ")[1].split()[:2])) for line in lines]


@pytest.mark.parametrize("name", NAMES)
def test_other_programs_are_told_the_same(name: str) -> None:
    lines = (GOLDEN / f"{name}.github.txt").read_text(encoding="utf-8").splitlines()
    (run,) = json.loads((GOLDEN / f"{name}.sarif").read_text(encoding="utf-8"))["runs"]
    (file,) = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))["files"]
    shown = [result for result in run["results"] if not result["suppressions"]]
    places = [result["locations"][0]["physicalLocation"]["region"] for result in shown]
    spans = [d["span"] for d in file["diagnostics"]]

    found = [(d["severity"].replace("info", "note"), d["code"]) for d in file["diagnostics"]]

    assert found == [(result["level"], result["ruleId"]) for result in shown]
    assert [
        (severity.replace("note", "notice"), f"{code} {SLUGS[code]}") for severity, code in found
    ] == re.findall(r"^::(\w+) .*?,title=(.*?)::", "\n".join(lines), re.MULTILINE)
    assert [[s["line"], s["column"], s["end_line"], s["end_column"]] for s in spans] == [
        list(place.values()) for place in places
    ]


def test_every_code_has_its_golden_file() -> None:
    """Here or among the bad inputs."""
    outputs = [*GOLDEN.glob("*.txt"), *BAD.glob("*.out")]
    text = "".join(path.read_text(encoding="utf-8") for path in outputs)

    shown = set(re.findall(r"^(?:error|warning|info)\[(R\d{3})\]", text, re.MULTILINE))

    assert set(SLUGS) == shown
