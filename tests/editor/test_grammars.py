"""The TextMate grammar, the VS Code extension and the Pygments lexer know the language's words."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pygments import lex as pygments_lex  # type: ignore[import-untyped]  # comes without types
from pygments.token import Error, Token  # type: ignore[import-untyped]  # comes without types

from richc import words
from richc.editor.pygments_lexer import ATTRIBUTES, RichLexer
from richc.optimizers import option_names
from richc.optimizers.shape_factor import SHAPE_FACTORS
from richc.spec import layers, options
from richc.syntax.lexer import STATEMENT_WORDS

ROOT = Path(__file__).parents[2]
VSCODE = ROOT / "grammar" / "vscode"
GRAMMAR: dict[str, Any] = json.loads(
    (ROOT / "grammar" / "rich.tmLanguage.json").read_text(encoding="utf-8")
)
RULES: dict[str, dict[str, Any]] = GRAMMAR["repository"]
TEXTS = sorted([*(ROOT / "examples").glob("*.rich"), *ROOT.glob("tests/fmt/golden/*.rich")])

OPTIONS = {
    *layers._LAYER_ATTRIBUTES,
    *option_names(),
    *options.TRAIN_OPTIONS,
    "depth",
    "gamma",
    "gauge",
    "optimizer",
    "skip",
    "weight_decay",
}
VALUES = {
    *words.DISTRIBUTIONS,
    *words.GAUGES,
    *options.PRECISIONS,
    *options.SCHEDULES,
    *SHAPE_FACTORS,
    "false",
    "true",
}
SAMPLE = """\
model net {                # a { comment
  width base = 64, base n0 = 1.5e3
  richness r = 1/4 in [0, 1/2], gamma = 2
  parameterization rich(r = 1/4), gauge = stp
  h2[3]: dense -> 4*n { std = n0^(-1/2) * sqrt(2), lr = alpha^2 * n^?, bias, frozen }
  leaky_relu(.1)
  mup: dense -> 10 { bias { std = fan_in }, dist = uniform }
  optimizer muon { shape_factor = spectral }
  train { data = "a # b", target = digit }
  require regime lazy
}
"""


def textmate(line: str) -> Iterator[tuple[str, str]]:
    """A line's (text, scope), as a TextMate engine finds them: the first match, then the next."""
    rules = [RULES[include["include"].removeprefix("#")] for include in GRAMMAR["patterns"]]
    at = 0
    while at < len(line):
        found = [(m, rule) for rule in rules if (m := re.compile(rule["match"]).search(line, at))]
        if not found:
            return
        # The leftmost; of several the one whose rule comes first.
        match, rule = min(found, key=lambda pair: pair[0].start())
        assert match.end() > at
        if "name" in rule:
            yield match[0], rule["name"]
        for group, capture in rule.get("captures", {}).items():
            yield match[int(group)], capture["name"]
        at = match.end()


def scope(line: str, word: str) -> str:
    return dict(textmate(line)).get(word, "none").removesuffix(".rich")


def kinds(text: str) -> list[tuple[str, str]]:
    """What Pygments makes of a text, but for white space."""
    return [
        (value, str(kind).removeprefix("Token."))
        for kind, value in pygments_lex(text, RichLexer())
        if value.strip()
    ]


#: Words in one place only.
SOFT = ("depth", "repeat", "residual", "tokens", *words.NORMS)

