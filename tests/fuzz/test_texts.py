"""Whatever the text: sensible answers, and never an error of ours (tests/fuzz/oracles.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

import richc
from richc.syntax.source import SourceError, decode
from tests.fuzz.mutations import mutate
from tests.fuzz.oracles import examine, steps
from tests.fuzz.words import CHARACTERS, NUMBERS, PIECES, PUNCTUATION, VOCABULARY

_TESTS = Path(__file__).parents[1]

#: Long ones say the same more often.
VALID = [
    text
    for path in sorted([*_TESTS.glob("*/golden/*.rich"), *_TESTS.parent.glob("examples/*.rich")])
    if len(text := path.read_bytes().decode()) < 1500
]
BAD = [
    path.read_bytes().decode("utf-8", "surrogateescape")
    for path in sorted(_TESTS.glob("syntax/bad/*.rich"))
]

MODEL = """\
model net {{
  width n = {width}, base n0 = 2
  richness r = 1/4
  parameterization rich
  input {input}
  h1{repeat}: dense -> {dim} {{ {attribute} = {value} }}
  tanh
  out: dense -> 10
  optimizer sgd {{ {option} }}
{more}
}}
"""
PLAIN = {
    "width": "256",
    "input": "16",
    "repeat": "",
    "dim": "n",
    "attribute": "scale",
    "value": "1",
    "option": "lr = 1",
    "more": "",
}


def model(**changed: str) -> str:
    return MODEL.format(**{**PLAIN, **changed})


def soup(most: int) -> st.SearchStrategy[str]:
    """Words of the language in any order, with and without white space between them."""
    words = st.lists(st.sampled_from(VOCABULARY), max_size=most)
    return st.builds(str.join, st.sampled_from((" ", " ", "", "\n", "\r\n")), words)


# Every character there is, halves of surrogate pairs included.
@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=[])))
def test_any_text(text: str) -> None:
    examine(text)


@settings(max_examples=60)
@given(soup(60))
def test_any_words(text: str) -> None:
    examine(text)


@settings(max_examples=60)
@given(soup(30))
def test_any_words_in_a_model(text: str) -> None:
    examine(model(more=text))


@settings(max_examples=60)
@given(st.sampled_from([*VALID, *BAD]), soup(3), soup(3))
def test_any_words_at_either_end(text: str, before: str, after: str) -> None:
    examine(before + text + after)


@settings(max_examples=60)
@given(
    attribute=st.sampled_from(["std", "var", "scale", "lr", "decay", "bias", "dist"]),
    words=st.lists(
        st.sampled_from([*"n n0 r alpha fan_in ( ) * / + - ^ ^ sqrt ? sqrt(".split(), *NUMBERS]),
        max_size=12,
    ),
)
def test_any_expression(attribute: str, words: list[str]) -> None:
    examine(model(attribute=attribute, value=" ".join(words)))


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_mutated_files(seed: int) -> None:
    """Valid files with tokens and characters deleted, doubled, swapped, replaced, and spliced."""
    pick = Random(seed)
    text = mutate(pick.choice(VALID), pick.choice([*VALID, *BAD]), pick)
    note(text)
    examine(text)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_mutated_mistakes(seed: int) -> None:
    """One mistake on top of another, and the parser's recovery from both."""
    pick = Random(seed)
    text = mutate(pick.choice(BAD), pick.choice(VALID), pick)
    note(text)
    examine(text)


@settings(max_examples=30)
@given(st.sampled_from(VALID), st.floats(0, 1))
def test_any_beginning_of_a_file(text: str, share: float) -> None:
    """As an editor sees it while somebody types."""
    examine(text[: round(share * len(text))])


@settings(max_examples=10)
@given(st.sampled_from(VALID), st.sampled_from(["\r\n", "\r", "\n\f", "\n\n\n"]), st.booleans())
def test_any_line_end(text: str, end: str, has_mark: bool) -> None:
    examine("\ufeff" * has_mark + text.replace("\n", end))


