"""``richc verify`` of networks with blocks, from outside; few networks, all of them small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from richc.cli.main import cli
from richc.report.verification_schema import VerificationReport

COMPLETEP = """\
model net {
  width n = 32, base n0 = 32
  depth L = 4, base L0 = 2
  input 8
  embed: dense -> n { std = 1 / sqrt(fan_in), lr = 1 }
  blocks: repeat L {
    mlp: residual {
      scale = L0 / L
      norm: rmsnorm { gain { lr = 1 } }
      up: dense -> 2*n { std = 1 / sqrt(fan_in), lr = n0 / n, bias { std = 0, lr = 1 } }
      relu
      down: dense -> n { std = 1 / sqrt(fan_in), lr = n0 / n }
    }
  }
  layernorm
  head: dense -> 4 { std = sqrt(n0) / n, lr = n0 / n }
  optimizer adam { lr = 0.01 }
  loss cross_entropy
}
"""
#: Constants decide how sizes grow with a depth that nothing skips.
UNDECIDED = """\
model net {
  width n = 32
  depth L = 4
  input 8
  embed: dense -> n { std = 1 / sqrt(fan_in), lr = 1 }
  relu
  body: repeat L {
    d: dense -> n { std = sqrt(2 / fan_in), lr = 1 / n }
    relu
  }
  head: dense -> 4 { std = 1 / n, lr = 1 / n }
  optimizer adam { lr = 0.01 }
  loss cross_entropy
}
"""
#: What emits other code than the network above, one a line.
OTHERS = {
    "sgd": ("optimizer adam", "optimizer sgd"),
    "tokens": ("input 8\n  embed: dense", "input tokens 8\n  embed: embedding"),
    "shifted norm": ("gain { lr = 1 }", "gain { lr = 1 }, bias { std = 0, lr = 1 }"),
    "scaled": ("std = 1 / sqrt(fan_in), lr = n0 / n }", "scale = 1 / sqrt(n), std = 1, lr = 1 }"),
    "two optimizers": (
        "optimizer adam { lr = 0.01 }",
        "optimizer adam { lr = 0.01 }\n  optimizer muon { lr = 0.01, shape_factor = spectral }",
    ),
}
#: For what does not depend on what is found.
TINY = ("--widths", "16,32", "--depths", "2,4", "--seeds", "2", "--steps", "2")


def run(folder: Path, text: str, *arguments: str) -> Result:
    path = folder / "net.rich"
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(cli, ["verify", str(path), "-q", *arguments])


def report(result: Result) -> VerificationReport:
    return VerificationReport.model_validate_json(result.stdout)


def test_every_family_has_its_exponents_in_n_and_in_l(tmp_path: Path) -> None:
    found = report(run(tmp_path, COMPLETEP, *TINY, "--format", "json"))

    layers = ["embed", "blocks.mlp.norm", "blocks.mlp.up", "blocks.mlp.down", "layernorm", "head"]
    for symbol, sizes in (("n", {16, 32}), ("L", {2, 4})):
        rows = [row for row in found.rows if row.symbol == symbol]
        assert {("h", layer) for layer in layers} == {
            (row.quantity, row.layer) for row in rows if row.quantity == "h"
        }
        shares = {(row.layer, row.of_bias) for row in rows if row.quantity == "df"}
        assert shares == {(x, False) for x in layers if x != "layernorm"} | {(layers[2], True)}
        assert all(sizes == set(row.sizes) for row in rows)
    assert found.run.depth is not None
    assert ({2: 2, 4: 2}, 32) == (found.run.depth.networks, found.run.depth.width)


@pytest.mark.parametrize("name", OTHERS)
def test_stacked_networks_train_as_the_emitted_ones_do(name: str, tmp_path: Path) -> None:
    """A run compares one network with the plain loop, and ends in exit 3 where they part."""
    old, new = OTHERS[name]
    assert old in COMPLETEP
    text = COMPLETEP.replace(old, new)
    if name == "two optimizers":
        text = text.replace("lr = n0 / n, bias", "lr = 1, optimizer = muon, bias")
        assert "optimizer = muon" in text
    result = run(tmp_path, text, *TINY, "--format", "json")

    assert result.exit_code in (0, 1, 4), result.output
    assert any(row.symbol == "L" and row.quantity == "df" for row in report(result).rows)


def test_nothing_is_claimed_where_nothing_is_decided(tmp_path: Path) -> None:
    result = run(tmp_path, UNDECIDED, *TINY)
    assert 4 == result.exit_code, result.output
    assert "the check claims nothing" in result.stdout
    assert "to decide it" not in result.stdout


def test_the_command_that_decides_names_depths(tmp_path: Path) -> None:
    result = run(tmp_path, COMPLETEP, "--widths", "16,32", "--depths", "2,4", "--seeds", "2,2,2,2")
    assert 4 == result.exit_code, result.output
    (line,) = (line for line in result.stdout.splitlines() if "to decide it" in line)
    assert "--depths" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--depths", "4,8"), "declares no depth"),
        (("--depths", "4"), "two depths or more"),
    ],
)
def test_depths_are_for_models_with_a_depth(
    arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    text = COMPLETEP.replace("depth L = 4, base L0 = 2", "").replace("repeat L", "repeat 2")
    result = run(tmp_path, text.replace("scale = L0 / L", ""), *arguments)
    assert 2 == result.exit_code
    assert words in result.stderr


def test_a_picture_and_a_page_show_both(tmp_path: Path) -> None:
    result = run(tmp_path, COMPLETEP, *TINY, "--format", "json", "--plot", str(tmp_path / "a.svg"))
    assert result.exit_code in (0, 1, 4), result.output
    assert "depth L" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    (tmp_path / "run.json").write_text(result.stdout, encoding="utf-8")
    assert json.loads(result.stdout)["run"]["depth"]["width"] == 32
    path = str(tmp_path / "net.rich")
    page = CliRunner().invoke(cli, ["report", path, "--with", str(tmp_path / "run.json")])
    assert 0 == page.exit_code, page.output
