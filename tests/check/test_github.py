"""``richc check --format github``: workflow commands that GitHub's runner reads back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from richc.cli.main import cli
from richc.diagnostics import Diagnostic, Span
from richc.pipeline import FileResult
from richc.report import Options, renderer
from richc.report.snippet import visible
from richc.syntax.source import Source, printable
from tests.check.workflow import read

BAD = """\
model net {
  width n = 256
  input 64
  embed: dense -> n { std = 1/8, lr = n }
  tanh
  head: dense -> 10 { std = 1 / n, lr = 1 / n^2 }
  optimizer sgd { lr = 0.1 }
}
"""


def render(diagnostic: Diagnostic, path: str = "net.rich", text: str = BAD) -> str:
    result = FileResult(Source(path, text), (), (diagnostic,))
    return "".join(renderer("github")([result], Options()))


def test_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.rich").write_text(BAD, encoding="utf-8")

    result = CliRunner().invoke(cli, ["check", "--format", "github", "net.rich"])

    assert 1 == result.exit_code
    assert (
        "::error file=net.rich,line=6,col=41,endLine=6,endColumn=48,"
        "title=R402 negligible-readout::the update of the read-out `head` is too small to matter "
        "(D3): its share of the output's change ~ n^-1, the whole ~ n^0%0Anote: the output moves "
        "through the layers below only%0Ahelp: use `lr = 1 / (n * n0)` and "
        "`base n0 = 256`: `net` becomes μP (r = 1/2)\n"
    ) == result.stdout


def test_no_columns_across_lines() -> None:
    found = Diagnostic("R018", "no", Span(3, 30))

    assert ("::error file=net.rich,line=1,endLine=3,title=R018 misplaced::no\n") == render(found)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(message=TEXTS, path=TEXTS)
def test_whatever_is_said_arrives(message: str, path: str) -> None:
    found = Diagnostic("R018", message, Span(0, 5))

    shown = render(found, path)
    name, fields, data = read(shown)

    assert 1 == len(re.split(r"[\r\n]", shown.removesuffix("\n")))
    if not re.search(r"%(25|0D|0A|3A|2C)", message + path):  # which the runner cannot tell apart
        # But for what a terminal would obey.
        assert ("error", printable(path), visible(message)) == (name, fields["file"], data)


@pytest.mark.parametrize("quiet", [True, False])
def test_quiet(quiet: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = BAD.replace("1 / n^2", "1 / n").replace("std = 1 / n", "std = 0")
    Path("net.rich").write_text(text, encoding="utf-8")

    shown = CliRunner().invoke(cli, ["check", "--format", "github", *["-q"][:quiet]]).stdout

    assert ([] if quiet else ["notice"]) == re.findall(r"^::(\w+) ", shown, re.MULTILINE)
