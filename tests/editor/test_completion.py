"""The text up to ``|``, and what may be written there."""

from __future__ import annotations

import pytest
from lsprotocol import types

from richc import words as vocabulary
from richc.glossary import BIAS, GAIN, GLOSSARY, words
from tests.editor.client import Editor, Text

INNER = {*vocabulary.ACTIVATIONS, *vocabulary.NORMS}
STATEMENTS = {*GLOSSARY["statement"], *INNER} - {"model"}
KINDS = {"dense", "embedding", "rmsnorm", "layernorm", "repeat", "residual"}
LOSSES = set(vocabulary.LOSSES)
WIDTHS = {"n", "n0", "L", "L0"}
FANS = {"fan_in", "layer_fan_in", "fan_out"}
SYMBOLS = {*GLOSSARY["symbol"]} - {"r", "layer_fan_in"}
OF_A_BIAS = SYMBOLS - {"fan_in"} | {"layer_fan_in"}

BEFORE = """\
model a {
  width n = 256, base n0 = 64
  depth L = 24, base L0 = 4
  richness r = 1/2
  input 16
"""
AFTER = """
  out: dense -> 10 { std = 1, lr = 1 }
  loss mse
}
model other { width w = 3 }
"""


@pytest.fixture
def text(editor: Editor) -> Text:
    text = Text(editor, "file:///completion.rich", "")
    text.open()
    return text


