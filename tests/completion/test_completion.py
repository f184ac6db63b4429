"""Shell completion, by click's own protocol, and in bash where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from richc.cli.completion import SHELLS
from richc.cli.main import COMMANDS, cli
from richc.diagnostics import SLUGS
from richc.words import FEATURES, GAUGES

TWO = """\
model first {
  width n = 256
  embed: dense -> n
  body[2]: dense -> n
}
model second {
  head: dense -> 10
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.rich").write_text(TWO, encoding="utf-8")
    (tmp_path / "table.csv").write_text("a,b\n", encoding="utf-8")
    (tmp_path / ".hidden.rich").write_text("", encoding="utf-8")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a file.rich").write_text("model third {\n}\n", encoding="utf-8")
    return tmp_path


def complete(*words: str) -> list[str]:
    """What is offered for the last word."""
    offered = ShellComplete(cli, {}, "richc", "_RICHC_COMPLETE")
    return [item.value for item in offered.get_completions(list(words[:-1]), words[-1])]


def test_commands() -> None:
    assert sorted(COMMANDS) == sorted(complete(""))
    assert ["check"] == complete("ch")


@pytest.mark.parametrize(
    "command",
    [
        *("check", "compile", "fix", "fmt", "gauge", "map", "report", "scale", "train"),
        *("transfer", "verify"),
    ],
)
def test_files(command: str, folder: Path) -> None:
    assert [os.path.join("models", ""), "two.rich"] == complete(command, "")
    assert ["two.rich"] == complete(command, "t")
    assert [os.path.join("models", "a file.rich")] == complete(command, "models/")
    assert [".hidden.rich"] == complete(command, ".h")
    assert [] == complete(command, "nowhere/")


def test_two_files(folder: Path) -> None:
    assert ["two.rich"] == complete("equiv", "two.rich", "t")
    assert ["two.rich"] == complete("check", "two.rich", "t")


def test_models(folder: Path) -> None:
    assert ["first", "second"] == complete("check", "two.rich", "--model", "")
    assert ["second"] == complete("check", "two.rich", "--model", "s")
    assert ["second"] == complete("map", "two.rich", "--model", "s")
    assert ["first", "second", "third"] == sorted(complete("check", "--model", ""))
    assert ["third"] == complete("fix", "models", "--model", "")
    assert ["first", "second"] == complete("compile", "two.rich", "--model", "")
    assert ["first", "second"] == complete("report", "two.rich", "--model", "")
    assert [] == complete("check", "missing.rich", "--model", "")


def test_models_of_a_file_that_cannot_be_read(folder: Path) -> None:
    (folder / "binary.rich").write_bytes(b"\xff\x00")
    (folder / "broken.rich").write_text("model one {\n input ]\n}\nmodel fine {", encoding="utf-8")

    assert [] == complete("check", "binary.rich", "--model", "")
    assert ["fine"] == complete("check", "broken.rich", "--model", "f")


def test_layers(folder: Path) -> None:
    assert ["embed", "body", "head"] == complete("explain", "two.rich", "--layer", "")
    assert ["head"] == complete("explain", "two.rich", "--model", "second", "--layer", "")


@pytest.mark.parametrize("command", ["check", "fix"])
@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_rules(command: str, option: str) -> None:
    assert sorted(SLUGS) + [SLUGS[code] for code in sorted(SLUGS)] == complete(command, option, "")
    assert ["R401", "R402", "R403"] == complete(command, option, "R4")
    assert ["R401,R402", "R401,R403"] == complete(command, option, "R401,R4")
    assert ["R401,epsilon", "R401,epsilon-floor"] == complete(command, option, "R401,eps")
    assert [] == complete(command, option, "R99")


@pytest.mark.parametrize("command", ["compile", "train"])
def test_features(command: str) -> None:
    assert list(FEATURES) == complete(command, "two.rich", "--with", "")
    assert ["log"] == complete(command, "two.rich", "--with", "lo")
    assert "log,log" not in complete(command, "two.rich", "--with", "log,")


def test_explain_takes_files_and_rules(folder: Path) -> None:
    assert ["R401", "R402", "R403"] == complete("explain", "R4")
    assert ["two.rich"] == complete("explain", "tw")
    assert ["negligible-update", "negligible-readout", "negligible-family"] == complete(
        "explain", "negl"
    )
    assert "two.rich" in complete("explain", "")
    assert [os.path.join("models", "a file.rich")] == complete("explain", "models/")


def test_explain_takes_words() -> None:
    assert ["D0", "D1", "D2", "D3"] == complete("explain", "D")[:4]
    assert ["gauge"] == complete("explain", "gau")
    assert {"STP", "std", "steps"} <= set(complete("explain", "st"))
    assert ["μP"] == complete("explain", "μ")
    assert ["lr"] == complete("explain", "lr")


def test_gauges() -> None:
    assert [*GAUGES, "a=0", "c=0"] == complete("gauge", "two.rich", "--to", "")
    assert ["rescaling"] == complete("gauge", "two.rich", "--to", "r")


def test_choices() -> None:
    assert ["sarif"] == complete("check", "--format", "s")
    assert "--watch" in complete("check", "--w")
    assert list(SHELLS) == complete("completion", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])

    assert (0, "") == (result.exit_code, result.stderr)
    assert f"_RICHC_COMPLETE={shell}_complete" in result.stdout


