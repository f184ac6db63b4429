"""One verdict through every door: Python, and the command line's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import richc
from richc.cli.main import cli
from tests.verdict.reference import judge
from tests.verdict.test_known import CASES, knobs, text


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_json_is_what_python_says(tmp_path: Path, activation: str) -> None:
    everything = "".join(
        text(case, activation).replace("model known", f"model known{index}")
        for index, case in enumerate(CASES)
    )
    path = tmp_path / "all.rich"
    path.write_text(everything, encoding="utf-8")

    printed = CliRunner().invoke(cli, ["check", "--format", "json", str(path)]).stdout

    assert richc.check(everything, str(path)).model_dump() == json.loads(printed)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_sentence_says_the_verdict(case: dict[str, Any]) -> None:
    """Text output ends with the same verdict in words."""
    expected = judge(case["optimizer"], case["options"].get("shape_factor"), knobs(case))

    result = CliRunner().invoke(cli, ["check", "-"], input=text(case))

    (line,) = (line for line in result.stdout.splitlines() if line[:1] in ("✓", "✗"))
    if expected.richness is None:
        assert line.startswith(f"✗ <stdin>: known: {expected.regime} (")
    else:
        point = {"mup": "μP (r = 1/2), ", "ntp": "NTP (r = 0), "}.get(
            expected.equivalent_to or "", f"r = {expected.richness}, "
        )
        assert line.startswith(f"✓ <stdin>: known: {point}")
    assert (0 if expected.richness is not None else 1) == result.exit_code
