"""``richc verify`` from outside: arguments in; table, JSON, picture and exit code out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import richc
from richc.cli.main import cli
from richc.report.verification_schema import Row, VerificationReport

MUP = """\
model net {
  width n = 64
  parameterization mup
  input 8
  embed: dense -> n
  relu
  body: dense -> n
  relu
  head: dense -> 4
  optimizer sgd { lr = 0.1 }
  loss cross_entropy
  require mup
}
"""
#: The update of `body` vanishes.
SLOW = MUP.replace("body: dense -> n", "body: dense -> n { lr = 1 / n }")
#: A rate that grows with the width, in the read-out.
FAST = MUP.replace("head: dense -> 4", "head: dense -> 4 { lr = 1 }")
#: Few networks, none of them wide.
QUICK = ("--widths", "64,128,256,512,1024", "--seeds", "12")
#: After those: a fault is seen at these, and they cost a quarter.
NARROW = ("--widths", "64,128,256,512")
#: For what does not depend on what is found.
TINY = ("--widths", "16,32", "--seeds", "2")


def run(folder: Path, text: str, *arguments: str) -> Result:
    path = folder / "net.rich"
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(cli, ["verify", str(path), *arguments])


def as_json(folder: Path, text: str, *arguments: str) -> VerificationReport:
    result = run(folder, text, *QUICK, "--format", "json", *arguments)
    return VerificationReport.model_validate_json(result.stdout)


def test_a_model_that_is_as_required(tmp_path: Path) -> None:
    result = run(tmp_path, MUP, *QUICK)

    lines = result.stdout.splitlines()
    assert 0 == result.exit_code, result.output
    assert lines[0].endswith("net: μP (r = 1/2), STP gauge: features learn")
    assert lines[3].split() == ["quantity", "layer", "predicted", "measured", "95", "%"]
    assert "✗" not in result.stdout
    assert re.search(r"D0-D3 hold, r = 0\.(4|5)\d \(rich\)", lines[-1])


def test_no_narrow_width_tells_how_long_wide_ones_take(tmp_path: Path) -> None:
    result = run(tmp_path, MUP, "--widths", "520,528", "--seeds", "1", "--steps", "1")

    assert result.exit_code in (0, 1, 4), result.output
    assert "520" in result.stdout


def test_json_holds_every_row_of_the_table(tmp_path: Path) -> None:
    report = as_json(tmp_path, MUP)

    kinds = {(row.quantity, row.layer, row.step) for row in report.rows}
    layers = ("embed", "body", "head")
    expected = {("h", layer, 0) for layer in layers}
    expected |= {("dh", layer, step) for layer in layers for step in (1, 2, 3, 4)}
    expected |= {(q, layer, 4) for q in ("own", "df") for layer in layers}
    assert expected | {("kernel", "body", 4)} == kinds
    assert ("pass", True) == (report.verdict, report.agrees)
    assert {64: 12, 128: 12, 256: 12, 512: 12, 1024: 12} == report.run.networks
    (f,) = (row for row in report.rows if (row.quantity, row.layer) == ("h", "head"))
    assert "-1/2" == f.predicted
    assert f.low is not None
    assert f.high is not None
    assert f.low < -0.5 < f.high


def test_a_fault_is_named_and_placed(tmp_path: Path) -> None:
    report = as_json(tmp_path, SLOW, *NARROW)

    assert ("fail", "partial") == (report.verdict, report.measured.regime)
    assert [("D3", "body")] == [(b.desideratum, b.layer) for b in report.measured.broken]
    assert report.measured.fault is not None
    assert ("body", "rate", "-1", "1/2") == tuple(report.measured.fault.model_dump().values())


def test_what_explodes_is_judged_in_its_first_step(tmp_path: Path) -> None:
    report = as_json(tmp_path, FAST)

    assert ("unstable", 1) == (report.measured.regime, report.run.judged_step)
    assert [("D1", "head")] == [(b.desideratum, b.layer) for b in report.measured.broken]
    assert report.measured.fault is not None
    assert ("head", "rate", "1", "1/2") == tuple(report.measured.fault.model_dump().values())
    assert report.agrees is True


def test_exit_code_and_last_line_of_a_fault(tmp_path: Path) -> None:
    result = run(tmp_path, FAST, *QUICK, *NARROW, "--quiet")

    assert 1 == result.exit_code
    assert "one fault: the learning rate of `head` is n^1 too large" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("✗ ")


def test_it_contradicts_a_wrong_prediction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the checker to take one optimizer for another, training would say so."""
    from richc.rules.context import Context

    read = Context.network_under
    monkeypatch.setattr(
        Context,
        "network_under",
        lambda self, name: read(self, "adam" if name == "sgd" else name),
    )
    report = as_json(tmp_path, MUP, *NARROW)

    assert ("fail", False) == (report.verdict, report.agrees)
    wrong = {row.quantity for row in report.rows if row.agrees is False}
    assert {"dh", "own", "df"} <= wrong
    assert "h" not in wrong


