"""``-q`` of every command: what is told on the way is left out, results are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc.cli.main import cli

#: They print what they are asked for, and tell nothing.
_ONLY_PRINTING = {"completion", "explain", "lsp", "rules", "schema"}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_every_command_that_tells_has_it() -> None:
    context = cli.make_context("richc", ["check"])
    commands = {name: cli.get_command(context, name) for name in cli.list_commands(context)}

    without = {
        name
        for name, command in commands.items()
        if command is not None and not any("-q" in option.opts for option in command.params)
    }

    assert without == _ONLY_PRINTING


def test_of_two_models_the_verdict(examples: Path) -> None:
    files = [str(examples / f"gauge_{name}.rich") for name in ("mup", "stp")]
    whole, quiet = run("equiv", *files), run("equiv", "-q", *files)

    assert quiet.stdout == whole.stdout.splitlines(keepends=True)[0]
    assert quiet.exit_code == whole.exit_code == 0


def test_of_a_map_the_places(examples: Path) -> None:
    file = str(examples / "gauge_mup.rich")
    whole, quiet = run("map", file), run("map", "-q", file)

    assert quiet.stdout
    assert whole.stdout.endswith(quiet.stdout)
    assert "NTP" not in quiet.stdout


@pytest.mark.parametrize("is_edited", [False, True])
def test_of_a_compiled_file_only_that_it_is_another(
    is_edited: bool, examples: Path, tmp_path: Path
) -> None:
    out = tmp_path / "digits.py"
    assert not run("compile", "-q", str(examples / "digits_ntp.rich"), "-o", str(out)).output
    out.write_text(out.read_text() + "# mine\n" * is_edited)

    found = run("compile", "--check", "-q", str(out))

    assert (int(is_edited), is_edited) == (found.exit_code, bool(found.stdout))
