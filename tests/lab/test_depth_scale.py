"""``richc scale --over depth`` from outside: exponents of L by alpha."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc.cli.main import cli
from richc.report.depth_scale_schema import DepthScaleReport

MUP = """\
model net {
  width n = 32, base n0 = 32
  depth L = 4, base L0 = 2
  parameterization mup
  input 8
  embed: dense -> n
  blocks: repeat L {
    mlp: residual {
      rmsnorm
      up: dense -> n
      gelu
      down: dense -> n
    }
  }
  rmsnorm
  head: dense -> 4
  optimizer adam { lr = 0.01 }
  loss cross_entropy
}
"""
OWN_SCALE = MUP.replace("residual {", "residual {\n      scale = L0 / L")
CHAIN = """\
model net {
  width n = 16
  parameterization mup
  input 8
  embed: dense -> n
  relu
  head: dense -> 4
  optimizer sgd { lr = 0.1 }
}
"""
TINY = ("--depths", "2,4", "--seeds", "1", "--steps", "1")


def run(folder: Path, text: str, *arguments: str) -> Result:
    path = folder / "net.rich"
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(cli, ["scale", str(path), "--over", "depth", "-q", *arguments])


def as_json(result: Result) -> DepthScaleReport:
    assert result.exit_code in (0, 1, 4), result.output
    return DepthScaleReport.model_validate_json(result.stdout)


def test_a_families_share_is_predicted_by_alpha(tmp_path: Path) -> None:
    """Under Adam a branch's own rate makes its share L^(alpha - 1); all L of them add up to 1."""
    picture = tmp_path / "a.svg"
    found = as_json(
        run(tmp_path, MUP, *TINY, "--points", "1/2,1", "--format", "json", "--plot", str(picture))
    )

    own = {
        point.alpha: row.predicted
        for point in found.points
        for row in point.rows
        if (row.quantity, row.layer, row.step) == ("own", "blocks.mlp.down", 1)
    }
    assert {"1/2": "-1/2", "1": "0"} == own
    assert all({2: 1, 4: 1} == point.networks for point in found.points)
    assert all(row.symbol == "L" for point in found.points for row in point.rows)
    assert "exponent of L" in picture.read_text(encoding="utf-8")


@pytest.mark.parametrize("declared", ["parameterization mup, depth = 1/2", "parameterization mup"])
def test_what_the_file_declares_is_moved(declared: str, tmp_path: Path) -> None:
    text = MUP.replace("parameterization mup", declared)
    result = run(tmp_path, text, *TINY, "--points", "5/8")

    assert 4 == result.exit_code, result.output
    assert "at α = 5/8" in result.stdout
    assert "--over depth" in result.stdout.splitlines()[0]


def test_a_scale_of_its_own_stays_where_it_is(tmp_path: Path) -> None:
    found = as_json(run(tmp_path, OWN_SCALE, *TINY, "--format", "json"))
    assert ["1"] == [point.alpha for point in found.points]

    result = run(tmp_path, OWN_SCALE, *TINY, "--points", "1/2")
    assert 2 == result.exit_code
    assert "cannot be moved to alpha = 1/2" in result.stderr


def test_what_the_check_does_not_decide_is_undecided(tmp_path: Path) -> None:
    """A skip below one forgets the input."""
    forgets = OWN_SCALE.replace("scale = L0 / L", "scale = L0 / L\n      skip = 1/2")
    result = run(
        tmp_path, forgets.replace("parameterization mup", "parameterization mup, depth = 1"), *TINY
    )

    assert 4 == result.exit_code, result.output
    assert result.output.startswith("? ")
    assert result.output.rstrip().endswith("net.rich: net: the check predicts no exponent of L")


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        (CHAIN, (), "`net` declares no depth to measure over"),
        (MUP, ("--points", "1/4"), "1/4 is not from 1/2 to 1"),
        (MUP, ("--widths", "16,32"), "--widths is not for --over depth"),
        (MUP, ("--over", "width", "--depths", "2,4"), "--depths is not for --over width"),
    ],
)
def test_refused(text: str, arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    result = run(tmp_path, text, *arguments)
    assert 2 == result.exit_code
    assert words in result.stderr
    assert 1 == len([line for line in result.stderr.splitlines() if words in line])


@pytest.mark.measured
def test_exponents_of_l_move_with_alpha_in_training(tmp_path: Path) -> None:
    arguments = ("--depths", "4,8,16,32", "--seeds", "4", "--steps", "1", "--points", "1/2,1")
    found = as_json(run(tmp_path, MUP, *arguments, "--format", "json"))

    measured = {
        point.alpha: row.measured
        for point in found.points
        for row in point.rows
        if (row.quantity, row.layer, row.step) == ("own", "blocks.mlp.down", point.judged_step)
    }
    assert measured["1/2"] == pytest.approx(-0.5, abs=0.2)
    assert measured["1"] == pytest.approx(0, abs=0.2)
    assert not [r for p in found.points for r in p.rows if r.agrees is False]
