"""Go to definition, and the outline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from lsprotocol import types

from tests.editor.client import Editor, Text

MODEL = """\
# 😀
model first {
  width n = 256, base n0 = 64
  richness r = 1/2, gamma = 2
  input 16
  embed: dense -> n { std = 1 / 4, lr = alpha^2 * gamma^(2*r - 1) / (n / n0) }
  tanh
  body[3]: dense -> 4*n { std = 1 }
  tanh
  head: dense -> 1 { std = 1 / (alpha * n), lr = 1 }
  optimizer sgd { lr = 0.1 * (n0 / n) }
  require equivalent "other.rich"
  require equivalent "other.rich::second"
  require equivalent "other.rich::third"
  require equivalent "missing.rich"
  require equivalent "::last"
}
model last {
  width m = 256
  parameterization rich(r = 1/4)
  input 16
  a: dense -> m { lr = alpha * m }
  optimizer sgd { lr = 1
"""
DEEP = """\
model deep {
  width n = 256
  depth L = 24, base L0 = 4
  input tokens 100
  embed: embedding -> n { std = 1, lr = 1 }
  blocks: repeat L {
    mlp: residual {
      scale = L0 / L
      norm1: rmsnorm { gain { lr = 1 } }
      up: dense -> 4*n { std = 1, lr = 1 }
      gelu
    }
    last: residual { tanh }
  }
  layernorm
"""
OTHER = "\ufeffmodel one { }\n/* 😀 */ model second { }\n"


@pytest.fixture
def text(editor: Editor, tmp_path: Path) -> Text:
    (tmp_path / "other.rich").write_text(OTHER, encoding="utf-8")
    text = Text(editor, (tmp_path / "net.rich").as_uri(), MODEL)
    text.open()
    return text


@pytest.mark.parametrize(
    ("word", "declared", "length"),
    [
        ("n { std", "n = 256", 1),
        ("n0) }", "n0 = 64", 2),
        ("alpha^2", "r = 1/2", 1),
        ("gamma^", "gamma = 2", 5),
        ("r - 1", "r = 1/2", 1),
        ("n0 / n) }", "n0 = 64", 2),
        ("alpha * m", "rich(r = 1/4)", 13),
        ("m { lr", "m = 256", 1),
    ],
)
def test_symbols(word: str, declared: str, length: int, text: Text) -> None:
    found = text.definition(word)

    start = text.text.index(declared)
    expected = types.Range(text.at(start), text.at(start + length))
    assert types.Location(text.uri, expected) == found


@pytest.mark.parametrize("word", ["tanh", "16", "fan", "embed", "😀", '"missing', '"other.rich::t'])
def test_not_declared_anywhere(word: str, text: Text) -> None:
    text.set(MODEL + "# fan")

    assert text.definition(word) is None


def test_another_file(text: Text, tmp_path: Path) -> None:
    found = text.definition('"other.rich"')

    assert found is not None
    assert (tmp_path / "other.rich").as_uri() == found.uri
    assert 0 == found.range.start.line


def test_a_model_of_another_file(text: Text) -> None:
    found = text.definition('other.rich::second"')

    assert found is not None
    line = OTHER.split("\n")[1]
    column = len(line[: line.index("second")].encode("utf-16-le")) // 2
    assert types.Position(1, column) == found.range.start
    assert types.Position(1, column + 6) == found.range.end


def test_a_model_of_this_file(text: Text) -> None:
    found = text.definition('"::last')

    start = text.text.index("last {")
    expected = types.Range(text.at(start), text.at(start + 4))
    assert types.Location(text.uri, expected) == found


def test_outline(text: Text) -> None:
    first, last = text.outline()

    assert ("first", "last") == (first.name, last.name)
    assert types.SymbolKind.Class == first.kind
    start = text.text.index("first")
    assert types.Range(text.at(start), text.at(start + 5)) == first.selection_range
    assert [("embed", "dense -> n"), ("body", "[3] dense -> 4*n"), ("head", "dense -> 1")] == [
        (layer.name, layer.detail) for layer in first.children or ()
    ]
    # The last one is being written, and already there.
    assert ["a"] == [layer.name for layer in last.children or ()]


def test_outline_of_a_deep_network(text: Text) -> None:
    text.set(DEEP)

    (model,) = text.outline()

    assert [
        "embed: embedding -> n",
        "blocks: repeat L",
        " mlp: residual",
        "  norm1: rmsnorm",
        "  up: dense -> 4*n",
        " last: residual",
        "layernorm: layernorm",
    ] == list(_lines(model.children or ()))


def _lines(symbols: Iterable[types.DocumentSymbol], indent: str = "") -> Iterator[str]:
    for symbol in symbols:
        yield f"{indent}{symbol.name}: {symbol.detail}"
        yield from _lines(symbol.children or (), indent + " ")


@pytest.mark.parametrize(("word", "declared"), [("L0 /", "L0 = 4"), ("L {", "L = 24")])
def test_symbols_of_the_depth(word: str, declared: str, text: Text) -> None:
    text.set(DEEP)

    found = text.definition(word)

    start = text.text.index(declared)
    expected = types.Range(text.at(start), text.at(start + len(word) - 2))
    assert types.Location(text.uri, expected) == found


@pytest.mark.parametrize("mended", ["model {\n a: dense -> n\n}", "model a b {\n}", "\n {", ""])
def test_names_lie_inside_of_their_symbols(mended: str, text: Text) -> None:
    """Editors refuse the whole outline otherwise."""
    text.set(mended)

    for symbol in text.outline():
        assert symbol.range.start <= symbol.selection_range.start
        assert symbol.selection_range.end <= symbol.range.end
