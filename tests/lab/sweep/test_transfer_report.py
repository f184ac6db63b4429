"""What ``richc transfer`` says and draws of a sweep."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc.cli.main import cli
from richc.report.transfer import render
from richc.report.transfer_schema import TransferReport
from tests.report_page.sweeping import made_up

EXAMPLES = Path("examples").absolute()
MUP = (EXAMPLES / "digits_mup_sgd.rich").read_text(encoding="utf-8")
SP = (EXAMPLES / "digits_sp_fails.rich").read_text(encoding="utf-8")


def lines(report: TransferReport) -> list[str]:
    return list(render("net.rich", report, color=False, quiet=False))


def test_what_stays_is_said() -> None:
    report = made_up(MUP)
    assert ("pass", True, True) == (report.verdict, report.carries_over, report.same_value)
    assert {0.1} == {best.value for best in report.bests}
    shown = lines(report)
    start = "✓ net.rich: digits: the best learning rate carries over to every width: n^"
    assert shown[-1].startswith(start)
    assert shown[-1].endswith("0.00 ± 0.03, as predicted (n^0)")
    (row,) = (line for line in shown if line.lstrip().startswith("0.1 "))
    assert 4 == row.count("*")


@pytest.mark.parametrize(("drift", "agrees"), [(-1.0, True), (-0.5, True), (0.5, False)])
def test_what_moves_is_said(drift: float, agrees: bool) -> None:
    """SP under SGD, with cross-entropy."""
    report = made_up(SP, drift=drift)
    assert ("fail", False, agrees) == (report.verdict, report.carries_over, report.drift.agrees)
    assert ("-1", "-1/2") == (report.drift.predicted_low, report.drift.predicted_high)
    assert "moves with the width" in lines(report)[-1]
    not_ = "" if agrees else "not "
    assert lines(report)[-1].endswith(f", {not_}as predicted (n^-1 to n^-1/2)")


def test_what_moves_less_than_predicted_is_said() -> None:
    report = made_up(SP, drift=-0.25)
    assert (False, False) == (report.carries_over, report.drift.agrees)
    assert lines(report)[-1].endswith(", short of what is predicted (n^-1 to n^-1/2)")


def test_what_diverged_is_said_and_counts_as_untrained() -> None:
    report = made_up(MUP, diverges=True)
    assert any("diverged" in line for line in lines(report))
    assert report.untrained_loss == pytest.approx(2.302585)


@pytest.mark.parametrize("parameter", ["lr", "init", "gamma", "momentum"])
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture(parameter: str, suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from richc.figures.transfer import draw

    target = tmp_path / f"figure{suffix}"
    # It may overwrite what it has drawn.
    for _ in range(2 if parameter == "lr" else 1):
        draw(made_up(MUP, parameter=parameter, diverges=True), target)
        assert target.stat().st_size > 10_000


def test_a_picture_of_nothing_but_divergence(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = transfer("--lr", "1e15", "--count", "3", "--plot", str(tmp_path / "figure.svg"))
    assert 4 == result.exit_code, result.output
    assert (tmp_path / "figure.svg").exists()


TINY = ("--widths", "8,16", "--seeds", "1", "--steps", "3", "--workers", "1", "--batch", "16")


def transfer(*arguments: str) -> Result:
    return CliRunner().invoke(
        cli, ["transfer", str(EXAMPLES / "digits_mup_sgd.rich"), *TINY, *arguments]
    )


def test_json() -> None:
    result = transfer("--count", "3", "--format", "json")
    report = TransferReport.model_validate_json(result.stdout)
    assert (4, "undecided", None) == (result.exit_code, report.verdict, report.carries_over)
    assert (3, 16, [0], [8, 16]) == (
        report.run.steps, report.run.batch, report.run.seeds, report.run.widths
    )  # fmt: skip
    assert sorted(report.trainings, key=lambda t: (t.width, t.value, t.seed)) == report.trainings
    assert report.drift.low is report.drift.high is None
    assert Fraction(0) == Fraction(report.drift.predicted_low or "1")


def test_a_picture_beside_another(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    other, target = tmp_path / "sp.json", tmp_path / "figure.svg"
    other.write_text(made_up(SP, drift=-1.0).model_dump_json(), encoding="utf-8")
    result = transfer("--count", "3", "-q", "--plot", str(target), "--beside", str(other))

    assert (4, "") == (result.exit_code, result.stderr)
    alone = tmp_path / "alone.svg"
    transfer("--count", "3", "--plot", str(alone))
    assert target.stat().st_size > 1.3 * alone.stat().st_size


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameter": "init"}, "it is of init under cross_entropy, not of lr"),
        ({"extra": 1}, "not what `richc transfer --format json` prints: extra: "),
    ],
)
def test_what_cannot_be_drawn_beside(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    other = tmp_path / "other.json"
    content = json.loads(made_up(SP).model_dump_json()) | change
    other.write_text(json.dumps(content), encoding="utf-8")
    result = transfer("--plot", str(tmp_path / "figure.svg"), "--beside", str(other))
    assert 2 == result.exit_code
    assert message in result.stderr
    assert 2 == transfer("--beside", str(other)).exit_code


def test_a_picture_of_someone_else_stays(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    target = tmp_path / "mine.svg"
    target.write_text("<svg>mine</svg>", encoding="utf-8")
    result = transfer("--count", "3", "--plot", str(target))
    assert 2 == result.exit_code
    assert "--force overwrites it" in result.stderr
    assert "<svg>mine</svg>" == target.read_text(encoding="utf-8")
