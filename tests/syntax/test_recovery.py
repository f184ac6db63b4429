"""Every mistake of a file is reported in one run, each once and where it is."""

from __future__ import annotations

import pytest

import richc

MODEL = """\
model net {
  width n = 256
  input 16
  h1: dense -> n { std = 1, lr = n }
  tanh
  h2: dense -> n { std = n^(-1/2), lr = 1 }
  tanh
  out: dense -> 10 { std = 1 / n, lr = 1 / n }
  optimizer sgd { lr = 0.1 }
  loss mse
  train { steps = 10 }
  require mup
}
"""

#: (what is replaced, by what, the code of the mistake): one on each line, none hides another.
SYNTAX = [
    ("width n = 256", "width n 256", "R001"),
    ("input 16", "input = 16", "R001"),
    ("{ std = 1, lr = n }", "{ std = 1; lr = n }", "R001"),
    ("tanh", "tanh(", "R001"),
    ("{ std = n^(-1/2), lr = 1 }", "{ std = n^(-1/2, lr = 1 }", "R001"),
    ("{ std = 1 / n, lr = 1 / n }", "{ std = 1 // n, lr = 1 / n }", "R001"),
    ("{ lr = 0.1 }", "{ lr : 0.1 }", "R001"),
    ("loss mse", "loss", "R001"),
    ("train { steps", "train { {steps", "R001"),
    ("require mup", "require", "R001"),
]

NAMES = [
    ("width n = 256", "width n = 0", "R017"),
    ("input 16", "input 1.5", "R017"),
    ("{ std = 1, lr = n }", "{ std = m, lr = n }", "R010"),
    ("{ std = n^(-1/2), lr = 1 }", "{ std = n + 1, lr = 1 }", "R020"),
    ("{ std = 1 / n, lr = 1 / n }", "{ std = 1 / n, lr = n^-1/2 }", "R023"),
    ("{ lr = 0.1 }", "{ rate = 0.1 }", "R011"),
    ("loss mse", "loss l2", "R011"),
    ("train { steps = 10 }", "train { steps = 0 }", "R017"),
    ("require mup", "require wealth", "R011"),
]


def places(text: str) -> list[tuple[int, str]]:
    (file,) = richc.check(text).files
    return [(d.span.line, d.code) for d in file.diagnostics]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize("number", range(len(SYNTAX)))
def test_one_bad_statement(number: int) -> None:
    before, after, code = SYNTAX[number]
    text = MODEL.replace(before, after, 1)

    assert [(line_of(text, after), code)] == places(text)


def test_all_bad_statements() -> None:
    text, expected = MODEL, []
    for before, after, code in SYNTAX:
        expected.append((line_of(MODEL, before), code))
        text = text.replace(before, after, 1)

    assert expected == places(text)


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_one_bad_name_or_value(number: int) -> None:
    before, after, code = NAMES[number]
    text = MODEL.replace(before, after, 1)

    assert [(line_of(text, after), code)] == places(text)


@pytest.mark.parametrize("first", range(len(NAMES) - 1))
def test_two_bad_names_or_values(first: int) -> None:
    for second in NAMES[first + 1 :]:
        text, expected = MODEL, []
        for before, after, code in (NAMES[first], second):
            expected.append((line_of(MODEL, before), code))
            text = text.replace(before, after, 1)

        assert expected == places(text)


def test_bad_names_beside_a_bad_statement() -> None:
    """What is wrong in a layer is known, whatever else cannot be parsed."""
    text = MODEL.replace("loss mse", "loss = mse").replace("{ std = 1, lr", "{ std = m, lr")

    assert [(4, "R010"), (10, "R001")] == places(text)


def test_a_bad_model_does_not_hide_another() -> None:
    good = MODEL.replace("net", "good")
    (file,) = richc.check(MODEL.replace("loss mse", "loss = mse") + good).files

    assert [("good", "pass")] == [(model.name, model.verdict) for model in file.models]
    assert ["R001"] == [d.code for d in file.diagnostics]


@pytest.mark.parametrize(
    "broken",
    [
        MODEL.rstrip().removesuffix("}"),
        MODEL.replace("{ lr = 0.1 }", "{ lr = 0.1 "),
        MODEL.replace("model net {", "model net"),
        MODEL.replace("model net {", "model {"),
        MODEL.replace("h1:", "h1[2:"),
        MODEL.replace("n^(-1/2)", "n^(-1/2"),
    ],
    ids=["model", "block", "no brace", "no name", "bracket", "parenthesis"],
)
def test_what_is_not_closed_ends_with_its_model(broken: str) -> None:
    good = MODEL.replace("net", "good")
    (file,) = richc.check(broken + good).files

    assert [("good", "pass")] == [(model.name, model.verdict) for model in file.models]
    assert [True] == [d.code == "R001" for d in file.diagnostics]


def test_no_verdict_about_half_a_model() -> None:
    (file,) = richc.check(MODEL.replace("1 / n, lr", "n^(−1), lr")).files

    assert [] == file.models
    assert [(8, "R001")] == [(d.span.line, d.code) for d in file.diagnostics]


def test_an_unknown_attribute_hides_nothing_else_of_its_block() -> None:
    text = """
model m {
  width n = 4
  input 2
  a: dense -> n { sdt = 1, lr = n + 1, scale = 0 }
  relu
  b: dense -> 1 { std = 1, lr = 1 }
  optimizer sgd { mometum = 1, nesterov = 3 }
  train { epochs = 4, steps = 0, precision = fp8 }
}
"""
    (file,) = richc.check(text).files

    assert ["R011", "R020", "R022", "R011", "R017", "R011", "R017", "R011"] == [
        d.code for d in file.diagnostics
    ]