#: Something, so often.
EXTREMES: dict[str, Callable[[int], str]] = {
    "brackets": lambda times: model(value="(" * times + "n" + ")" * times),
    "braces": lambda times: model(more="{" * times),
    "signs": lambda times: model(value="n^(" + "-" * times + "1)"),
    "powers": lambda times: model(value="n" + "^(n" * times + ")" * times),
    "roots": lambda times: model(value="sqrt(" * times + "2" + ")" * times),
    "factors": lambda times: model(value=" * ".join(["2^(1/3)"] * times)),
    "terms": lambda times: model(value="+".join(["1/7"] * times)),
    "digits": lambda times: model(value="7" * times),
    "decimals": lambda times: model(option=f"lr = 0.{'7' * times}"),
    "exponent": lambda times: model(value=f"n^{'9' * times}"),
    "decimal exponent": lambda times: model(option=f"lr = 1e{'9' * times}"),
    "width": lambda times: model(width="9" * times),
    "input": lambda times: model(input="9" * times),
    "repeats": lambda times: model(repeat=f"[{times}]"),
    "huge repeat": lambda times: model(repeat=f"[1{'0' * (times + 4)}]"),
    "dimension": lambda times: model(dim=f"{'9' * times}*n"),
    "a name": lambda times: model(more=f"  {'h' * times}: dense -> n"),
    "a word": lambda times: model(attribute="s" * times),
    "a string": lambda times: model(more=f'  require equivalent "{"x" * times}"'),
    "a line": lambda times: model(more="# " + "宽" * times),
    "blanks": lambda times: model(value=" " * times + "n"),
    "marks": lambda times: model(value="e\u0301" * times),
    "comments": lambda times: "# a comment\n" * times + model(),
    "suppressions": lambda times: model(more="  # richc: ignore[R301] -- why\n" * times),
    "statements": lambda times: model(more="  input 16\n" * times),
    "requirements": lambda times: model(more="  require mup\n" * times),
    "options": lambda times: model(option=", ".join(["momentum = 0.9"] * times)),
    "models": lambda times: model() * (times // 10),
    "failing models of one name": lambda times: (
        model(value="n", attribute="lr") * (times // 30)
        + model(value="n^?", attribute="lr") * (times // 50)
    ),
    "failing layers": lambda times: model(
        more="".join(
            f"  x{i}: dense -> n {{ std = n^(-{i % 7}/3), lr = n^{i % 5} }}\n  tanh\n"
            for i in range(times // 10)
        )
        + "  x: dense -> 1"
    ).replace("dense -> 10", "dense -> n\n  tanh"),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extremes(name: str) -> None:
    for times in (3, 150):
        examine(EXTREMES[name](times))


@pytest.mark.parametrize("place", ["width", "input", "dim", "value", "option", "repeat", "more"])
def test_any_number(place: str) -> None:
    shapes = {
        "option": "lr = {}",
        "repeat": "[{}]",
        "more": "train {{ steps = {} }}",
    }
    for number in NUMBERS:
        text = model(**{place: shapes.get(place, "{}").format(number)})
        for name, step in steps(text):
            if name in ("check", "fmt", "fix"):
                try:
                    step()
                except Exception as error:
                    error.add_note(text)
                    raise


@pytest.mark.parametrize("character", CHARACTERS)
def test_any_character(character: str) -> None:
    """In a name, in a number, in a string, in a comment, and between statements."""
    examine(model(attribute=f"st{character}d", value=f"1{character}0"))
    examine(model(more=f'require equivalent "a{character}b" # {character} c\n{character}'))
    examine(model(more=f"# richc: ignore[R3{character}] -- why\n# richc: {character}[R301]"))


@pytest.mark.parametrize("piece", sorted({*PUNCTUATION, *PIECES, *CHARACTERS}))
def test_any_piece_at_either_end(piece: str) -> None:
    """What stands before it, or behind it, is nothing."""
    examine(piece)
    for text in (piece + model(), f"{piece} {model()}", model() + piece):
        for name, step in steps(text):
            if name in ("check", "edits", "fix"):
                step()


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    try:
        text = decode(data)
    except SourceError:
        return  # with a reason: tests/syntax
    examine(text)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_a_failing_verdict_has_a_reason(seed: int) -> None:
    """Through the public interface, whose models validate themselves."""
    pick = Random(seed)
    (file,) = richc.check(mutate(pick.choice(VALID), pick.choice(VALID), pick)).files
    for found in file.models:
        errors = [d for d in file.diagnostics if d.severity == "error"]
        assert found.verdict == "pass" or errors
