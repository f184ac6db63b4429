"""A file's name is shown, not obeyed: terminals have commands that a name can hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from richc.cli.main import cli

NAME = "a\x1b[31m\nb\x9b\u202e.rich"
SHOWN = r"a\x1b[31m\nb\x9b\u202e.rich"


@pytest.mark.parametrize("text", ["modle x", "model m { }", "\0"])
@pytest.mark.parametrize(
    "command",
    [
        ["check", "--color=always"],
        ["check", "--color=always", "--format=concise"],
        ["fmt", "--check"],
        ["fix"],
        ["compile"],
    ],
)
def test_names_are_escaped(command: list[str], text: str, tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_text(text)

    run = CliRunner().invoke(cli, [*command, str(path)], color=True)

    assert SHOWN in run.output, run.output
    assert "\x1b[31m\n" not in run.output
    assert "\x9b" not in run.output