#: A line for every word, in the place where it is one -> (word, TextMate scope, Pygments type).
WORDS: list[tuple[str, str, str, str]] = [
    *((f"{w} x", w, "keyword.control", "Keyword") for w in ("model", *STATEMENT_WORDS.values())),
    *((f"  {w}", w, "support.function.activation", "Name.Builtin") for w in words.ACTIVATIONS),
    *((f"optimizer {w}", w, "support.class.optimizer", "Name.Builtin") for w in words.OPTIMIZERS),
    *((f"loss {w}", w, "support.function.loss", "Name.Builtin") for w in words.LOSSES),
    *(
        (f"parameterization {w}", w, "constant.language.preset", "Name.Constant")
        for w in words.PARAMETERIZATIONS
    ),
    *((f"require gauge {w}", w, "constant.language.preset", "Name.Constant") for w in words.GAUGES),
    *(
        (f"require regime {w}", w, "constant.language.preset", "Name.Constant")
        for w in words.REGIMES
    ),
    *(
        (f"require {w}", w, "constant.language.preset", "Name.Constant")
        for w in ("mup", "ntp", "rich", "completep", "depth")
    ),
    *(
        (f"require {w} x", w, "keyword.other.requirement", "Keyword.Pseudo")
        for w in ("equivalent",)
    ),
    *((f"{{ {w} = 1 }}", w, "variable.parameter", "Name.Attribute") for w in sorted(OPTIONS)),
    *(
        (f"{{ {w}, lr = 1 }}", w, "variable.parameter", "Name.Attribute")
        for w in ("bias", "frozen", "gain")
    ),
    *((f"{{ optimizer = {w} }}", w, "support.class.optimizer", "Name.Builtin") for w in ("muon",)),
    *((f"  {w}", w, "storage.type.layer", "Keyword.Type") for w in words.NORMS),
    *((f"x: {w} {{ }}", w, "storage.type.layer", "Keyword.Type") for w in words.NORMS),
    *((f"x: {w} {{", w, "keyword.control", "Keyword") for w in ("repeat", "residual")),
    *((f"{w}: dense -> n", w, "entity.name.function.layer", "Name.Function") for w in SOFT),
    *((f"{{ lr = 2 * {w} / n }}", w, "none", "Name") for w in SOFT if w != "depth"),
    ("input tokens 5", "tokens", "keyword.other", "Keyword"),
    ("x: embedding -> n", "embedding", "storage.type.layer", "Keyword.Type"),
    ("b: residual { relu, rmsnorm }", "relu", "support.function.activation", "Name.Builtin"),
    *((f"{{ x = {w} }}", w, "constant.language", "Name.Constant") for w in sorted(VALUES)),
    *(
        (f"{{ lr = {w} / n }}", w, "variable.language", "Name.Builtin.Pseudo")
        for w in ("alpha", "gamma", "fan_in", "fan_out", "layer_fan_in")
    ),
    ("{ lr = sqrt(n) }", "sqrt", "support.function", "Name.Builtin"),
    ("width n = 1, base n0 = 2", "base", "keyword.other", "Keyword"),
    ("richness r = 1 in [0, 1]", "in", "keyword.other", "Keyword"),
    ("h1: dense -> n", "dense", "storage.type.layer", "Keyword.Type"),
    ("h1: dense -> n", "h1", "entity.name.function.layer", "Name.Function"),
    ("relu[2]: dense -> n", "relu", "entity.name.function.layer", "Name.Function"),
    ("model net {", "net", "entity.name.type.model", "Name.Class"),
]


@pytest.mark.parametrize(("line", "word", "scope_name", "kind"), WORDS)
def test_words(line: str, word: str, scope_name: str, kind: str) -> None:
    assert scope_name == scope(line, word)
    assert kind == dict(kinds(line))[word]


@pytest.mark.parametrize("number", ["0", "12", "1.", ".5", "0.25", "2e-3", "1.5E+3", "1e5"])
def test_numbers(number: str) -> None:
    line = f"lr = {number}"

    assert scope(line, number) == "constant.numeric"
    assert dict(kinds(line))[number] == "Literal.Number"


