from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from richc.editor.document import Document
from richc.editor.hints import hints
from tests.editor.client import Editor

HOLES = """\
model net {
  width n = 256
  richness r = 1/4
  input 64
  embed: dense -> n { std = 1 / 8, lr = n^? / 64 }
  relu
  head: dense -> 10 { std = n^?, lr = n^? }
  optimizer sgd { lr = 0.1 }
}
"""
INFERRED = """\
model net {
  width n = 256
  parameterization mup
  input 64  # 😀
  body[3]: dense -> n
  relu
  last: dense -> n { std = 1 / sqrt(n), bias }
  relu
  head: dense -> 10 { var = 1 / n^2, lr = 1 / fan_in }
  optimizer sgd { lr = 0.1 }
}
"""


def labels(text: str) -> list[str]:
    found = hints(Document("net.rich", text), 0, len(text))
    return [f"{text[: hint.offset].rsplit(maxsplit=1)[-1]} {hint.label.strip()}" for hint in found]


def test_holes() -> None:
    assert ["n^? = 2*r = 1/2", "n^? = -1/2 - r = -3/4", "n^? = -1"] == labels(HOLES)


def test_inferred_attributes() -> None:
    """Off for those that are written; the layers of one statement together where they agree."""
    body, bias, last = labels(INFERRED)

    read_in = "std = 1 / 8 ~ n^0, lr = alpha^2 / 64 ~ n^1"
    hidden = "std = sqrt(2 / n) ~ n^-1/2, lr = alpha^2 / n ~ n^0"
    assert f"n body.0: {read_in}; body.1 … body.2: {hidden}" == body
    assert "bias std = 0, lr = alpha^2 ~ n^1" == bias
    assert "} lr = alpha^2 / n ~ n^0" == last


def test_multipliers_of_a_gauge() -> None:
    first = labels(INFERRED.replace("mup", "mup, gauge = rescaling"))[0]

    assert "scale = 1 / sqrt(n) ~ n^-1/2" in first


def test_nothing_inferred_without_a_parameterization() -> None:
    assert [] == labels(HOLES.replace("n^?", "n^(-1)"))


def test_nothing_for_models_with_errors() -> None:
    assert [] == labels(INFERRED.replace("relu", "rleu"))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_over_the_protocol(end: str, editor: Editor) -> None:
    text = editor.open(INFERRED.replace("\n", end), "file:///hints.rich")

    found = text.hints()

    assert text.at(text.text.index("-> n") + 4) == found[0].position
    assert types.InlayHintKind.Type == found[0].kind
    assert "inferred by `parameterization mup` in the stp gauge" == found[0].tooltip
    assert found[1:2] == text.hints(text.range(", bias"))
    assert [] == text.hints(text.range("head"))
    text.close()


def test_why_a_hole_is_filled_so(editor: Editor) -> None:
    text = editor.open(HOLES, "file:///holes.rich")

    first = text.hints()[0]

    assert text.at(text.text.index("?") + 1) == first.position
    assert isinstance(first.tooltip, str)
    assert "moves the output by order one" in first.tooltip
    text.close()


def test_examples(examples: Path) -> None:
    """Hints stand in their lines: behind layers, biases and holes."""
    for path in examples.glob("*.rich"):
        text = path.read_text(encoding="utf-8")
        for hint in hints(Document(str(path), text), 0, len(text)):
            assert "#" not in text[: hint.offset].rpartition("\n")[2]
