"""``richc compile`` and ``richc.compile``: which model, which refusals, which bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import richc
from richc.cli.main import cli
from richc.emit import MARKER

GOOD = """
model {name} {{
  width n = 32
  parameterization mup
  input 4
  a: dense -> n
  relu
  b: dense -> 2
  optimizer sgd {{ lr = {lr} }}
  loss mse
  train {{ data = "data/d.csv" }}
}}
"""
SPEC = GOOD.format(name="good", lr="0.1")
#: A rate that grows with the width breaks D0 and D1.
BAD = GOOD.format(name="bad", lr="0.1 * n")
BROKEN = "model broken {\n  width n = \n}\n"


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["compile", *arguments], input=text)


def body(program: bytes) -> bytes:
    """A program without its header."""
    return program[program.index(b'"""') :]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "good.rich"
    path.write_text(SPEC)
    return path


def test_stdout_file_and_api_hold_the_same_bytes(spec: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.py"

    to_stdout = run(str(spec))
    to_file = run(str(spec), "-o", str(target))
    from_stdin = run("-", text=SPEC)

    assert [r.exit_code for r in (to_stdout, to_file, from_stdin)] == [0, 0, 0]
    assert to_file.output == ""
    assert to_stdout.stdout_bytes == target.read_bytes()
    # Only a file can be named in the header.
    assert richc.compile(SPEC).encode() == from_stdin.stdout_bytes
    assert body(from_stdin.stdout_bytes) == body(target.read_bytes())
    assert target.read_text(encoding="utf-8").startswith(MARKER)


def test_violations(tmp_path: Path) -> None:
    """Refused, with the diagnostics; compiled when allowed, with the reasons in the docstring."""
    target = tmp_path / "bad.py"

    refused = run("-", "-o", str(target), text=BAD)
    allowed = run("-", "-o", str(target), "--allow-violations", text=BAD)

    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert "error[R" in refused.stderr
    assert "--allow-violations" in refused.stderr
    assert allowed.exit_code == 0
    docstring = target.read_text(encoding="utf-8").split('"""')[1]
    assert "WARNING" in docstring
    assert "- R" in docstring
    with pytest.raises(richc.RichError, match=r"error\[R"):
        richc.compile(BAD)
    assert richc.compile(BAD, allow_violations=True) == target.read_text(encoding="utf-8")


@pytest.mark.parametrize("allowed", [[], ["--allow-violations"]])
@pytest.mark.parametrize("text", [BROKEN, "", "model", SPEC.replace("relu", "rleu")])
def test_errors_of_syntax_and_spec(text: str, allowed: list[str]) -> None:
    result = run("-", *allowed, text=text)

    assert result.exit_code in (1, 2)
    assert result.stdout == ""
    assert result.stderr
    with pytest.raises(richc.RichError):
        richc.compile(text, allow_violations=bool(allowed))


def test_several_models() -> None:
    unknown = GOOD.format(name="broken", lr="k")
    text = SPEC + BAD + unknown

    unnamed, wrong, good, bad, broken = (
        run("-", *name, text=text)
        for name in ([], ["--model=other"], ["--model=good"], ["--model=bad"], ["--model=broken"])
    )

    assert [r.exit_code for r in (unnamed, wrong, bad, broken)] == [2, 2, 1, 1]
    assert "good, bad" in unnamed.stderr
    assert "other" in wrong.stderr
    assert "class Good(" in good.stdout
    assert "`bad`" in bad.stderr
    assert "`k`" in broken.stderr
    # What does not parse may be part of any model.
    assert run("-", "--model=good", text=SPEC + BROKEN).exit_code == 1


def test_unusable_paths(spec: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.py"
    foreign.write_text("precious")
    (tmp_path / "latin.rich").write_bytes(b"# caf\xe9\n")
    for arguments in (
        [str(tmp_path / "missing.rich")],
        [str(tmp_path)],
        [str(tmp_path / "latin.rich")],
        [str(spec), "-o", str(foreign)],
        [str(spec), "-o", str(tmp_path)],
        [str(spec), "-o", str(tmp_path / "no" / "folder.py")],
    ):
        result = run(*arguments)

        assert result.exit_code == 2, arguments
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1, result.stderr
    assert foreign.read_text() == "precious"
    assert run(str(spec), "-o", str(foreign), "--force").exit_code == 0


def test_same_bytes_wherever_they_go(spec: Path, tmp_path: Path) -> None:
    """The data's path stays as the file has it: the program depends on the model alone."""
    (tmp_path / "src").mkdir()
    run(str(spec), "-o", str(tmp_path / "src" / "net.py"))
    run(str(spec), "-o", str(tmp_path / "net.py"))
    printed = run(str(spec)).stdout_bytes

    assert (tmp_path / "src" / "net.py").read_bytes() == printed
    assert (tmp_path / "net.py").read_bytes() == printed
    assert b'DATA, TARGET = "data/d.csv", ' in printed


def test_needs_no_torch(spec: Path, tmp_path: Path) -> None:
    """Where torch cannot be imported, nothing notices."""
    (tmp_path / "torch.py").write_text("raise ImportError")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}

    done = subprocess.run(
        [sys.executable, "-m", "richc", "compile", str(spec)], env=environment, capture_output=True
    )

    assert done.returncode == 0
    assert done.stdout.startswith(MARKER.encode())


# ---- is it up to date? -----------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--with", "ckpt,log"], ["--module-only"]])
def test_check(options: list[str], spec: Path, tmp_path: Path) -> None:
    """The header has all that is needed to compile again."""
    target = tmp_path / "out.py"
    assert run(str(spec), "-o", str(target), *options).exit_code == 0
    fresh = run("--check", str(target))
    text = target.read_text(encoding="utf-8")

    target.write_text(text + "# mine\n", encoding="utf-8")
    edited = run("--check", str(target))
    target.write_text(text, encoding="utf-8")
    spec.write_text(SPEC.replace("lr = 0.1", "lr = 0.2"))
    stale = run("--check", str(target))
    spec.unlink()
    lost = run("--check", str(target))

    assert [r.exit_code for r in (fresh, edited, stale, lost)] == [0, 1, 1, 2]
    assert "up to date" in fresh.stdout
    assert "was edited" in edited.stdout
    assert "has changed since" in stale.stdout
    assert all(r.output.count("\n") == 1 for r in (fresh, edited, stale, lost))


def test_check_of_other_files(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import torch\n")
    (tmp_path / "piped.py").write_text(run("-", text=SPEC).stdout, encoding="utf-8")
    for name in ("mine.py", "piped.py", "none.py"):
        assert run("--check", str(tmp_path / name)).exit_code == 2
    assert run("--check", str(spec), "--with", "log").exit_code == 2


def test_the_model_is_not_overwritten(spec: Path) -> None:
    assert run(str(spec), "-o", str(spec), "--force").exit_code == 2
    assert spec.read_text() == SPEC


def test_module_only(spec: Path) -> None:
    text = run(str(spec), "--module-only").stdout

    assert "class Good(" in text
    assert "def main(" not in text
    assert run(str(spec), "--module-only", "--with", "log").exit_code == 2
