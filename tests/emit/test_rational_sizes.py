"""Layers of 8/3 n units: whole at every width that the program takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from richc.cli.main import cli
from richc.pipeline import analyse
from tests.emit.gauge_training import imported

TEXT = """\
model net {
  width n = 48, base n0 = 24
  parameterization mup
  input 5
  a: dense -> 8/3*n
  relu
  b[2]: dense -> 3*n/4 { bias }
  relu
  head: dense -> 3
  optimizer sgd { lr = 0.1 }
}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.rich"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_shapes() -> None:
    program = imported(analyse(TEXT).models[0].spec)

    for width in (12, 48, 1200):
        network = program.Net(width, device="meta")
        shapes = {name: tuple(p.shape) for name, p in network.named_parameters()}
        wide, narrow = 8 * width // 3, 3 * width // 4
        assert {
            "a.weight": (wide, 5),
            "b.0.weight": (narrow, wide),
            "b.0.bias": (narrow,),
            "b.1.weight": (narrow, narrow),
            "b.1.bias": (narrow,),
            "head.weight": (3, narrow),
        } == shapes


@pytest.mark.parametrize("width", [1, 16, 47, 50])
def test_a_width_at_which_they_are_not_whole(width: int) -> None:
    program = imported(analyse(TEXT).models[0].spec)

    with pytest.raises(ValueError, match=f"width must be a multiple of 12, not {width}"):
        program.Net(width)


def test_weights_of_another_width() -> None:
    program = imported(analyse(TEXT).models[0].spec)
    other = program.Net(60).state_dict()
    other._metadata = {}  # As of a file that keeps tensors alone.

    with pytest.raises(RuntimeError, match="the width is 60 in these weights but 48"):
        program.Net(48).load_state_dict(other)


def test_init_has_the_fan_in() -> None:
    torch.manual_seed(0)
    network = imported(analyse(TEXT).models[0].spec).Net(480)

    assert network.b[0].weight.std().item() == pytest.approx((2 / 1280) ** 0.5, rel=0.02)


@pytest.mark.parametrize("command", ["verify", "transfer", "scale"])
def test_widths_to_measure_at(command: str, file: Path) -> None:
    found = CliRunner().invoke(cli, [command, str(file), "--widths", "24,50"])

    assert 2 == found.exit_code
    assert "--widths: 50 is no multiple of 12" in found.stderr


def test_default_widths_are_made_to_fit() -> None:
    spec = analyse(TEXT).models[0].spec

    assert [72, 132, 264, 516] == spec.fitting((64, 128, 256, 512))


@pytest.mark.nightly
@pytest.mark.slow
def test_training_agrees_with_the_check(file: Path) -> None:
    found = CliRunner().invoke(cli, ["verify", str(file), "--format", "json"])

    assert 0 == found.exit_code, found.output
    assert json.loads(found.stdout)["agrees"]
