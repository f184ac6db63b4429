"""``richc fix`` from outside: text in, diff and words out.

``RICHC_UPDATE_GOLDEN=1 pytest tests/fix`` writes the golden files anew.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc import fix
from richc.cli.main import cli
from richc.pipeline import analyse

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.rich"))

BROKEN = """model net {
  width n = 256
  input 16
  h1: dense -> n { std = 1, lr = n }   # keep me
  tanh
  out: dense -> 10 { std = 1 / n, lr = n }
  optimizer sgd { lr = 0.1 }
}
"""
MENDED = BROKEN.replace("lr = n }\n  optimizer", "lr = n0^2 / n }\n  optimizer").replace(
    "n = 256", "n = 256, base n0 = 256"
)


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["fix", *arguments], input=text)


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)
    result = run("--diff", f"{name}.rich")
    actual = f"{result.stdout}----\n{result.stderr}exit {result.exit_code}\n"
    path = GOLDEN / f"{name}.out"
    if os.environ.get("RICHC_UPDATE_GOLDEN"):
        path.write_text(actual, encoding="utf-8", newline="\n")

    assert path.read_text(encoding="utf-8") == actual


def test_a_file_that_is_laid_out_stays_so(examples: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(examples / "holes.rich", tmp_path))
    before = path.read_text(encoding="utf-8")

    result = run("-q", str(path))

    assert (0, "") == (result.exit_code, result.output)
    assert before != path.read_text(encoding="utf-8")
    assert 0 == CliRunner().invoke(cli, ["fmt", "--check", str(path)]).exit_code


@pytest.mark.parametrize("name", NAMES)
def test_what_is_fixed_passes(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.rich"
    path.write_bytes((GOLDEN / f"{name}.rich").read_bytes())
    result = run(str(path))

    after = analyse(path.read_text(encoding="utf-8"))
    assert result.exit_code == after.has_errors
    assert run("--check", str(path)).exit_code == after.has_errors


@pytest.mark.parametrize(
    ("choice", "mended"),
    [
        (("--select", "R701"), {"R701"}),
        (("--select", "R6,R8"), {"R601", "R602", "R801"}),
        # A gain changes values at the base width: it is made where it is asked for.
        (("--ignore", "R6"), {"R801"}),
        (("--select", "signal-prefactor,R601", "--ignore", "R701"), {"R601"}),
        (("--model", "net"), {"R601", "R602"}),
        (("--select", "R4"), set()),
    ],
)
def test_warnings_that_are_chosen(choice: tuple[str, ...], mended: set[str]) -> None:
    text = (GOLDEN / "warnings.rich").read_text(encoding="utf-8")

    result = run("--diff", *choice, "-", text=text)

    assert set(re.findall(r"^  (R\d+): ", result.stderr, re.MULTILINE)) == mended
    assert result.exit_code == bool(mended)


def test_slips_are_mended_unless_something_else_is_chosen() -> None:
    text = BROKEN.replace("input 16", "input: 16")

    assert run("-", text=text).stdout == MENDED
    assert run("--select", "R001", "-", text=text).stdout == BROKEN
    assert run("--select", "R201", "-", text=text).stdout == text


def test_another_gauge_of_the_same_network(tmp_path: Path) -> None:
    before, after = GOLDEN / "precision.rich", tmp_path / "after.rich"
    after.write_bytes(before.read_bytes())

    assert run(str(after)).exit_code == 0
    assert after.read_bytes() == before.read_bytes()
    assert run("--select", "R702", str(after)).exit_code == 0
    assert after.read_bytes() != before.read_bytes()
    for model in ("weights", "products"):
        result = CliRunner().invoke(cli, ["equiv", f"{before}::{model}", f"{after}::{model}"])
        assert "are identical" in result.output


def test_a_file_is_rewritten_in_place(tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text(BROKEN, encoding="utf-8")
    path.chmod(0o640)

    result = run(str(path))

    assert (result.exit_code, result.stdout) == (0, "")
    assert path.read_text(encoding="utf-8") == MENDED
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("option", ["--diff", "--check"])
def test_nothing_is_written(option: str, tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text(BROKEN, encoding="utf-8")

    result = run(option, str(path))

    assert result.exit_code == 1
    assert bool(result.stdout) == (option == "--diff")
    assert "would be fixed" in result.stderr
    assert path.read_text(encoding="utf-8") == BROKEN


def test_standard_input_goes_to_standard_output() -> None:
    result = run("-", text=BROKEN)

    assert (result.exit_code, result.stdout) == (0, MENDED)


def test_line_ends_and_the_mark_stay(tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_bytes(b"\xef\xbb\xbf" + BROKEN.replace("\n", "\r\n").encode())

    assert run(str(path)).exit_code == 0
    assert path.read_bytes() == b"\xef\xbb\xbf" + MENDED.replace("\n", "\r\n").encode()


def test_one_model_of_several(tmp_path: Path) -> None:
    path = tmp_path / "nets.rich"
    other = BROKEN.replace("model net", "model other")
    path.write_text(BROKEN + other, encoding="utf-8")

    result = run("--model", "net", str(path))

    assert result.exit_code == 0
    assert path.read_text(encoding="utf-8") == MENDED + other


def test_the_same_from_python() -> None:
    other = BROKEN.replace("model net", "model other")

    assert fix(BROKEN) == MENDED
    assert fix(BROKEN + other, "net") == MENDED + other
    assert fix("model") == "model"


def test_files_that_pass_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text(MENDED, encoding="utf-8")
    before = path.stat()

    result = run(str(tmp_path))

    assert (result.exit_code, result.output) == (0, "")
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_errors_of_syntax_are_shown_and_nothing_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    text = BROKEN.replace("-> n {", "-> {")
    path.write_text(text, encoding="utf-8")

    result = run(str(path))

    assert result.exit_code == 1
    assert "error[R001]" in result.stderr
    assert path.read_text(encoding="utf-8") == text


def test_slips_of_syntax_are_mended_first() -> None:
    text = BROKEN.replace("-> n {", "→ n {").replace("tanh", "Tanh()").replace("{ lr =", "{ lr:")

    assert MENDED == fix(text)


def test_slips_are_left_where_one_model_is_asked_for() -> None:
    text = BROKEN.replace("tanh", "Tanh")

    assert "Tanh" in run("-", "--model", "net", text=text).stdout
    assert "Tanh" not in run("-", text=text).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.rich"], "there is no file or folder 'missing.rich'"),
        (["--model", "nett", "net.rich"], "no model `nett` in these files"),
        (["-", "net.rich"], "- stands alone"),
        (["--frobnicate"], "there is no option `--frobnicate`"),
    ],
)
def test_wrong_usage(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "net.rich").write_text(BROKEN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    result = run(*arguments)

    assert result.exit_code == 2
    assert words in result.output
    assert (tmp_path / "net.rich").read_text(encoding="utf-8") == BROKEN


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_protected_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text(BROKEN, encoding="utf-8")
    path.chmod(0o444)

    result = run(str(path))

    assert result.exit_code == 2
    assert "write-protected" in result.output


def test_models_of_one_name_are_mended_in_one_run() -> None:
    """That they have one name is an error that stays; what else is wrong with them does not."""
    hole = BROKEN.replace("lr = n }\n  optimizer", "lr = n^? }\n  optimizer")
    hopeless = BROKEN.replace("std = 1, lr = n }", "std = 1, lr = 0 }")
    texts = [BROKEN, hole, hopeless, BROKEN]

    mended = fix("".join(texts))

    assert mended == "".join(map(fix, texts))
    assert fix(mended) == mended
    assert [fix(text) != text for text in texts] == [True, True, False, True]