def test_the_same_seed_gives_the_same_numbers(tmp_path: Path) -> None:
    def measured(seed: str) -> list[Row]:
        result = run(tmp_path, MUP, *TINY, "--format", "json", "--seed", seed)
        return VerificationReport.model_validate_json(result.stdout).rows

    first, second, other = measured("1"), measured("1"), measured("2")

    assert first == second
    assert first != other


def test_gauges_measure_alike(tmp_path: Path) -> None:
    """The same networks in another gauge: equal to the precision of single weights."""

    def measured(text: str) -> list[Row]:
        result = run(tmp_path, text, *TINY, "--format", "json", "--lr", "0.1")
        return VerificationReport.model_validate_json(result.stdout).rows

    moved = MUP.replace("parameterization mup", "parameterization mup, gauge = rescaling")
    for one, two in zip(measured(MUP), measured(moved), strict=True):
        assert one.measured == pytest.approx(two.measured, abs=1e-4)


def test_optimizer_state(tmp_path: Path) -> None:
    adam = MUP.replace("sgd { lr = 0.1 }", "adam")
    report = as_json(tmp_path, adam, *NARROW, "--optimizer-state")

    states = {row.layer: row for row in report.rows if row.quantity == "state"}
    assert ["embed", "body", "head"] == list(states)
    assert ["-1", "-1", "0"] == [row.predicted for row in states.values()]
    assert all(row.agrees for row in states.values())


def test_nothing_to_train(tmp_path: Path) -> None:
    frozen = "\n".join(
        f"{line} {{ frozen }}" if "dense" in line else line for line in MUP.splitlines()
    )
    report = as_json(tmp_path, frozen, *NARROW)

    assert ("fail", "trivial", True) == (report.verdict, report.measured.regime, report.agrees)
    assert {"-inf"} == {row.measured for row in report.rows if row.quantity in ("dh", "own", "df")}


def test_a_zero_readout_trains_from_the_second_step_on(tmp_path: Path) -> None:
    report = as_json(tmp_path, MUP.replace("-> 4", "-> 4 { std = 0 }"))

    by_step = {row.step: row for row in report.rows if (row.quantity, row.layer) == ("dh", "body")}
    assert "-inf" == by_step[1].measured == by_step[1].predicted
    assert "0" == by_step[4].predicted
    assert "pass" == report.verdict


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"figure{suffix}"
    arguments = (*TINY, "-q", "--plot", str(target))

    # Twice: it may overwrite what it has drawn.
    for _ in range(2):
        assert "" == run(tmp_path, MUP, *arguments).stderr
        assert target.stat().st_size > 10_000
    assert [] == list(tmp_path.glob(".*"))


def test_somebody_elses_file_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "figure.png"
    target.write_bytes(b"mine")
    arguments = (*TINY, "-q", "--plot", str(target))

    result = run(tmp_path, MUP, *arguments)
    assert 2 == result.exit_code
    assert "richc did not draw this file" in result.stderr
    assert b"mine" == target.read_bytes()
    assert "" == run(tmp_path, MUP, *arguments, "--force").stderr
    assert target.read_bytes().startswith(b"\x89PNG")


def test_data_of_the_file(tmp_path: Path, examples: Path) -> None:
    result = CliRunner().invoke(
        cli, ["verify", str(examples / "digits_mup_sgd.rich"), *TINY, "--format", "json"]
    )

    assert "digits.csv.gz" == json.loads(result.stdout)["run"]["data"]


def test_data_that_are_not_there(tmp_path: Path) -> None:
    text = MUP.replace("  require mup", '  train { data = "nowhere.csv" }')
    result = run(tmp_path, text, *TINY, "--format", "json")

    assert "nowhere.csv is not there: random data instead" in result.stderr
    assert "random data" == json.loads(result.stdout)["run"]["data"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--widths", "64"], "two widths"),
        (["--widths", "64,many"], "not a list of numbers"),
        (["--widths", "64,100000000"], "too wide"),
        (["--widths", "64,900000"], "GiB"),
        (["--seeds", "0"], "0 is not in the range"),
        (["--lr", "0"], "range"),
        (["--plot", "figure.jpg"], ".png or .svg"),
        (["--plot", "no/figure.png"], "not a folder"),
        (["--data", "nowhere.csv"], "No such file"),
        (["--model", "other"], "no model `other`"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], words: str) -> None:
    result = run(tmp_path, MUP, *arguments)

    assert 2 == result.exit_code
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_from_python(tmp_path: Path) -> None:
    command = run(tmp_path, MUP, *TINY, "--format", "json", "--seed", "3")
    report = richc.verify(MUP, widths=[32, 16], seeds=2, seed=3)

    assert VerificationReport.model_validate_json(command.stdout).rows == report.rows
    with pytest.raises(richc.RichError, match="two widths"):
        richc.verify(MUP, widths=[64, 64])
    with pytest.raises(richc.RichError, match="GiB"):
        richc.verify(MUP, widths=[64, 10**6])
    with pytest.raises(richc.RichError, match="No such file"):
        richc.verify(MUP, data=tmp_path / "nowhere.csv")


def test_errors_of_syntax(tmp_path: Path) -> None:
    result = run(tmp_path, MUP.replace("relu", "rleu"))

    assert 1 == result.exit_code
    assert "did you mean" in result.stderr or "rleu" in result.stderr
