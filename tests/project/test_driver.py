"""The LALR driver and lark itself read every text, good or bad, in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import lark
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from richc.syntax import lalr, tables
from richc.syntax.lalr import Token
from richc.syntax.lexer import NestingError, separate

_ROOT = Path(__file__).resolve().parents[2]

#: Every rule of the grammar at least once.
_EVERYTHING = """\
# First, a comment.
model everything {
  width n = 1024, base base = 64
  richness r = 1/2 in [0, 1/2], gamma = 1   # and another
  parameterization rich(r = 1/4, 2), gauge = stp
  input 64
  embed: dense -> n { var = 1 / fan_in, lr = alpha^2 / fan_in }
  relu
  body[2]: dense -> 4*n {
    std = sqrt(2 / fan_in)
    bias { std = 0, lr = -1 - 2 + 3 }
    frozen, lr = 0.3 * n^?,
  }
  leaky_relu(0.1)
  head: dense -> .5e+1 {}
  optimizer adam { betas = (0.9, 0.999), in = [1, 2,], base = n^-1 * n^(2*r - 1) * n^-r * n^r }
  optimizer sgd
  loss mse
  train { data = "a file.csv", precision = bf16 }
  require mup
  require gauge stp
  require equivalent "other.rich"
  with ckpt, log
  depth L = 24, base L0 = 4
  blocks: repeat L {
    mlp: residual {
      scale = L0 / L
      norm1: rmsnorm { gain { lr = 1 } }
      up: dense -> n { lr = 1 }
    }
  }
}

