"""No option makes a command write over what it reads, by whatever name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc.cli.main import cli

TEXT = """\
model net {
  width n = 64
  parameterization mup
  input 64
  h1: dense -> n
  tanh
  out: dense -> 10
  optimizer adam
  train { data = "digits.csv.gz", target = digit, steps = 2 }
}
"""


@pytest.fixture
def folder(tmp_path: Path, examples: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model by five names, and its data by two."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.rich").write_text(TEXT, encoding="utf-8")
    (tmp_path / "below").mkdir()
    for suffix in ("svg", "jsonl"):
        os.link("net.rich", f"hard.{suffix}")
        os.symlink("net.rich", f"soft.{suffix}")
    shutil.copy(examples / "digits.csv.gz", "digits.csv.gz")
    os.symlink("digits.csv.gz", "data.svg")
    return tmp_path


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=text)


REFUSED = [
    ["compile", "net.rich", "-o", "net.rich", "--force"],
    ["compile", "net.rich", "-o", "below/../net.rich", "--force"],
    ["compile", "below/../net.rich", "-o", "hard.svg", "--force"],
    ["compile", "hard.svg", "-o", "soft.svg", "--force"],
    ["report", "net.rich", "-o", "net.rich", "--force"],
    ["report", "net.rich", "--verification", "digits.csv.gz", "-o", "data.svg", "--force"],
    ["map", "net.rich", "-o", "soft.svg", "--force"],
    ["map", ".", "-o", "hard.svg", "--force"],
    ["verify", "net.rich", "--plot", "hard.svg", "--force"],
    ["verify", "net.rich", "--plot", "data.svg", "--force"],
    ["scale", "net.rich", "--plot", "soft.svg", "--force"],
    ["scale", "net.rich", "--data", "digits.csv.gz", "--plot", "data.svg", "--force"],
    ["transfer", "net.rich", "-o", "net.rich", "--force"],
    ["transfer", "net.rich", "-o", "hard.jsonl", "--force"],
    ["transfer", "net.rich", "--parquet", "digits.csv.gz", "--force"],
    ["transfer", "net.rich", "--plot", "data.svg", "--force"],
    ["train", "net.rich", "--save", "net.rich"],
    ["train", "net.rich", "--save", "data.svg"],
    ["train", "net.rich", "--", "--log", "net.rich"],
    ["train", "net.rich", "--", "--log=soft.jsonl"],
]


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_refused(arguments: list[str], folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    result = run(*arguments)

    assert result.exit_code == 2
    assert ": is what is read" in result.stderr
    assert "\n" not in result.stderr.removesuffix("\n")
    assert before == {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_words(folder: Path) -> None:
    same = run("compile", "net.rich", "-o", "net.rich", "--force")
    other = run("verify", "net.rich", "--plot", "hard.svg")

    assert same.stderr == "error: -o: net.rich: is what is read\n"
    assert other.stderr == ("error: --plot: hard.svg: is what is read, by another name: net.rich\n")


def test_standard_input_has_a_name(folder: Path) -> None:
    """As in ``richc compile - -o net.rich < net.rich``."""
    with Path("net.rich").open(encoding="utf-8") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", file)
        with pytest.raises(SystemExit) as left:
            cli(["compile", "-", "-o", "net.rich", "--force"])

    assert left.value.code == 2
    assert Path("net.rich").read_text(encoding="utf-8") == TEXT


def test_outputs_are_not_each_other(folder: Path) -> None:
    os.symlink("runs.jsonl", "table")

    two = run("transfer", "net.rich", "-o", "runs.jsonl", "--parquet", "table")
    twice = run("map", "net.rich", "-o", "a.svg", "-o", "below/../a.svg")

    assert (2, "error: -o and --parquet name the same file\n") == (two.exit_code, two.stderr)
    assert (2, "error: -o and -o name the same file\n") == (twice.exit_code, twice.stderr)


def test_other_files_are_written(folder: Path) -> None:
    shutil.copy("net.rich", "copy.svg")

    assert run("compile", "net.rich", "-o", "copy.svg", "--force").exit_code == 0
    assert run("compile", "net.rich", "-o", "-", text="").exit_code == 0
    assert run("map", "net.rich", "-o", "map.svg").exit_code == 0
