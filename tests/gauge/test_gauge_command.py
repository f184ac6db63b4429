"""``richc gauge``: files, standard streams, exit codes."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc.cli.main import cli
from tests.gauge.rewriting import model, move

TEXT = model(
    "a: dense -> n { var = 1 / fan_in, lr = alpha^2 }",
    "b: dense -> 2 { var = 1 / (alpha^2 * fan_in), lr = 1 / fan_in }",
)
MOVED = move(TEXT, "mup")


def run(*arguments: str | Path, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["gauge", *map(str, arguments)], input=text)


@pytest.mark.parametrize("name", ["digits_mup_sgd", "digits_quarter"])
@pytest.mark.parametrize("to", ["mup", "rescaling"])
def test_a_file_that_is_laid_out_stays_so(
    name: str, to: str, examples: Path, tmp_path: Path
) -> None:
    """And comes back byte for byte."""
    path = Path(shutil.copy(examples / f"{name}.rich", tmp_path))
    before = path.read_text(encoding="utf-8")

    there = run(path, "--to", to, "-q")
    moved = path.read_text(encoding="utf-8")
    laid_out = CliRunner().invoke(cli, ["fmt", "--check", str(path)])
    run(path, "--to", "stp")

    assert (0, "") == (there.exit_code, there.output)
    assert moved != before
    assert 0 == laid_out.exit_code
    assert before == path.read_text(encoding="utf-8")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "net.rich"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_in_place(path: Path) -> None:
    path.chmod(0o640)

    result = run(path, "--to", "mup")

    assert (0, "", f"{path} rewritten: mup\n") == (result.exit_code, result.stdout, result.stderr)
    assert path.read_text(encoding="utf-8") == MOVED
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [path] == list(path.parent.iterdir())

    again = run(path, "--to", "mup")

    assert (0, f"{path} unchanged: mup\n") == (again.exit_code, again.output)


def test_an_unchanged_file_is_not_written(path: Path) -> None:
    os.utime(path, (1, 1))

    assert run(path, "--to", "stp").exit_code == 0
    assert path.stat().st_mtime == 1


def test_check(path: Path) -> None:
    would = run(path, "--to", "mup", "--check")
    would_not = run(path, "--to", "stp", "--check")

    assert (1, f"{path} would change\n") == (would.exit_code, would.output)
    assert (0, "") == (would_not.exit_code, would_not.output)
    assert path.read_text(encoding="utf-8") == TEXT


def test_diff(path: Path) -> None:
    result = run(path, "--to", "mup", "--diff")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [f"--- {path}", f"+++ {path}"] == lines[:2]
    assert [line[1:] for line in lines if line[0] == "+"][1:] == [
        line for line in MOVED.splitlines() if line not in TEXT.splitlines()
    ]
    assert run(path, "--to", "mup", "--diff", "--check").exit_code == 1
    assert run(path, "--to", "stp", "--diff").stdout == ""
    assert path.read_text(encoding="utf-8") == TEXT


def test_standard_streams() -> None:
    assert (0, MOVED) == ((result := run("-", "--to", "mup", text=TEXT)).exit_code, result.stdout)
    assert run("-", "--to", "stp", text=TEXT).stdout == TEXT


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_bytes_that_are_no_text_are_kept(mark: bytes, end: str, path: Path) -> None:
    path.write_bytes(mark + TEXT.replace("\n", end).encode())

    assert run(path, "--to", "mup").exit_code == 0
    assert path.read_bytes() == mark + MOVED.replace("\n", end).encode()


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.rich"
    link.symlink_to(path.name)

    assert run(link, "--to", "mup").exit_code == 0
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8") == MOVED


def test_failure_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = run(path, "--to", "mup")

    assert (2, f"error: {path}: No space left on device\n") == (result.exit_code, result.stderr)
    assert path.read_text(encoding="utf-8") == TEXT
    assert [path] == list(path.parent.iterdir())


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anything")
def test_a_protected_file_is_left_alone(path: Path) -> None:
    path.chmod(0o444)

    assert "write-protected" in (result := run(path, "--to", "mup")).stderr
    assert (2, TEXT) == (result.exit_code, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--to is missing"),
        (["--to", "spt"], "neither a gauge"),
        (["--to", "c.a=0"], "model `net` has no layer `c`"),
        (["--to", "mup", "--model", "nat"], "no model `nat` in these files; did you mean `net`?"),
    ],
)
def test_wrong_usage(arguments: list[str], reason: str, path: Path) -> None:
    result = run(path, *arguments)

    assert result.exit_code == 2
    assert reason in result.stderr
    assert path.read_text(encoding="utf-8") == TEXT


def test_what_cannot_be_read(tmp_path: Path) -> None:
    missing = run(tmp_path / "none.rich", "--to", "mup")
    folder = run(tmp_path, "--to", "mup")
    empty = run("-", "--to", "mup", text="# nothing\n")

    assert [2, 2, 1] == [missing.exit_code, folder.exit_code, empty.exit_code]
    assert "No such file" in missing.stderr
    assert "not a regular file" in folder.stderr
    assert "R002" in empty.stderr


def test_errors_of_names(path: Path) -> None:
    text = TEXT.replace("lr = alpha^2", "lr = alfa^2")
    path.write_text(text, encoding="utf-8")

    result = run(path, "--to", "mup")

    assert (1, "") == (result.exit_code, result.stdout)
    assert "error[R010]: unknown name `alfa`" in result.stderr
    assert path.read_text(encoding="utf-8") == text


def test_refusals(path: Path) -> None:
    result = run(path, "--to", "a=0,c=0")

    assert (1, "") == (result.exit_code, result.stdout)
    assert "error[R501]: no gauge of `a` has a = 0 and c = 0" in result.stderr
    assert "^^^^^^^ a = 0 takes θ = 0, c = 0 takes θ = -1/2" in result.stderr
    assert path.read_text(encoding="utf-8") == TEXT


def test_one_of_several_models() -> None:
    other, broken = TEXT.replace("net", "other"), TEXT.replace("net", "broken").replace("16", "0")

    one = run("-", "--to", "mup", "--model", "other", text=TEXT + other + broken)
    both = run("-", "--to", "mup", text=TEXT + other)
    all_three = run("-", "--to", "mup", text=TEXT + other + broken)

    assert (0, TEXT + MOVED.replace("net", "other") + broken) == (one.exit_code, one.stdout)
    assert (0, MOVED + MOVED.replace("net", "other")) == (both.exit_code, both.stdout)
    assert (1, "") == (all_three.exit_code, all_three.stdout)


def test_requirements_that_no_longer_hold() -> None:
    text = TEXT.replace("  optimizer", "  require gauge stp\n  optimizer")

    result = run("-", "--to", "mup", text=text)

    assert result.exit_code == 0
    assert "note: <stdin>:8: in that gauge, this model is not in the STP gauge\n" == result.stderr


@pytest.mark.parametrize("options", [("--check",), ()])
def test_terminals_obey_no_path(options: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "\x1b[31mnet.rich"
    path.write_text(TEXT, encoding="utf-8")

    result = run(path, "--to", "mup", *options)

    assert result.output.rstrip("\n").isprintable()
    assert "net.rich" in result.output
