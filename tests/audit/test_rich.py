"""``richc audit --rich``: what richc compiles comes back as a file that trains alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import richc
from richc.cli.main import cli

EXAMPLES = ["digits_mup_adam", "digits_quarter", "gauge_mup", "gauge_rescaling"]

#: A factory of a compiled program, whose network is called NET.
FACTORY = """
import torch
import {module} as program


def make(n):
    model = program.{net}(width=n)
    x, y = torch.randn(16, program.FEATURES), torch.randint(program.OUTPUTS, (16,))
    return model, model.make_optimizer(), x, lambda output: program.loss_of(output, y)
"""


def audited(source: str, folder: Path, name: str) -> tuple[int, str, Path]:
    """Exit code and errors of an audit of the program that a text compiles to, and its .rich."""
    program = richc.compile(source)
    (net,) = (
        line.split()[1].partition("(")[0]
        for line in program.splitlines()
        if line.startswith("class ") and "nn.Module" in line and "Dense" not in line
    )
    (folder / f"{name}.py").write_text(program, encoding="utf-8")
    factory = folder / f"{name}_factory.py"
    factory.write_text(FACTORY.format(module=name, net=net), encoding="utf-8")
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


def test_what_the_language_cannot_say(tmp_path: Path) -> None:
    factory = tmp_path / "normed.py"
    factory.write_text(
        "import torch\nfrom torch import nn\n\n\ndef make(n):\n"
        "    model = nn.Sequential(nn.Linear(8, n), nn.LayerNorm(n), nn.Linear(n, 4))\n"
        "    loss = lambda output: output.square().mean()\n"
        "    return model, torch.optim.Adam(model.parameters()), torch.randn(8, 8), loss\n",
        encoding="utf-8",
    )
    path = tmp_path / "found.rich"
    arguments = ["audit", f"{factory}:make", "--widths=64,128,256", "--read-only"]

    result = CliRunner().invoke(cli, [*arguments, "--rich", str(path)])

    assert 2 == result.exit_code
    assert "error: --rich: `1` (native_layer_norm) is no dense layer and no activation" in (
        result.stderr
    )
    assert not path.exists()
