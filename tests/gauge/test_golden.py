"""Files in other gauges, whole: ``golden/*.rich`` moved to the targets on their first line.

``RICHC_UPDATE_GOLDEN=1 pytest tests/gauge`` writes the files anew; their diff is then what to
review.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from richc.cli.main import cli

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.rich"))


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)
    text = Path(f"{name}.rich").read_text(encoding="utf-8")
    shown = []
    for target in text.splitlines()[0].removeprefix("# targets: ").split():
        arguments = ["gauge", "-", "--to", target, "--stdin-filename", f"{name}.rich"]
        run = CliRunner().invoke(cli, arguments, input=text)
        output = run.output.replace(text, "(as it is)\n")
        shown.append(f"---- --to {target}: exit {run.exit_code}\n{output}")
    path = Path(f"{name}.out")
    if os.environ.get("RICHC_UPDATE_GOLDEN"):
        path.write_text("\n".join(shown), encoding="utf-8", newline="\n")

    expected = path.read_text(encoding="utf-8")

    assert expected == "\n".join(shown)
