"""Undecided is not failed: what verify, transfer and scale say of measurements that do not tell."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import richc
from richc.cli.main import cli
from richc.lab.outcome import Outcome
from richc.report.verification import render
from tests.lab.test_verify_command import MUP

VERIFY = ("--widths", "16,32", "--seeds", "2")
SCALE = (
    *("--widths", "16,32", "--seeds", "1", "--steps", "2"),
    *("--examples", "12", "--points", "0,1/2", "--gammas", "1"),
)
TRANSFER = (
    *("--widths", "8,16", "--seeds", "1", "--steps", "3"),
    *("--values", "0.1,0.2,0.4", "--workers", "1"),
)
COMMANDS = {"verify": VERIFY, "scale": SCALE, "transfer": TRANSFER}


@pytest.fixture
def file(tmp_path: Path, examples: Path) -> str:
    text = MUP.replace("input 8", "input 64").replace("-> 4", "-> 10")
    data = f'  train {{ data = "{examples / "digits.csv.gz"}", target = digit }}\n'
    path = tmp_path / "my net.rich"
    path.write_text(text.replace("  require mup\n", data), encoding="utf-8")
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def decisive(result: Result) -> list[str]:
    """The arguments of the command that is said to decide."""
    (line,) = (line for line in result.stdout.splitlines() if "to decide it: " in line)
    program, *arguments = shlex.split(line.partition("to decide it: ")[2])
    assert "richc" == program
    return arguments


@pytest.mark.parametrize("command", COMMANDS)
def test_it_has_a_sign_an_exit_code_and_a_command(command: str, file: str) -> None:
    result = run(command, file, *COMMANDS[command])

    assert 4 == result.exit_code, result.output
    last = result.stdout.splitlines()[-1]
    assert last.startswith("? ")
    assert "undecided" in last
    assert "✗" not in result.stdout
    assert [command, file] == decisive(result)[:2]


@pytest.mark.parametrize("command", COMMANDS)
def test_json_has_the_same(command: str, file: str) -> None:
    result = run(command, file, *COMMANDS[command], "--format", "json")

    report = json.loads(result.stdout)
    assert ("undecided", 4) == (report["verdict"], result.exit_code)
    assert [command, file] == shlex.split(report["decide"])[1:3]
    assert "--format json" in report["decide"]


@pytest.mark.parametrize("command", COMMANDS)
def test_its_page_says_so(command: str, file: str) -> None:
    help_text = run(command, "--help").stdout

    assert "4 undecided" in " ".join(help_text.split())


def test_the_command_decides(file: str) -> None:
    first = run("verify", file, *VERIFY, "-q", "--seed", "3")
    again = decisive(first)

    assert ["verify", file, "--seed", "3", "-q"] == again
    result = run(*again)
    assert 0 == result.exit_code, result.output
    assert "to decide it" not in result.stdout


def test_few_networks_by_width_become_more(file: str) -> None:
    first = run("verify", file, "--widths", "256,512,1024", "--seeds", "1,1,1", "-q")
    again = decisive(first)

    widths, seeds = (again[again.index(name) + 1].split(",") for name in ("--widths", "--seeds"))
    assert 4 == first.exit_code
    assert len(widths) == len(seeds)
    assert sorted(map(int, seeds), reverse=True) == list(map(int, seeds))
    result = run(*again)
    assert 0 == result.exit_code, result.output


def test_a_best_value_at_the_edge_is_sought_beyond(file: str) -> None:
    rates = ("--steps", "30", "--values", "1e-3,2e-3,4e-3", "--workers", "1")
    result = run("transfer", file, *TRANSFER[:4], *rates)
    again = decisive(result)

    values = [float(word) for word in again[again.index("--values") + 1].split(",")]
    assert 4 == result.exit_code
    assert max(values) == pytest.approx(32e-3)


def test_a_rate_at_which_all_diverges_is_given_up(file: str) -> None:
    chosen = run("scale", file, *SCALE, "--lr", "1e30", "-q")
    assert (4, True) == (chosen.exit_code, "--lr" not in decisive(chosen))


def test_what_is_broken_is_no_question(tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text(MUP.replace("head: dense -> 4", "head: dense -> 4 { lr = 1 }"), "utf-8")
    result = run("verify", str(path), "--widths", "64,128,256,512", "--seeds", "12")

    assert 1 == result.exit_code
    assert "to decide it" not in result.stdout
    assert result.stdout.splitlines()[-1].startswith("✗ ")


def test_the_chance_of_an_error_is_said_in_words() -> None:
    report = richc.verify(MUP, widths=[64, 128, 256, 512, 1024], seeds=24)

    *_, last = lines = list(render("net.rich", "", report, color=False, quiet=False))
    found = re.search(r"the chance that this is wrong is below 1 in ([\d,]+)$", last)
    assert found is not None, last
    assert int(1 / report.run.risk) == int(found[1].replace(",", ""))
    words = " ".join(" ".join(lines).split())
    assert "is in truth off by more than 1/8" in words
    assert "Assumed is that logarithms of sizes scatter normally" in words


def test_pictures_have_the_sign(file: str) -> None:
    pytest.importorskip("matplotlib")
    from richc.figures import transfer, verification
    from richc.report.transfer_schema import TransferReport
    from richc.report.verification_schema import VerificationReport

    found = run("verify", file, *VERIFY, "--format", "json").stdout
    measured = verification.figure(VerificationReport.model_validate_json(found))
    found = run("transfer", file, *TRANSFER, "--format", "json").stdout
    swept = transfer.figure([TransferReport.model_validate_json(found)], only="bests")

    for figure in (measured, swept):
        legends = [axis.get_legend() for axis in figure.axes]
        labels = [t.get_text() for legend in legends if legend for t in legend.get_texts()]
        assert any(label.endswith("?") for label in labels), labels
        assert not any("✗" in label for label in labels)


def test_the_page_has_sign_and_command(file: str, tmp_path: Path) -> None:
    pytest.importorskip("markupsafe")
    arguments = []
    for command, option in (("verify", "--verification"), ("transfer", "--transfer")):
        path = tmp_path / f"{command}.json"
        path.write_text(run(command, file, *COMMANDS[command], "--format", "json").stdout, "utf-8")
        arguments += [option, str(path)]
    page = tmp_path / "page.html"
    result = run("report", file, *arguments, "-o", str(page))

    assert 0 == result.exit_code, result.output
    text = page.read_text(encoding="utf-8")
    assert 2 == text.count('<p class="outcome undecided"><span aria-hidden="true">?</span>')
    assert 2 == text.count("To decide it: <code>richc ")


def test_outcomes() -> None:
    assert Outcome.PASS is Outcome.of([True, True])
    assert Outcome.UNDECIDED is Outcome.of([True, None])
    assert Outcome.FAIL is Outcome.of([None, False, True])
    assert [("✓", 0), ("✗", 1), ("?", 4)] == [(one.sign, one.exit_code) for one in Outcome]


# ---- How far it is -------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_lines_without_a_terminal(command: str, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("richc.cli.progress._LONG", 0.02)
    result = run(command, file, *COMMANDS[command], "--format", "json")
    quiet = run(command, file, *COMMANDS[command], "--format", "json", "-q")

    lines = result.stderr.splitlines()
    assert lines
    said = r"about \d+ (s|min)|training: (\d+ s so far|\d+%, about \d+ (s|min) left)"
    assert [] == [line for line in lines if not re.fullmatch(said, line)]
    assert "undecided" == json.loads(result.stdout)["verdict"]
    assert "" == quiet.stderr


# ---- What it costs -------------------------------------------------------------------------------


def _widths(text: str) -> list[int]:
    from richc.lab.planning import default_widths
    from richc.pipeline import analyse

    return default_widths(analyse(text).models[0].spec)


def test_widths_follow_the_layers() -> None:
    usual = [64, 128, 256, 512, 1024, 2048, 4096]
    assert usual == _widths(MUP)
    # Layers of 64 units and more, as before.
    assert [n // 4 for n in usual] == _widths(MUP.replace("-> n", "-> 4*n"))
    assert usual[:6] == _widths(MUP.replace("embed: dense -> n", "embed: dense -> 4*n"))
    assert usual[:5] == _widths(MUP.replace("body: dense", "body[60]: dense"))
    assert usual[:5] == _widths(MUP.replace("sgd { lr = 0.1 }", "muon { shape_factor = none }"))


def test_a_number_for_each_width(file: str) -> None:
    result = run("verify", file, "--widths", "16,32", "--seeds", "3,2", "--format", "json")

    assert {"16": 3, "32": 2} == json.loads(result.stdout)["run"]["networks"]
    refused = run("verify", file, "--widths", "16,32", "--seeds", "3,2,1")
    assert (2, True) == (refused.exit_code, "one for each of --widths" in refused.stderr)
    with pytest.raises(richc.RichError, match="one for each"):
        richc.verify(MUP, widths=[16, 32], seeds=[3])


# ---- Data ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_two_rows_are_too_few(command: str, loss: str, tmp_path: Path) -> None:
    path, data = tmp_path / "net.rich", tmp_path / "two.csv"
    text: Any = MUP.replace("input 8", "input 2").replace("cross_entropy", loss)
    path.write_text(text.replace("-> 4", "-> 1" if loss == "mse" else "-> 2"), "utf-8")
    data.write_text("x,y,z\n1,2,0\n2,3,1\n", "utf-8")
    result = run(command, str(path), *COMMANDS[command], "--data", str(data), "--target", "z")

    assert (2, "") == (result.exit_code, result.stdout)
    assert f"{data}: 2 rows are too few" in result.stderr
