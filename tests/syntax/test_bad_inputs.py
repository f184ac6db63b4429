"""Every bad input has its message: ``bad/*.rich`` as ``richc check`` shows them in ``bad/*.out``.

``RICHC_UPDATE_GOLDEN=1 pytest tests/syntax`` writes the messages anew; their diff is then what to
review, as prose: one clear error for one mistake, at its place, with the way out.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from richc.cli.main import cli

BAD = Path(__file__).parent / "bad"
NAMES = sorted(path.stem for path in BAD.glob("*.rich"))


@pytest.mark.parametrize("name", NAMES)
def test_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    result = CliRunner().invoke(cli, ["check", "--color", "never", f"{name}.rich"])
    assert result.exit_code in (1, 2)
    actual = f"{result.output}exit {result.exit_code}\n"
    path = BAD / f"{name}.out"
    if os.environ.get("RICHC_UPDATE_GOLDEN"):
        path.write_text(actual, encoding="utf-8", newline="\n")

    expected = path.read_bytes().decode("utf-8")

    assert expected == actual


def test_every_message_has_its_input() -> None:
    assert NAMES == sorted(path.stem for path in BAD.glob("*.out"))
