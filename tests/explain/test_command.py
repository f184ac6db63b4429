"""``richc explain FILE``: which model, which layer, which refusals, which colours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc.cli.main import cli

GOOD = """\
model {name} {{
  width n = 32
  parameterization mup
  input 4
  embed: dense -> n
  tanh
  body[3]: dense -> n
  tanh
  head: dense -> 2
  optimizer {optimizer}
}}
"""
SPEC = GOOD.format(name="digits", optimizer="sgd")
SEVERAL = SPEC + GOOD.format(name="letters", optimizer="adam")
BROKEN = "model broken {\n  width n = \n}\n"


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["explain", *arguments], input=text)


def test_standard_input() -> None:
    result = run("-", text=SPEC)

    assert result.exit_code == 0
    assert result.stdout.startswith("digits: μP (r = 1/2), STP gauge: features learn\n")
    assert result.stderr == ""


def test_one_of_several_models() -> None:
    result = run("-", "--model", "letters", text=SEVERAL)

    assert result.exit_code == 0
    assert result.stdout.startswith("letters: ")
    assert "Adam moves every entry" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there are several models, digits, letters: choose one"),
        (("--model", "leters"), "there is no model `leters`, only digits, letters; "),
        (("--model", "leters"), "did you mean `letters`?"),
        (("--model", "digits", "--layer", "bdoy"), "has no layer `bdoy`; did you mean `body`?"),
        (("--model", "digits", "--layer", "body.7"), "has no layer `body.7`; did you mean `body."),
        (("--model", "digits", "--layer", "zzz"), "model `digits` has no layer `zzz`\n"),
    ],
)
def test_wrong_names(arguments: tuple[str, ...], message: str) -> None:
    result = run("-", *arguments, text=SEVERAL)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr


@pytest.mark.parametrize("path", ["nowhere.rich", "."])
def test_unreadable(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    result = run(path)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {path}: ")


def test_nothing_to_explain() -> None:
    result = run()

    assert result.exit_code == 2
    assert "FILE|RULE|WORD is missing" in result.stderr


def test_errors_of_syntax() -> None:
    result = run("-", text=BROKEN)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "error[R001]" in result.stderr
    assert "\x1b" not in result.stderr
    assert "\x1b" in run("-", "--color", "always", text=BROKEN).stderr


def test_a_violation_is_explained_and_no_error() -> None:
    result = run("-", text=SPEC.replace("mup", "standard"))

    assert result.exit_code == 0
    assert "=> D1 is violated" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "variable", "is_colored"),
    [
        ((), "", False),
        ((), "FORCE_COLOR", True),
        ((), "NO_COLOR", False),
        (("--color", "always"), "NO_COLOR", True),
        (("--color", "never"), "FORCE_COLOR", False),
    ],
)
def test_color(
    arguments: tuple[str, ...], variable: str, is_colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")

    result = run("-", *arguments, text=SPEC)

    assert ("\x1b[1m1. What is given\x1b[0m" in result.stdout) == is_colored
    assert ("\x1b" in result.stdout) == is_colored


def test_a_statement_and_one_of_its_layers() -> None:
    whole = run("-", "--layer", "body", text=SPEC).stdout
    one = run("-", "--layer", "body.1", text=SPEC).stdout

    assert "q_l = q_{l-1} + 1/2 - A_l  = 0 + 1/2 - 1/2  = 0  body.0 ... 2 (l = 2 ... 4)" in whole
    assert "q_3 = q_2 + 1/2 - A_3  = 0 + 1/2 - 1/2  = 0  body.1\n    where q_2 = 0 (body.0)" in one
    assert "q_1" not in one


def test_another_word_for_the_width() -> None:
    result = run("-", text=SPEC.replace("width n", "width w").replace("-> n", "-> w"))

    assert "n is the width, `w` in the file." in result.stdout
    assert "alpha / w" in result.stdout or "alpha^2 / w" in result.stdout


@pytest.mark.parametrize("power", ["9", "-9"])
def test_enormous_powers(power: str) -> None:
    text = SPEC.replace("[3]: dense -> n", f"[500]: dense -> n {{ std = n^{power}, lr = 1 }}")

    result = run("-", text=text.replace("tanh", "relu"))

    assert result.exit_code == 0
    assert "is multiplied by 2^" in result.stdout


def test_light(tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text(SPEC, encoding="utf-8")
    script = (
        "import json, sys\nfrom click.testing import CliRunner\nfrom richc.cli.main import cli\n"
        f"assert CliRunner().invoke(cli, ['explain', {str(path)!r}]).exit_code == 0\n"
        "print(json.dumps(sorted(sys.modules)))"
    )

    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout

    heavy = {"torch", "numpy", "pydantic", "lark", "rich"}
    assert set() == heavy.intersection(json.loads(shown))


def test_a_stream_that_grows_exponentially_is_not_said_to_vanish() -> None:
    text = SPEC.replace("n = 32", "n = 32\n  depth L = 4").replace(
        "body[3]: dense -> n\n  tanh\n", ""
    )
    blocks = "blocks: repeat L {\n mlp: residual {\n scale = 1\n up: dense -> n\n relu\n"
    text = text.replace("  head", f"{blocks}down: dense -> n\n }}\n}}\n  head")

    result = run("-", text=text)

    assert "makes the stream grow faster than any power of L" in result.stdout
    assert "exactly zero" not in result.stdout
