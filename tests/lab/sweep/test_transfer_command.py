"""``richc transfer`` from outside."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc.cli.main import cli

EXAMPLES = Path("examples").absolute()
MUP, SP = str(EXAMPLES / "digits_mup_sgd.rich"), str(EXAMPLES / "digits_sp_fails.rich")
TINY = ("--widths", "8,16", "--count", "4", "--seeds", "1", "--steps", "3", "--workers", "1")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["transfer", *arguments])


def test_a_sweep_is_kept_and_goes_on(tmp_path: Path) -> None:
    output = tmp_path / "runs.jsonl"
    first = run(MUP, *TINY, "-o", str(output))
    lines = output.read_text().splitlines()
    output.write_text("\n".join(lines[:4]) + "\n" + lines[4][:9])
    again = run(MUP, *TINY, "-o", str(output))

    assert 4 == first.exit_code  # two widths and one seed tell nothing
    assert "undecided" in first.output
    assert "3 of them from before" in again.output
    assert sorted(lines) == sorted(output.read_text().splitlines())
    # The same tables.
    assert first.output.splitlines()[3:] == again.output.splitlines()[3:]


def test_what_is_predicted_of_sp() -> None:
    found = run(SP, "--widths", "32,256", "--steps", "10", "--seeds", "2", "--workers", "1", "-q")
    assert (4, False) == (found.exit_code, "carries over" in found.output)
    assert "(n^-1 to n^-1/2)" in found.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((MUP, "--data", "nowhere.csv"), "nowhere.csv"),
        ((MUP, "-o", "no/such/runs.jsonl"), "no/such/runs.jsonl: No such file"),
        ((SP, "--param", "gamma"), "gamma"),
        ((MUP, "--widths", "64"), "two widths"),
        ((MUP, "--param", "depth"), "'depth' is not one of"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(arguments: tuple[str, ...], message: str) -> None:
    found = run(*arguments)
    assert 2 == found.exit_code
    assert message in found.output
    assert "Traceback" not in found.output