def complete(text: Text, marked: str) -> dict[str, str]:
    text.set(marked.replace("|", "", 1))
    return text.complete(marked.index("|"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("  |", STATEMENTS),
        ("  opti|", STATEMENTS),
        ("  optimizer|", STATEMENTS),
        ("  with |", set(GLOSSARY["feature"])),
        ("  with log, |", set(GLOSSARY["feature"])),
        ("  with log |", set()),
        ("  embed: |", KINDS),
        ("  embed: de|", KINDS),
        ("  embed: dense -> |", {"n"}),
        ("  embed: dense -> 4*|", {"n"}),
        ("  embed: dense -> n { | }", set(GLOSSARY["attribute"])),
        ("  embed: dense -> n {|", set(GLOSSARY["attribute"])),
        ("  embed: dense -> n { lr = 1, s|", set(GLOSSARY["attribute"])),
        ("  embed: dense -> n {\n    lr = 1\n    |\n }", set(GLOSSARY["attribute"])),
        ("  embed: dense -> n { bias { | } }", set(words(BIAS))),
        ("  embed: dense -> n { bias { std = 0 }, | }", set(GLOSSARY["attribute"])),
        ("  embed: dense -> n { lr = | }", WIDTHS | SYMBOLS),
        ("  embed: dense -> n { lr = al|pha }", WIDTHS | SYMBOLS),
        ("  embed: dense -> n { lr = 1 / (alpha * |) }", WIDTHS | SYMBOLS),
        ("  embed: dense -> n { lr = n^| }", {"r", "?"}),
        ("  embed: dense -> n { lr = n^(2*| }", {"r"}),
        ("  embed: dense -> n { lr = sqrt(|", WIDTHS | SYMBOLS),
        ("  embed: dense -> n { lr = (n / n0)|", set()),
        ("  embed: dense -> n { lr = 2|", set()),
        ("  embed: dense -> n { dist = | }", set(vocabulary.DISTRIBUTIONS)),
        ("  embed: dense -> n { bias { std = | } }", WIDTHS | OF_A_BIAS),
        ("  optimizer |", set(vocabulary.OPTIMIZERS)),
        ("  optimizer ad|am { lr = 1 }", set(vocabulary.OPTIMIZERS)),
        ("  optimizer adamw { | }", {"lr", "betas", "eps", "amsgrad", "weight_decay"}),
        ("  optimizer sgd { lr = 1, | }", {"lr", "momentum", "nesterov", "weight_decay"}),
        ("  optimizer nonsense { | }", {"lr", "weight_decay"}),
        ("  optimizer sgd { lr = | }", WIDTHS | (SYMBOLS - FANS)),
        ("  optimizer sgd { nesterov = | }", {"true", "false"}),
        ("  optimizer muon { shape_factor = |", set(GLOSSARY["shape factor"])),
        ("  optimizer adam { betas = (|) }", set()),
        ("  loss |", set(vocabulary.LOSSES)),
        ("  train { | }", set(GLOSSARY["train option"])),
        ("  train { precision = | }", set(GLOSSARY["precision"])),
        ("  train { steps = 1, schedule = c| }", set(GLOSSARY["schedule"])),
        ("  parameterization |", set(vocabulary.PARAMETERIZATIONS)),
        ("  parameterization rich(|)", {"r"}),
        ("  parameterization mup, |", {"gauge", "depth"}),
        ("  parameterization mup, gauge = |", set(vocabulary.GAUGES)),
        ("  require |", set(GLOSSARY["requirement"])),
        ("  require gauge |", set(vocabulary.GAUGES)),
        ("  require regime |", set(vocabulary.REGIMES)),
        ("  require rich(|", {"r"}),
        ('  require equivalent "|', set()),
        ("  richness r = 1/2 |", {"in"}),
        ("  richness r = 1/2, |", {"gamma"}),
        ("  richness r = 1/2 in [0, 1/2] |", set()),
        ("  width m = 4, |", {"base"}),
        ("  width |", set()),
        ("  depth K = 4, |", {"base"}),
        ("  input |", {"tokens"}),
        ("  b: repeat |", {"L"}),
        ("  b: repeat L { |", INNER),
        ("  b: repeat L {\n r: residual {\n relu }\n |", INNER),
        ("  b: repeat L {\n r: |", KINDS),
        ("  r: residual {|", INNER | {"scale", "skip"}),
        ("  r: residual { scale = 1, relu\n |", INNER | {"scale", "skip"}),
        ("  r: residual { scale = |", WIDTHS | SYMBOLS - FANS),
        ("  r: residual { skip = 1, d: dense -> |", {"n"}),
        ("  r: residual { d: dense -> n { |", set(GLOSSARY["attribute"])),
        ("  r: residual { d: dense -> n { optimizer = | } }", set(vocabulary.OPTIMIZERS)),
        ("  rmsnorm { |", {"gain", "bias", "eps"}),
        ("  r: residual { x: layernorm { gain { | }", set(words(GAIN))),
        ("  x: layernorm { gain { lr = | }", WIDTHS | SYMBOLS - FANS),
        ("  x: layernorm { bias { lr = 1 }, |", {"gain", "bias", "eps"}),
        ("  b: repeat L {\n r: residual {\n d: dense -> n { std = 1\n loss |", LOSSES),
        ("  # |", set()),
        ("  relu # re|", set()),
        ('  train { data = "a # b", | }', set(GLOSSARY["train option"])),
    ],
)
def test_in_a_model(line: str, expected: set[str], text: Text) -> None:
    assert expected == set(complete(text, BEFORE + line + AFTER))
    assert expected == set(complete(text, (BEFORE + line).replace("\n", "\r\n")))


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("|", {"model"}),
        ("mo|", {"model"}),
        ("model a { }\n|", {"model"}),
        ("model |", set()),
        ("model a |", set()),
        ("model a {\n  l: dense -> n { lr = |", {"fan_in", "fan_out", "sqrt"}),
        ("model a { width w = 1\n l: dense -> |", {"w"}),
        ("😀 model a { loss |", set(vocabulary.LOSSES)),
        ("model a {\n  l: dense -> n { std = 1,\n  loss |\n}", set(vocabulary.LOSSES)),
        ("(" * 100 + "|", set()),
        ("}}}) ] |", {"model"}),
    ],
)
def test_elsewhere(marked: str, expected: set[str], text: Text) -> None:
    assert expected == set(complete(text, marked))


def test_documentation(text: Text) -> None:
    found = complete(text, BEFORE + "  |")

    assert GLOSSARY["statement"]["loss"] == found["loss"]
    assert all(found.values())


@pytest.mark.parametrize(
    ("line", "word", "snippet"),
    [
        ("  |", "depth", "depth ${1:L} = ${2:24}, base ${3:L0} = ${4:4}"),
        ("  x: |", "residual", "residual {\n  $0\n}"),
        ("  x: |", "dense", None),
    ],
)
def test_snippets(line: str, word: str, snippet: str | None, text: Text) -> None:
    marked = BEFORE + line + AFTER
    text.set(marked.replace("|", "", 1))
    (found,) = [item for item in text.completions(marked.index("|")) if item.label == word]

    assert snippet == found.insert_text
    assert (types.InsertTextFormat.Snippet if snippet else None) == found.insert_text_format
