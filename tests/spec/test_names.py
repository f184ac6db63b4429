"""No name of a file can stand for something of Python or PyTorch."""

from __future__ import annotations

import keyword

import pytest

import richc
from richc.spec.names import refusal

WORDS = {
    "model",
    "width",
    "richness",
    "parameterization",
    "input",
    "optimizer",
    "loss",
    "train",
    "require",
}


def text(model: str = "net", layer: str = "h1") -> str:
    return f"""
model {model} {{
  width n = 256, base n0 = 64
  parameterization mup
  input 16
  {layer}: dense -> n
  tanh
  out: dense -> 10
  optimizer sgd
}}
"""


def codes(text: str) -> list[str]:
    (file,) = richc.check(text).files
    return [d.code for d in file.diagnostics]


def test_attributes_of_the_installed_module() -> None:
    nn = pytest.importorskip("torch.nn")
    module = nn.Module()
    taken = {*dir(nn.Module), *dir(module), *vars(module)}

    free = {name for name in taken if name.isascii() and refusal(name) is None}

    assert set() == free


RESERVED = ["forward", "_private", "__init__", "to", "x" * 101, "layers"]


@pytest.mark.parametrize("name", [*keyword.kwlist, *sorted(WORDS), *RESERVED])
def test_reserved(name: str) -> None:
    """`None`, `class`, `width`: one error about the name, wherever it stands."""
    assert ["R012"] == codes(text(layer=name))
    assert ["R012"] == codes(text(model=name))


@pytest.mark.parametrize("name", ["base", "r", "n", "n0", "stp", "mup", "match", "Net"])
def test_free(name: str) -> None:
    """Words with a meaning elsewhere are names here."""
    assert [] == codes(text(layer=name))
    assert [] == codes(text(model=name))


@pytest.mark.parametrize("name", ["dense", "relu", "tanh", "mse", "sgd", "frozen", "bias"])
def test_vocabulary_is_free_for_layers(name: str) -> None:
    assert [] == codes(text(layer=name))
