"""What ``richc check`` prints, whole: ``golden/*.rich`` as text, concise lines and JSON.

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
SUFFIXES = {"text": ".txt", "concise": ".concise.txt", "json": ".json"}

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
    path = GOLDEN / f"{name}{SUFFIXES[output_format]}"
    if os.environ.get("RICHC_UPDATE_GOLDEN"):
        path.write_text(actual, encoding="utf-8", newline="\n")

    expected = path.read_text(encoding="utf-8")

    assert expected == actual


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


def test_every_code_has_its_golden_file() -> None:
    """Here or among the bad inputs."""
    outputs = [*GOLDEN.glob("*.txt"), *BAD.glob("*.out")]
    text = "".join(path.read_text(encoding="utf-8") for path in outputs)

    shown = set(re.findall(r"^(?:error|warning|info)\[(R\d{3})\]", text, re.MULTILINE))

    assert set(SLUGS) == shown
