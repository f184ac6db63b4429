"""A file's name is shown, not obeyed: terminals have commands that a name can hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from richc.cli.check import FORMATS
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


#: A byte that begins no character of UTF-8, as Python spells such names.
LATIN = os.fsdecode(b"caf\xe9.rich")

FAILING = """\
model net {
  width n = 64
  parameterization mup
  input 16
  h1: dense -> n { lr = 1 / n^3 }
  tanh
  out:   dense -> 10
  optimizer adam
}
"""


def richc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """In a process of its own: what is encoded how is decided at its streams."""
    command = [sys.executable, "-m", "richc", *arguments]
    return subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=120
    )


@pytest.fixture
def latin(tmp_path: Path) -> Path:
    """A folder that holds such a file, and another one."""
    try:
        (tmp_path / LATIN).write_text(FAILING, encoding="utf-8")
    except OSError:
        pytest.skip("a file system of Unicode names")
    (tmp_path / "other.rich").write_text(FAILING, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("path", [LATIN, "."])
def test_names_that_are_no_utf_8(path: str, output_format: str, latin: Path) -> None:
    run = richc(latin, "check", "--format", output_format, path)

    assert (1, b"") == (run.returncode, run.stderr)
    shown = run.stdout.decode("utf-8")
    if output_format == "json":
        paths = [file["path"] for file in json.loads(shown)["files"]]
        assert paths == [r"caf\udce9.rich", *["other.rich"] * (path == ".")]
    elif output_format == "sarif":
        found = json.loads(shown)["runs"][0]["results"]
        uris = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in found]
        assert "caf%E9.rich" in uris
    else:
        assert r"caf\udce9.rich" in shown


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["fix", LATIN]),
        (1, ["fix", "--diff", LATIN]),
        (0, ["fmt", "."]),
        (1, ["fmt", "--diff", LATIN]),
        (0, ["gauge", LATIN, "--to", "mup", "--diff"]),
        (0, ["gauge", LATIN, "--to", "mup"]),
        (1, ["compile", LATIN]),
        (0, ["compile", "--allow-violations", LATIN, "-o", f"{LATIN}.py"]),
        (0, ["explain", LATIN]),
        (0, ["equiv", LATIN, "other.rich", "--format=json"]),
        (0, ["map", ".", "--format=json"]),
        (0, ["map", LATIN, "-o", f"{LATIN}.svg"]),
        (0, ["report", LATIN]),
        pytest.param(
            4,
            ["verify", LATIN, "--widths=4,8", "--steps=1", "--seeds=1", "--format=json"],
            marks=pytest.mark.nightly,
        ),
        (2, ["train", LATIN, "--allow-violations", "--steps=1", "--data", f"{LATIN}.csv"]),
        (2, ["check", f"no{LATIN}"]),
        (2, ["explain", f"no{LATIN}"]),
        (1, ["check", "--format=json", "--stdin-filename", LATIN, "-"]),
    ],
    ids=lambda value: "" if isinstance(value, int) else " ".join(value).replace(LATIN, "FILE"),
)
def test_every_command_takes_them(code: int, arguments: list[str], latin: Path) -> None:
    run = richc(latin, *arguments)

    assert code == run.returncode, run.stderr
    assert b"bug" not in run.stderr
    run.stdout.decode("utf-8")
    if "--format=json" in arguments:
        json.loads(run.stdout)


@pytest.mark.parametrize(
    "name", [LATIN, "a b.rich", 'a "b\\c".rich', "a\tb\nc.rich", "\x9b31m.rich"]
)
def test_a_diff_names_the_file_that_patch_finds(name: str, latin: Path) -> None:
    (latin / name).write_text(FAILING, encoding="utf-8")
    (latin / "a.rich").write_text("other", encoding="utf-8")

    diff = richc(latin, "fmt", "--diff", name).stdout

    assert diff.decode("utf-8").replace("\n", "").replace("\t", "").isprintable()
    subprocess.run(["patch", "-p0", "--silent"], input=diff, cwd=latin, check=True, timeout=60)
    assert "\n  out: dense -> 10\n" in (latin / name).read_text(encoding="utf-8")
