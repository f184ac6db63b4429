"""``require equivalent "other.rich"``: a claim about another file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import richc
from richc.cli.main import cli
from richc.pipeline import analyse
from richc.spec.printer import print_model
from tests.check.test_lightness import PROMISED, modules
from tests.gauge.rewriting import model, move

TEXT = model(
    "a: dense -> n { var = 1 / fan_in, lr = alpha^2 }",
    "b: dense -> 2 { var = 1 / (alpha^2 * fan_in), lr = 1 / fan_in }",
)
SECRET = "secret_of_somebody"


def requiring(other: str) -> str:
    return TEXT.replace("  optimizer", f'  require equivalent "{other}"\n  optimizer')


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["check", "--color", "never", *arguments], input=text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One with `other.rich`, which is TEXT in another gauge, and a folder `sub`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "other.rich").write_text(move(TEXT, "rescaling"), encoding="utf-8")
    return tmp_path


def write(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8")


def test_the_path_is_relative_to_the_file(folder: Path) -> None:
    write("sub/a.rich", requiring("../other.rich"))
    write("b.rich", requiring("other.rich"))
    write("c.rich", requiring(str(folder / "other.rich")))

    assert [0] * 3 == [run(path, "--strict").exit_code for path in ("sub", "b.rich", "c.rich")]
    assert 0 == run("-", text=requiring("other.rich")).exit_code
    assert (
        0 == run("-", "--stdin-filename", "sub/a.rich", text=requiring("../other.rich")).exit_code
    )


def test_constants_are_a_warning(folder: Path) -> None:
    assert folder.exists()
    write("a.rich", requiring("other.rich").replace("lr = alpha^2", "lr = 2 * alpha^2"))

    result = run("a.rich")

    assert 0 == result.exit_code
    assert 1 == run("a.rich", "--strict").exit_code
    assert (
        """\
warning[R502]: this model trains as "other.rich" up to constants only
  --> a.rich:8:22
   |
 8 |   require equivalent "other.rich"
   |                      ^^^^^^^^^^^^
   |
   = note: `a`: in the other, the rate η M² is 0.5 times this one's
   = help: `richc equiv` compares two files
"""
        in result.stdout
    )


def test_differences_are_errors(folder: Path) -> None:
    assert folder.exists()
    write("a.rich", requiring("other.rich").replace("lr = alpha^2", "lr = 1"))

    result = run("a.rich")

    assert 1 == result.exit_code
    assert 'error[R502]: this model does not train as "other.rich"\n  --> a.rich:8:22' in (
        result.stdout
    )
    assert "in the other, the rate η M² is n times this one's: its weight updates" in (
        result.stdout
    )
    assert "= note: the other is μP (r = 1/2), rescaling gauge" in result.stdout


def test_what_cannot_be_compared(folder: Path) -> None:
    write("broken.rich", TEXT.replace("alpha", SECRET))
    write("passwd", f"root:{SECRET}:0:0\n")
    write("two.rich", TEXT.replace("net", SECRET) + TEXT)
    (folder / "binary").write_bytes(b"\xff" + SECRET.encode())
    os.mkfifo(folder / "pipe")
    (folder / "big").write_bytes(b"#" * (1 << 20))
    reasons = {
        "none.rich": "cannot read it: No such file or directory",
        "sub": "cannot read it: not a regular file",
        "pipe": "cannot read it: not a regular file",
        "/dev/zero": "cannot read it: not a regular file",
        "binary": "cannot read it: not UTF-8",
        "big": "cannot read it: the file is larger than 512 KiB",
        "passwd": "it has errors itself",
        "broken.rich": "it has errors itself: `richc check` shows 2",
        "two.rich": "it holds 2 models: name the one that is meant, `FILE::NAME`",
        "two.rich::none": "it has no model `none`",
    }
    for path, reason in reasons.items():
        write("a.rich", requiring(path))
        result = run("a.rich", "--format", "json")

        (found,) = json.loads(result.stdout)["files"][0]["diagnostics"]
        assert ("R502", "error") == (found["code"], found["severity"])
        assert found["message"].startswith(f'"{path}" cannot be compared: {reason}')
        assert (8, 22) == (found["span"]["line"], found["span"]["column"])
        assert SECRET not in result.output
    write("a.rich", requiring("two.rich::net"))
    assert 0 == run("a.rich").exit_code


def test_files_may_require_each_other(folder: Path) -> None:
    assert folder.exists()
    write("a.rich", requiring("b.rich"))
    write("b.rich", requiring("a.rich"))
    write("c.rich", requiring("c.rich"))

    assert 0 == run("a.rich", "b.rich", "c.rich").exit_code


def test_a_broken_requirement_of_the_other_is_its_own_business(folder: Path) -> None:
    assert folder.exists()
    write("b.rich", TEXT.replace("  optimizer", "  require ntp\n  optimizer"))
    write("a.rich", requiring("b.rich"))

    assert [0, 1] == [run(path).exit_code for path in ("a.rich", "b.rich")]


def test_a_terminal_does_not_obey_the_path() -> None:
    assert "\x1b" not in run("-", text=requiring("\x1b[31mred")).output


@pytest.mark.parametrize("claim", ["equivalent other", 'equivalent ""'])
def test_it_names_a_file(claim: str) -> None:
    text = TEXT.replace("  optimizer", f"  require {claim}\n  optimizer")

    (found,) = analyse(text).diagnostics
    assert ("R017", text[found.span.start : found.span.end]) == (found.code, claim.split()[1])


def test_it_is_part_of_the_specification(folder: Path) -> None:
    assert folder.exists()
    write("a.rich", requiring("other.rich::net"))

    (spec,) = richc.load("a.rich").models
    (requirement,) = spec.require
    assert ("equivalent", "other.rich::net") == (requirement.kind, requirement.value)
    printed = print_model(analyse(requiring("other.rich::net")).models[0].spec)
    assert '  require equivalent "other.rich::net"\n' in printed


def test_it_is_light(folder: Path) -> None:
    write("a.rich", requiring("other.rich").replace("lr = alpha^2", "lr = 1"))

    assert set() == modules(folder, "check", "a.rich").intersection(PROMISED)


def test_compile_holds_to_it(folder: Path) -> None:
    assert folder.exists()
    write("a.rich", requiring("none.rich"))

    result = CliRunner().invoke(cli, ["compile", "a.rich"])

    assert 1 == result.exit_code
    assert '"none.rich" cannot be compared' in result.stderr