def test_an_unknown_shell() -> None:
    result = CliRunner().invoke(cli, ["completion", "tcsh"])

    assert (2, True) == (result.exit_code, "'tcsh' is not one of" in result.stderr)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "expected"), [("richc check tw", "two.rich"), ("richc ru", "rules")]
)
def test_protocol(shell: str, words: str, expected: str, folder: Path) -> None:
    """What the scripts call."""
    # fish gives the word that is begun, the others its number.
    at = words.rpartition(" ")[2] if shell == "fish" else str(words.count(" "))
    environment = {"_RICHC_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": at}
    run = subprocess.run(
        [sys.executable, "-m", "richc"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "plain" in run.stdout
    assert expected in run.stdout


def test_names_that_no_shell_can_type(folder: Path) -> None:
    """The others are there all the same."""
    for name in (os.fsdecode(b"two\xe9.rich"), "two\n.rich"):
        try:
            (folder / name).touch()
        except OSError:
            pytest.skip("a file system of Unicode names")
    environment = {
        "_RICHC_COMPLETE": "bash_complete", "COMP_WORDS": "richc check tw", "COMP_CWORD": "2"
    }  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-m", "richc"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout == "plain,two.rich\n"


def _shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    return found


@pytest.fixture
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with ``richc`` on it, whatever is installed."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "richc"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m richc "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("check t", ["two.rich"]),
        ("check --model t", ["third"]),
        ("check two.rich --model s", ["second"]),
        ("check --select R40", ["R401", "R402", "R403"]),
        ("explain negligible-u", ["negligible-update"]),
        ("check mod", ["models/"]),
    ],
)
def test_bash(line: str, expected: list[str], folder: Path, program: str) -> None:
    """The function that the script defines, called as readline calls it."""
    words = ["richc", *line.split()]
    script = f"""
eval "$(richc completion bash)"
complete -p richc >&2
compopt() {{ echo "compopt $*" >&2; }}
COMP_WORDS=({" ".join(words)})
COMP_CWORD={len(words) - 1}
_richc_completion richc
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    run = subprocess.run(
        [_shell("bash"), "--norc", "-c", script],
        env=os.environ | {"PATH": program},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert "-F _richc_completion" in run.stderr
    assert expected == run.stdout.split()
    # No space behind a folder.
    assert (expected == ["models/"]) == ("nospace" in run.stderr)


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_are_valid(shell: str) -> None:
    script = CliRunner().invoke(cli, ["completion", shell]).stdout

    run = subprocess.run(
        [_shell(shell), "-n"], input=script, capture_output=True, text=True, timeout=60
    )

    assert (0, "") == (run.returncode, run.stderr)
