"""``richc audit --rich``: what richc compiles comes back as a file that trains alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import richc
from richc.cli.main import cli
from richc.torchfront.factory import Factory
from richc.torchfront.structure import Unsaid
from richc.torchfront.written import written
from tests.audit.compiling import factory_of

EXAMPLES = ["digits_mup_adam", "digits_quarter", "gauge_mup", "gauge_rescaling"]


def audited(source: str, folder: Path, name: str) -> tuple[int, str, Path]:
    """Exit code and errors of an audit of the program that a text compiles to, and its .rich."""
    factory = factory_of(source, folder, name)
    path = folder / "found.rich"
    arguments = ["audit", f"{factory}:make", "--widths=64,128,256", "--read-only"]
    result = CliRunner().invoke(cli, [*arguments, "--rich", str(path)])
    return result.exit_code, result.stderr, path


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_compiled_chain_comes_back(name: str, examples: Path, tmp_path: Path) -> None:
    source = (examples / f"{name}.rich").read_text(encoding="utf-8")

    code, errors, path = audited(source, tmp_path, name)
    found = path.read_text(encoding="utf-8")

    assert code in (0, 1), errors
    assert "identical" == richc.equivalence(source, found).status
    assert richc.check(source).files[0].models[0].richness == (
        richc.check(found).files[0].models[0].richness
    )


BLOCKS = """\
model net {
  width n = 128, base n0 = 64
  input INPUT
  blocks: repeat 3 {
    mlp: residual {
      scale = 0.5
      norm: NORM { gain { lr = 2 }, bias { std = 0, lr = 1 } }
      up: dense -> 2*n { std = 1 / sqrt(fan_in), lr = n0 / n OTHER }
      relu
      down: dense -> n { std = 1 / sqrt(fan_in), lr = n0 / n, bias { std = 0, lr = 1 } }
    }
    mix: residual { skip = 1/2, one: dense -> n { std = 1 / sqrt(fan_in), lr = n0 / n } }
  }
  last: residual { tanh, one: dense -> n { scale = 1/4, std = 1 / sqrt(n), lr = n0 / n } }
  final: NORM { eps = 1e-6 }
  head: dense -> 10 { std = sqrt(n0) / n, lr = n0 / n }
  optimizer adam { lr = 0.01 }
}
"""
FIRST = {
    "64": "64\n  embed: dense -> n { std = 1/8, lr = 1 }",
    "tokens": "tokens 9\n  embed: embedding -> n { std = 1, lr = 1 }",
}


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("norm", ["rmsnorm", "layernorm"])
@pytest.mark.parametrize("several", [False, True], ids=["", "muon"])
def test_compiled_blocks_come_back(first: str, norm: str, several: bool, tmp_path: Path) -> None:
    source = BLOCKS.replace("NORM", norm).replace("INPUT", FIRST[first])
    source = source.replace(" OTHER", ", optimizer = muon" if several else "")
    if several:
        muon = "optimizer muon { lr = 0.02, shape_factor = original }"
        source = source.replace("\n}\n", f"\n  {muon}\n}}\n")
    factory = Factory(f"{factory_of(source, tmp_path, f'blocks_{norm}_{first}_{several}')}:make")

    found = written(factory, (64, 128, 256))

    assert "identical" == richc.equivalence(source, found).status


#: A residual network by hand: its own norm, an alpha, a stream that is halved, no modules' names.
BY_HAND = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.read = nn.Linear(8, n, bias=False)
        self.gain = nn.Parameter(torch.ones(n))
        self.up = nn.ParameterList(torch.randn(n, n) * n**-0.5 for _ in range(2))
        self.head = nn.Linear(n, 4, bias=False)
        for dense in (self.read, self.head):
            nn.init.normal_(dense.weight, std=1 / dense.in_features)

    def forward(self, x):
        h = self.read(x)
        y = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-5) * self.gain
        h = torch.add(h, torch.relu(y @ self.up[0]), alpha=0.25)
        h = 0.5 * h + torch.tanh(h @ self.up[1]) / 2
        return self.head(h)


def make(n):
    model = Net(n)
    loss = lambda output: output.square().mean()
    return model, torch.optim.SGD(model.parameters(), lr=0.1), torch.randn(8, 8), loss
"""

BY_HAND_SAID = """\
# Written by richc audit
model net {
  width n = 256, base n0 = 64
  input 8
  read: dense -> n { std = 0.125, lr = 1 }
  branch2: residual {
    scale = 0.25
    norm1: rmsnorm { eps = 1e-8 * 1000, gain { lr = 1 } }
    layer2: dense -> n { std = 1 * n^(-1/2), lr = 1 }
    relu
  }
  branch3: residual {
    scale = 0.5
    skip = 0.5
    layer1: dense -> n { std = 1 * n^(-1/2), lr = 1 }
    tanh
  }
  head: dense -> 4 { std = 1 * n^(-1), lr = 1 }
  optimizer sgd { lr = 0.1 }
}
"""


def test_a_network_by_hand(tmp_path: Path) -> None:
    factory = tmp_path / "by_hand.py"
    factory.write_text(BY_HAND, encoding="utf-8")

    found = written(Factory(f"{factory}:make"), (64, 128, 256))

    assert BY_HAND_SAID == found


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (("torch.ones(n)", "2 * torch.ones(n)"), "`gain` starts with entries other than 1"),
        (("self.head(h)", "self.head(h + self.read(x))"), "reads what is not the layer before"),
        (("torch.tanh(h @ self.up[1])", "torch.softmax(h, -1)"), "_softmax"),
    ],
)
def test_what_is_said_of_other_networks(
    changed: tuple[str, str], reason: str, tmp_path: Path
) -> None:
    factory = tmp_path / "by_hand.py"
    factory.write_text(BY_HAND.replace(*changed), encoding="utf-8")

    with pytest.raises(Unsaid, match=reason):
        written(Factory(f"{factory}:make"), (64, 128, 256))


def test_what_the_language_cannot_say(tmp_path: Path) -> None:
    factory = tmp_path / "mixed.py"
    factory.write_text(
        "import torch\nfrom torch import nn\n\n\ndef make(n):\n"
        "    model = nn.Sequential(nn.Linear(8, n), nn.Softmax(-1), nn.Linear(n, 4))\n"
        "    loss = lambda output: output.square().mean()\n"
        "    return model, torch.optim.Adam(model.parameters()), torch.randn(8, 8), loss\n",
        encoding="utf-8",
    )
    path = tmp_path / "found.rich"
    arguments = ["audit", f"{factory}:make", "--widths=64,128,256", "--read-only"]

    result = CliRunner().invoke(cli, [*arguments, "--rich", str(path)])

    assert 2 == result.exit_code
    assert "error: --rich: `1` (_softmax) is no dense layer, norm or activation" in result.stderr
    assert not path.exists()