model empty { }
model short { input 1 }
"""


def _corpus() -> list[str]:
    texts = [_EVERYTHING, "", "\ufeff", "model", "model m {\n", "model m {\r\n  relu\r}\r\n"]
    readme = _ROOT / "grammar" / "README.md"
    if readme.exists():
        text = readme.read_text(encoding="utf-8")
        texts += re.findall(r"^```rich\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    examples = sorted((_ROOT / "examples").glob("*.rich"))
    return texts + [path.read_text(encoding="utf-8") for path in examples]


CORPUS = _corpus()


# ---- two parsers, one form of answer ----------------------------------------------------------


class Rejected(NamedTuple):
    at: int
    accepted: frozenset[str]


@cache
def _oracle() -> lark.Lark:
    return lark.Lark(tables.grammar_text(), **tables.GRAMMAR_OPTIONS)


@cache
def _tables() -> lalr.Tables:
    return lalr.load()


class _Shapes:
    """Callbacks that name their rule."""

    def __getattr__(self, name: str) -> Any:
        return lambda children: (name, tuple(children))


def _by_driver(tokens: Sequence[Token]) -> Any:
    parser = lalr.Parser(_tables(), _Shapes())
    at = 0
    try:
        for at, token in enumerate(tokens):  # noqa: B007 - which one was rejected
            parser.feed(token)
        at = len(tokens)
        return parser.finish()
    except lalr.Unexpected as error:
        return Rejected(at, error.accepted)


def _by_lark(tokens: Sequence[Token]) -> Any:
    parser = _oracle().parse_interactive("")
    at = 0
    try:
        for at, token in enumerate(tokens):  # noqa: B007 - which one was rejected
            parser.feed_token(_to_lark(token))
        at = len(tokens)
        return _shape(parser.feed_eof())
    except lark.UnexpectedToken:
        return Rejected(at, _accepts(parser))


def _to_lark(token: Token) -> lark.Token:
    return lark.Token(token.type, token.text, token.start)


def _accepts(parser: Any) -> frozenset[str]:
    return frozenset(parser.accepts()) - {lalr.END}


def _shape(node: Any) -> Any:
    if isinstance(node, lark.Token):
        return Token(node.type, str(node), node.start_pos or 0)
    return (str(node.data), tuple(_shape(child) for child in node.children))


def _names(shape: Any) -> set[str]:
    if isinstance(shape, Token):
        return set()
    name, children = shape
    return {name}.union(*map(_names, children))


def _separated(text: str) -> list[Token]:
    return separate(_tables().lex(text)[0])


# ---- texts and tokens to try them on ----------------------------------------------------------


_NAMES = st.sampled_from(["n", "r", "alpha", "fan_in", "base", "in", "dense", "m0", "_"])
_NUMBERS = st.sampled_from(["0", "1", "64", "0.1", ".5", "2.", "1e-3", "1.E+2"])
_STRINGS = st.sampled_from(['""', '"a b.csv"', '"# {"'])


def _joined(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    return st.tuples(*[st.just(p) if isinstance(p, str) else p for p in parts]).map(" ".join)


def _many(part: st.SearchStrategy[str], separator: str = " , ", least: int = 0) -> Any:
    return st.lists(part, min_size=least, max_size=3).map(separator.join)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        _joined(inner, st.sampled_from("+-*/"), inner),
        _joined("-", inner),
        _joined("(", inner, ")"),
        _joined(_NAMES, "(", inner, ")"),
        _joined(_NAMES, "^", st.one_of(_NUMBERS, _NAMES, st.just("?"), st.just("-1"))),
        _joined(_NUMBERS, "^ (", inner, ")"),
    )


_EXPRESSIONS = st.recursive(_NAMES | _NUMBERS, _larger, max_leaves=6)
_OPTIONS = st.one_of(
    _joined(_NAMES, "=", _EXPRESSIONS),
    _joined(_NAMES, "=", _STRINGS),
    _joined(_NAMES, "= (", _many(_EXPRESSIONS, least=2), ")"),
    _joined(_NAMES, "= [", _many(_EXPRESSIONS, least=1), st.sampled_from(["]", ",]", "\n]"])),
)
_BLOCKS: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.just("{}"),
        _joined("{", _many(_ITEMS, least=1), st.sampled_from(["}", ", }", "\n}"])),
        _joined("{\n", _many(_ITEMS, separator="\n\n", least=1), "}"),
    )
)
_ITEMS: st.SearchStrategy[str] = _OPTIONS | _NAMES | st.deferred(lambda: _joined(_NAMES, _BLOCKS))
_PRESETS = _NAMES | _joined(_NAMES, "(", _many(_OPTIONS | _EXPRESSIONS, least=1), ")")
_STATEMENTS = st.one_of(
    _joined("width", _NAMES, "=", _EXPRESSIONS),
    _joined("width", _NAMES, "=", _EXPRESSIONS, ", base", _NAMES, "=", _EXPRESSIONS),
    _joined("richness", _NAMES, "=", _EXPRESSIONS),
    _joined("richness r = 0 in [", _EXPRESSIONS, ",", _EXPRESSIONS, "],", _OPTIONS),
    _joined("parameterization", _PRESETS),
    _joined("parameterization", _PRESETS, ",", _OPTIONS),
    _joined("input", _EXPRESSIONS),
    _joined(_NAMES, ": dense ->", _EXPRESSIONS),
    _joined(_NAMES, "[", _EXPRESSIONS, "] : dense ->", _EXPRESSIONS, _BLOCKS),
    _PRESETS,
    _joined("optimizer", _NAMES, _BLOCKS),
    _joined("loss", _NAMES),
    _joined("train", _BLOCKS),
    _joined("require", _PRESETS | _joined(_NAMES, _NAMES) | _joined(_NAMES, _STRINGS)),
)
_LINES = st.sampled_from(["\n", "\r\n", "\n\n  # comment ;{\n", "\t\n"])
_MODELS = _joined("model", _NAMES, "{\n", st.lists(_joined(_STATEMENTS, _LINES)).map("".join), "}")
GOOD_TEXTS = st.lists(_MODELS, max_size=2).map("\n".join)


@st.composite
def bad_texts(draw: st.DrawFn) -> str:
    """A good text, or one of the corpus, with pieces cut out, doubled or put in."""
    text = draw(st.sampled_from(CORPUS) | GOOD_TEXTS)
    pieces = re.split(r"(\W)", text)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(pieces)))
        other = st.sampled_from([*pieces, "}", "{", "\n", "model", "->", "in", "?"]) | st.text()
        pieces[at : at + draw(st.integers(0, 2))] = draw(st.lists(other, max_size=2))
    return "".join(pieces)


#: A text for every terminal that a parser can be fed.
_TEXTS = {"NAME": "x", "NUMBER": "1", "STRING": '"s"', "NEWLINE": "\n", "ARROW": "->"}


def _terminals() -> list[str]:
    named = [name for name, _ in tables.build(tables.grammar_text())["tokens"]]
    return sorted({*named, *_tables().words.values()} - _tables().ignored)


TERMINALS = _terminals()


def _tokens(terminals: Iterable[str]) -> list[Token]:
    return [Token(kind, _TEXTS.get(kind, kind), at) for at, kind in enumerate(terminals)]


# ---- tokens -----------------------------------------------------------------------------------


def _check_tokens(text: str) -> None:
    tokens, aside = _tables().lex(text)
    expected = [_shape(token) for token in _oracle().lex(text, dont_ignore=True)]

    assert sorted([*tokens, *aside], key=lambda t: t.start) == [
        token for token in expected if token.type != "SPACE"
    ]
    assert tokens == [_shape(token) for token in _oracle().lex(text)]
    assert "".join(token.text for token in expected) == text


@pytest.mark.parametrize("text", CORPUS)
def test_tokens_of_the_corpus(text: str) -> None:
    _check_tokens(text)


@given(st.text() | st.text('modelinbase_ \t\f\r\n#"{}()[],=:+-*/^?.>;1e9µ') | bad_texts())
@example("\x00\x0b\u2028\u00a0")
@example("1.5e+ .5.5 1e5e 0x1 1_0 --> ->- in1 inn base base_")
@example('"open\n"closed" "\r\n.')
def test_tokens_of_any_text(text: str) -> None:
    _check_tokens(text)


# ---- trees ------------------------------------------------------------------------------------


def test_corpus_reaches_every_rule() -> None:
    """None is compared by chance alone."""
    tree = _by_driver(_separated(_EVERYTHING))

    named = [rule for rule in _tables().rules if not rule.origin.startswith("_")]
    # Of one symbol, and standing for it: never called.
    called = {rule.callback for rule in named if not (rule.single and rule.length == 1)}
    assert _names(tree) == called


@pytest.mark.parametrize("text", CORPUS)
def test_trees_of_the_corpus(text: str) -> None:
    tokens = _separated(text)

    assert _by_driver(tokens) == _by_lark(tokens)


@given(GOOD_TEXTS)
def test_trees_of_good_texts(text: str) -> None:
    tokens = _separated(text)
    tree = _by_driver(tokens)

    assert not isinstance(tree, Rejected)
    assert tree == _by_lark(tokens)


@given(bad_texts())
def test_trees_and_errors_of_bad_texts(text: str) -> None:
    try:
        tokens = _separated(text)
    except NestingError:
        assume(False)

    assert _by_driver(tokens) == _by_lark(tokens)


@given(st.lists(st.sampled_from(TERMINALS), max_size=8).map(_tokens))
def test_random_tokens(tokens: list[Token]) -> None:
    # Alone, and where a statement, an attribute and an expression are expected.
    for before in ("", "model m {", "model m { x : x -> x {", "model m { x : x -> x + ("):
        fed = _separated(before) + tokens
        assert _by_driver(fed) == _by_lark(fed)


@given(st.lists(st.integers(0, 2**16), max_size=40))
def test_walks_along_accepted_tokens(choices: list[int]) -> None:
    """At every step both accept the same terminals, and one of them is taken."""
    driver, oracle = lalr.Parser(_tables(), _Shapes()), _oracle().parse_interactive("")
    tokens = []
    for at, choice in enumerate(choices):
        with pytest.raises(lalr.Unexpected) as caught:
            driver.feed(Token("no terminal", "", at))
        accepted = sorted(_accepts(oracle))
        assert sorted(caught.value.accepted) == accepted
        token = _tokens([accepted[choice % len(accepted)]])[0]
        driver.feed(token)
        oracle.feed_token(_to_lark(token))
        tokens.append(token)

    assert _by_driver(tokens) == _by_lark(tokens)


@given(st.just(_EVERYTHING) | GOOD_TEXTS, st.data())
def test_restored_stacks_forget_what_came_after(text: str, data: st.DataObject) -> None:
    tokens = _separated(text)
    expected = _by_driver(tokens)
    at = data.draw(st.integers(0, len(tokens)))
    astray = data.draw(st.lists(st.sampled_from(tokens or _tokens(TERMINALS)), max_size=8))
    parser = lalr.Parser(_tables(), _Shapes())

    def fed(tokens: Sequence[Token]) -> Any:
        for token in tokens:
            parser.feed(token)
        return parser.finish()

    for token in tokens[:at]:
        parser.feed(token)
    saved = parser.save()
    for wrong in (astray, [*tokens[at : at + 3], *astray], tokens[at:]):
        with suppress(lalr.Unexpected):
            fed(wrong)
        parser.restore(saved)

    assert fed(tokens[at:]) == expected
