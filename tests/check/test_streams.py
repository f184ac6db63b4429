"""Outputs that cannot be written and inputs that cannot be read: one line, and exit code 2."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from richc.cli.main import COMMANDS

FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")

GOOD = """\
model net {
  width n = 64
  parameterization mup
  input 16
  h1: dense -> n
  tanh
  out: dense -> 10
  optimizer adam
}
"""
FAILING = GOOD.replace("-> n", "-> n { lr = 1 / n^3 }")

FACTORY = """\
import torch
from torch import nn


def make(n):
    model = nn.Sequential(nn.Linear(4, n), nn.ReLU(), nn.Linear(n, 2))
    return model, torch.optim.SGD(model.parameters(), lr=0.1), torch.randn(8, 4), torch.sum
"""

#: Of every command that writes to standard output, something that it writes.
WRITING = {
    "check": ["check", "net.rich"],
    "check of a file with errors": ["check", "failing.rich"],
    "check as JSON": ["check", "--format=json", "net.rich"],
    "check as SARIF": ["check", "--format=sarif", "net.rich"],
    "check for GitHub": ["check", "--format=github", "failing.rich"],
    "compile": ["compile", "net.rich"],
    "completion": ["completion", "bash"],
    "equiv": ["equiv", "net.rich", "net.rich"],
    "explain a file": ["explain", "net.rich"],
    "explain a rule": ["explain", "R401"],
    "fix": ["fix", "--diff", "failing.rich"],
    "fmt": ["fmt", "--diff", "untidy.rich"],
    "fmt of standard input": ["fmt", "-"],
    "gauge": ["gauge", "net.rich", "--to", "mup", "--diff"],
    "help": ["--help"],
    "init": ["init", "--from", "digits_ntp", "-o", "-"],
    "help of a command": ["verify", "--help"],
    "map": ["map", "net.rich"],
    "report": ["report", "net.rich"],
    "rules": ["rules"],
    "schema": ["schema", "spec"],
    "scale": ["scale", "net.rich", "--points=1/2", "--widths=4,8", "--steps=1", "--seeds=1"],
    "verify": ["verify", "net.rich", "--widths=4,8", "--steps=1", "--seeds=1"],
    "version": ["--version"],
}
WRITING["audit"] = ["audit", "factory.py:make", "--read-only"]
#: Of every command that reads standard input.
READING = {
    "check": ["check", "-"],
    "compile": ["compile", "-"],
    "equiv": ["equiv", "net.rich", "-"],
    "explain": ["explain", "-"],
    "fix": ["fix", "-"],
    "fmt": ["fmt", "-"],
    "gauge": ["gauge", "-", "--to", "mup"],
    "lsp": ["lsp"],
    "map": ["map", "-"],
    "report": ["report", "-"],
    "scale": ["scale", "-"],
    "train": ["train", "-"],
    "transfer": ["transfer", "-"],
    "verify": ["verify", "-"],
}


def test_every_command_is_tried() -> None:
    tried = {arguments[0] for arguments in [*WRITING.values(), *READING.values()]}

    assert tried >= set(COMMANDS)


class Run(NamedTuple):
    code: int
    errors: str


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.rich").write_text(GOOD, encoding="utf-8")
    (tmp_path / "failing.rich").write_text(FAILING, encoding="utf-8")
    (tmp_path / "factory.py").write_text(FACTORY, encoding="utf-8")
    (tmp_path / "untidy.rich").write_text(GOOD.replace("  ", "   "), encoding="utf-8")
    return tmp_path


def shell(folder: Path, arguments: Sequence[str], redirections: str) -> Run:
    """Run richc with streams as a shell redirects them; standard error goes to a file."""
    script = f'"$0" -m richc "$@" {redirections}'
    bash = shutil.which("bash")
    assert bash is not None
    run = subprocess.run(
        [bash, "-c", script, sys.executable, *arguments],
        cwd=folder,
        timeout=120,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return Run(run.returncode, (folder / "errors").read_text(encoding="utf-8"))


#: These import torch, and write as `check` does.
_LONG = pytest.mark.nightly


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=_LONG if name in ("scale", "verify") else ()) for name in WRITING],
)
def test_full_output(name: str, folder: Path) -> None:
    run = shell(folder, WRITING[name], f"< net.rich > {FULL} 2> errors")

    assert (2, "error: standard output: No space left on device") == _last(run)
    assert "bug" not in run.errors


@pytest.mark.parametrize("name", ["check", "compile", "explain a rule", "fmt", "map", "help"])
def test_closed_output(name: str, folder: Path) -> None:
    run = shell(folder, WRITING[name], "< net.rich >&- 2> errors")

    assert (2, "error: standard output: Bad file descriptor") == _last(run)
    assert "Traceback" not in run.errors


def _last(run: Run) -> tuple[int, str]:
    return run.code, run.errors.splitlines()[-1]


@pytest.mark.parametrize(
    "name", ["check", "check as JSON", "compile", "explain a rule", "fmt", "help", "report"]
)
def test_a_pipe_that_nobody_reads_is_left_quietly(name: str, folder: Path) -> None:
    run = shell(folder, WRITING[name], "< net.rich 2> errors | true; exit ${PIPESTATUS[0]}")

    assert run.code == 2
    assert set(run.errors.splitlines()) <= {"untidy.rich: would be formatted"}


@pytest.mark.parametrize("name", READING)
def test_closed_input(name: str, folder: Path) -> None:
    run = shell(folder, READING[name], "<&- > output 2> errors")

    said = run.errors + (folder / "output").read_text(encoding="utf-8")
    assert run.code == 2
    assert said.count("standard input") == 1
    assert "Traceback" not in said
    assert "bug" not in said


@pytest.mark.parametrize("arguments", [["fmt", "--check", "untidy.rich"], ["check", "nowhere"]])
def test_full_errors(arguments: list[str], folder: Path) -> None:
    run = shell(folder, arguments, f"> errors 2> {FULL}")

    assert (2, "") == run


def test_closed_errors_are_silence(folder: Path) -> None:
    run = shell(folder, ["fmt", "untidy.rich"], "> errors 2>&-")

    assert (0, "") == run
    assert (folder / "untidy.rich").read_text(encoding="utf-8") == GOOD


def test_no_file_becomes_a_standard_stream(folder: Path) -> None:
    """The first file that is opened would be standard input, or what errors are written to."""
    run = shell(
        folder, ["compile", "net.rich", "-o", "net.py"], "<&- >&- 2>&- || exit $?; : > errors"
    )

    assert run.code == 0
    compile((folder / "net.py").read_text(encoding="utf-8"), "net.py", "exec")


def test_what_writes_nothing_needs_no_output(folder: Path) -> None:
    run = shell(folder, ["fmt", "untidy.rich"], ">&- 2> errors")

    assert (0, "untidy.rich: formatted\n") == run


@pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")
def test_the_first_lines_are_there(folder: Path) -> None:
    run = shell(folder, ["rules"], "2> errors | head -n 1 | grep -q '^code'")

    assert (0, "") == run


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="no name for standard input")
@pytest.mark.parametrize("command", [["fmt"], ["fix"], ["gauge", "--to=mup"]], ids=" ".join)
def test_the_file_behind_standard_input_is_not_rewritten(command: list[str], folder: Path) -> None:
    text = FAILING.replace("  ", "   ")
    (folder / "net.rich").write_text(text, encoding="utf-8")

    run = shell(folder, [*command, "/dev/stdin"], "< net.rich 2> errors")

    assert run.code == 2
    assert "/dev/stdin: is somebody's open file; `-` is standard input" in run.errors
    assert (folder / "net.rich").read_text(encoding="utf-8") == text