def test_a_sample() -> None:
    found = [pair for line in SAMPLE.splitlines() for pair in textmate(line)]

    def of(name: str) -> list[str]:
        return [text for text, scope_name in found if scope_name == f"{name}.rich"]

    assert of("comment.line.number-sign") == ["# a { comment"]
    assert of("string.quoted.double") == ['"a # b"']
    assert of("keyword.operator.arrow") == ["->", "->"]
    assert of("keyword.other.hole") == ["?"]
    assert of("keyword.other") == ["base", "in"]
    assert of("entity.name.function.layer") == ["h2", "mup"]
    assert of("support.function.activation") == ["leaky_relu"]
    assert of("variable.language") == ["alpha", "fan_in"]
    assert of("constant.language") == ["stp", "uniform", "spectral"]
    assert of("constant.numeric") == [
        *("64", "1.5e3", "1", "4", "0", "1", "2", "2", "1", "4", "3", "4", "1", "2", "2", "2"),
        *(".1", "10"),
    ]


@pytest.mark.parametrize(
    "line", ["{ lr = fan_in2 }", "{ lr = my_fan_in }", "{ lr = my_sqrt }", "{ lr = relu6 * n }"]
)
def test_names_that_begin_or_end_like_words(line: str) -> None:
    word = line.split()[3]

    assert scope(line, word) == "none"
    assert dict(kinds(line))[word] == "Name"
    assert {"variable.parameter.rich", "keyword.operator.rich"} >= {s for _, s in textmate(line)}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_whole_texts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tokens = list(pygments_lex(text, RichLexer(stripnl=False, ensurenl=False)))

    assert "".join(value for _, value in tokens) == text
    assert not [value for kind, value in tokens if kind in Error]
    assert [value for kind, value in tokens if kind in Token.Keyword]


def test_attributes() -> None:
    assert {*layers._LAYER_ATTRIBUTES, "optimizer"} == set(ATTRIBUTES)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("statement", {"model", *STATEMENT_WORDS.values()}),
        ("activation", set(words.ACTIVATIONS)),
        ("norm", set(words.NORMS)),
        ("body", {"repeat", "residual"}),
        ("optimizer", set(words.OPTIMIZERS)),
        ("loss", set(words.LOSSES)),
        ("parameterization", set(words.PARAMETERIZATIONS)),
        ("require_gauge", set(words.GAUGES)),
        ("require_regime", set(words.REGIMES)),
        ("option", OPTIONS),
        ("value", VALUES),
    ],
)
def test_no_word_too_many(rule: str, expected: set[str]) -> None:
    """What only the language may add, the grammar may not keep."""
    lists = re.findall(r"\((?:\?:)?([a-z0-9_]+(?:\|[a-z0-9_]+)+)\)", RULES[rule]["match"])

    assert [sorted(expected)] == [sorted(found.split("|")) for found in lists]


def test_every_rule_is_used() -> None:
    assert list(RULES) == [include["include"].removeprefix("#") for include in GRAMMAR["patterns"]]


def test_the_entry_point() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    plugins = pyproject["project"]["entry-points"]["pygments.lexers"]

    assert plugins == {"rich": f"{RichLexer.__module__}:{RichLexer.__name__}"}


def test_the_extension() -> None:
    package = json.loads((VSCODE / "package.json").read_text(encoding="utf-8"))
    (language,) = package["contributes"]["languages"]
    (grammar,) = package["contributes"]["grammars"]
    configuration = json.loads((VSCODE / language["configuration"]).read_text(encoding="utf-8"))

    assert (VSCODE / package["main"]).is_file()
    assert (language["id"], grammar["scopeName"]) == (grammar["language"], GRAMMAR["scopeName"])
    assert [f".{end}" for end in GRAMMAR["fileTypes"]] == language["extensions"]
    # Copied when the extension is packaged; ignored by git, so that there is one.
    assert Path(grammar["path"]).name == "rich.tmLanguage.json"
    assert f"../{Path(grammar['path']).name}" in package["scripts"]["vscode:prepublish"]
    assert configuration["comments"] == {"lineComment": "#"}
    increase = re.compile(configuration["indentationRules"]["increaseIndentPattern"])
    assert increase.search("model net {  # {")
    assert increase.search("  h1: dense -> n {")
    assert not increase.search("  h1: dense -> n { bias }  # {")
