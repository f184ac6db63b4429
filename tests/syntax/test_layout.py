"""White space, line ends, commas and comments: what they mean, and that nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import richc

MODEL = """\
model net {
  width n = 256, base n0 = 64
  richness r = 1/2, gamma = 2
  input 16
  h1: dense -> n { std = 1, lr = n^(2*r), bias { std = 0, lr = n } }
  leaky_relu(0.1)
  body[2]: dense -> 4*n { var = 2 / fan_in, lr = 1 }
  tanh
  out: dense -> 10 { std = 1 / n, lr = 1 / n }
  optimizer adam { lr = 0.1, betas = (0.9, 0.99) }
  train { steps = 10, data = "a b.csv" }
  require regime unstable
}
"""

SAME: dict[str, bytes] = {
    "CRLF": MODEL.replace("\n", "\r\n").encode(),
    "CR": MODEL.replace("\n", "\r").encode(),
    "byte order mark": "\ufeff".encode() + MODEL.encode(),
    "tabs": MODEL.replace("  ", "\t").replace(" = ", "\t=\t").encode(),
    "form feeds": MODEL.replace("  ", "\f").encode(),
    "no final newline": MODEL.rstrip().encode(),
    "blank lines": MODEL.replace("\n", "\n\n \n").encode(),
    "trailing spaces": MODEL.replace("\n", "   \n").encode(),
    "comments": MODEL.replace("\n", ' # a comment { ( [ " }\n').encode(),
    "comment lines": MODEL.replace("\n", "\n# not a statement\n").encode(),
    "comments in other scripts": MODEL.replace("\n", "  # μP, 宽度, \U0001f600\n").encode(),
    "newlines for commas": MODEL.replace(", lr", "\n lr").replace(", bias", "\n bias").encode(),
    "newlines after commas": MODEL.replace(", ", ",\n ").encode(),
    "newlines before commas": MODEL.replace(", ", "\n , ").encode(),
    "last commas": MODEL.replace(" }\n", ", }\n").encode(),
    "braces on lines of their own": MODEL.replace("{ ", "{\n").replace(" }", "\n}").encode(),
    "opening braces on the next line": MODEL.replace(" {", "\n{").encode(),
    "newlines in parentheses": MODEL.replace("(", "(\n").replace(")", "\n)").encode(),
    "newlines in brackets": MODEL.replace("[", "[\n").replace("]", "\n]").encode(),
    "a list in brackets": MODEL.replace("(0.9, 0.99)", "[0.9, 0.99]").encode(),
    "few spaces": MODEL.replace(" = ", "=").replace(" / ", "/").replace(": ", ":").encode(),
    "other numbers": MODEL.replace("0.1", "1e-1")
    .replace("16", "1.6e1")
    .replace("2*r", "2.*r")
    .encode(),
    "closed on the last line": MODEL.replace("\n}", " }").encode(),
}


def specification(text: bytes, folder: Path) -> dict[str, Any]:
    path = folder / "net.rich"
    path.write_bytes(text)
    return richc.load(path).model_dump()


@pytest.mark.parametrize("name", SAME)
def test_it_means_the_same(name: str, tmp_path: Path) -> None:
    assert specification(MODEL.encode(), tmp_path) == specification(SAME[name], tmp_path)


def test_several_models(tmp_path: Path) -> None:
    text = MODEL + MODEL.replace("net", "other")

    spec = specification(text.encode(), tmp_path)

    assert ["net", "other"] == [model["name"] for model in spec["models"]]


def test_several_models_on_one_line(tmp_path: Path) -> None:
    text = MODEL.rstrip() + " " + MODEL.replace("net", "other")

    spec = specification(text.encode(), tmp_path)

    assert ["net", "other"] == [model["name"] for model in spec["models"]]


@pytest.mark.parametrize("word", ["base", "in", "gauge", "equivalent", "std", "true"])
def test_words_that_are_names_elsewhere(word: str, tmp_path: Path) -> None:
    text = MODEL.replace("width n =", f"width {word} =").replace("n^", f"{word}^")
    text = text.replace("-> n ", f"-> {word} ").replace("4*n", f"4*{word}")
    text = text.replace("lr = n ", f"lr = {word} ").replace("/ n", f"/ {word}")

    assert specification(MODEL.encode(), tmp_path) == specification(text.encode(), tmp_path)


def test_order_of_statements_is_free(tmp_path: Path) -> None:
    """Layers and activations follow each other; the rest may stand anywhere."""
    first, *middle, last = MODEL.splitlines()
    layers = [line for line in middle if "dense" in line or "tanh" in line or "relu" in line]
    others = [line for line in middle if line not in layers]

    text = "\n".join([first, *reversed(others), *layers, last])

    assert specification(MODEL.encode(), tmp_path) == specification(text.encode(), tmp_path)
