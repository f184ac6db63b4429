"""``richc fmt`` from outside: files, folders and standard input; exit codes and words."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc.cli.main import cli

TYPED = """model net {
  width n=256
  input 16   # keep me
}
"""
LAID_OUT = """model net {
  width n = 256
  input 16                               # keep me
}
"""
BROKEN = "model net {\n  width  n 256\n}\n"


def run(*arguments: str, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["fmt", *arguments], input=text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "net.rich"
    path.write_bytes(TYPED.encode())
    return path


def test_a_file_is_rewritten_in_place(path: Path) -> None:
    path.chmod(0o640)

    result = run(str(path))

    assert (0, "", f"{path}: formatted\n") == (result.exit_code, result.stdout, result.stderr)
    assert LAID_OUT.encode() == path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [path] == list(path.parent.iterdir())


def test_what_is_laid_out_is_left_alone(path: Path) -> None:
    path.write_bytes(LAID_OUT.encode())
    before = path.stat()

    result = run(str(path))

    assert (0, "") == (result.exit_code, result.output)
    assert (before.st_mtime_ns, before.st_ino) == (path.stat().st_mtime_ns, path.stat().st_ino)
    assert (0, "") == (run("--check", str(path)).exit_code, run("--diff", str(path)).output)


def test_check(path: Path) -> None:
    result = run("--check", str(path))

    assert (1, "", f"{path}: would be formatted\n") == (
        result.exit_code,
        result.stdout,
        result.stderr,
    )
    assert TYPED.encode() == path.read_bytes()


def test_diff(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)

    result = run("--diff", "net.rich")

    assert result.exit_code == 1
    assert (
        """--- net.rich
+++ net.rich
@@ -1,4 +1,4 @@
 model net {
-  width n=256
-  input 16   # keep me
+  width n = 256
+  input 16                               # keep me
 }
"""
        == result.stdout
    )
    assert TYPED.encode() == path.read_bytes()


@pytest.mark.parametrize("text", [TYPED, LAID_OUT])
def test_standard_input_goes_to_standard_output(text: str) -> None:
    result = run("-", text=text)

    assert (0, LAID_OUT) == (result.exit_code, result.stdout)


def test_the_name_of_standard_input() -> None:
    result = run("--check", "-", "--stdin-filename", "a/net.rich", text=TYPED)

    assert (1, "a/net.rich: would be formatted\n") == (result.exit_code, result.stderr)


def test_standard_input_shown_as_a_file_that_is_named_too(path: Path) -> None:
    result = run("--stdin-filename", str(path), "-", str(path), text=TYPED)

    assert (0, LAID_OUT) == (result.exit_code, result.stdout)
    assert LAID_OUT.encode() == path.read_bytes()


def test_line_ends_and_the_mark_stay(path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    path.write_bytes(mark + TYPED.replace("\n", "\r\n").encode())

    assert run(str(path)).exit_code == 0
    assert mark + LAID_OUT.replace("\n", "\r\n").encode() == path.read_bytes()


def test_line_ends_and_the_mark_of_standard_input_stay() -> None:
    mark = b"\xef\xbb\xbf"

    result = run("-", text=mark + TYPED.replace("\n", "\r\n").encode())

    assert mark + LAID_OUT.replace("\n", "\r\n").encode() == result.stdout_bytes


def test_errors_of_syntax_are_shown_and_nothing_is_touched(path: Path) -> None:
    path.write_text(BROKEN, encoding="utf-8")
    good = path.with_name("other.rich")
    good.write_bytes(TYPED.encode())

    result = run(str(path.parent))

    assert (1, "") == (result.exit_code, result.stdout)
    assert "error[R001]: `=` is missing after `n`" in result.stderr
    assert f"{path}: left as it is\n" in result.stderr
    assert path.read_text(encoding="utf-8") == BROKEN
    # The others are laid out all the same.
    assert LAID_OUT.encode() == good.read_bytes()


def test_standard_input_with_errors_comes_back() -> None:
    result = run("-", text=BROKEN)

    assert (1, BROKEN) == (result.exit_code, result.stdout)
    assert "<stdin>:2:10" in result.stderr


def test_a_model_that_fails_its_check_is_laid_out(path: Path) -> None:
    path.write_text("model net { loss l2 }", encoding="utf-8")

    assert run(str(path)).exit_code == 0
    assert path.read_text(encoding="utf-8") == "model net {\n  loss l2\n}\n"


def test_what_cannot_be_read(path: Path) -> None:
    path.with_name("binary.rich").write_bytes(b"\0")

    result = run(str(path.parent))

    assert result.exit_code == 2
    assert "cannot read: this is a binary file" in result.stderr
    assert LAID_OUT.encode() == path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.rich"], "there is no file or folder 'missing.rich'"),
        (["--frobnicate"], "there is no option `--frobnicate`"),
    ],
)
def test_wrong_usage(
    arguments: list[str], words: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)

    result = run(*arguments)

    assert result.exit_code == 2
    assert words in result.output
    assert TYPED.encode() == path.read_bytes()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_protected_file_is_an_error(path: Path) -> None:
    path.chmod(0o444)

    result = run(str(path))

    assert result.exit_code == 2
    assert "write-protected" in result.output
