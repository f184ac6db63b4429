"""Whatever the text: a report, and never a traceback."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import richc
from richc.cli.check import FORMATS
from richc.pipeline import analyse
from richc.report import Options, renderer

HERE = Path(__file__).parent
FILES = sorted([*HERE.glob("golden/*.rich"), *HERE.parent.glob("spec/examples/*.rich")])
TEXTS = [path.read_text(encoding="utf-8") for path in FILES]
#: Long ones say the same more often.
VALID = [text for text in TEXTS if len(text) < 4000]

WORDS = [
    *"model width base richness parameterization input optimizer loss train require".split(),
    *"dense relu tanh leaky_relu linear std var lr scale bias frozen dist decay eps".split(),
    *"mup ntp rich standard gauge stp rescaling sgd adam muon adafactor shape_factor".split(),
    *"n n0 r alpha gamma fan_in fan_out sqrt in h1 out mse cross_entropy spectral".split(),
    *'{ } ( ) [ ] : , = -> ^ * / + - ? . # " 0 1 2 1/2 256 1e9 1e-300 0.1 9999999'.split(),
    *["\n", "\n", "\n", " ", "\t", "\r\n", "μ", "\x00", "\u2028", "\U0001f600", "'"],
]


def check_everything(text: str) -> None:
    """Judge a text and render it in every format; the models of the report validate themselves."""
    result = analyse(text)
    for name in FORMATS:
        shown = "".join(renderer(name)([result], Options(color=False, quiet=False)))
        shown.encode("utf-8")
        assert "Traceback" not in shown
    (file,) = richc.check(text).files
    assert bool(file.diagnostics) or bool(file.models)
    for model in file.models:
        errors = [d for d in file.diagnostics if d.severity == "error"]
        assert model.verdict == "pass" or errors


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text(text: str) -> None:
    check_everything(text)


@given(st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join))
def test_any_words(text: str) -> None:
    check_everything(text)


@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join))
def test_any_words_in_a_model(text: str) -> None:
    check_everything(f"model net {{\n width n = 256\n input 16\n{text}\n}}")


@given(
    attribute=st.sampled_from(["std", "var", "scale", "lr", "decay", "bias", "dist"]),
    words=st.lists(
        st.sampled_from("n n0 r alpha 0 1 2 1e9 ( ) * / + - ^ ^ ( ) sqrt ? 1/2".split()),
        max_size=12,
    ),
)
def test_any_expression(attribute: str, words: list[str]) -> None:
    check_everything(f"""
model net {{
  width n = 256, base n0 = 2
  richness r = 1/4
  parameterization rich
  input 16
  h1: dense -> n {{ {attribute} = {" ".join(words)} }}
  tanh
  out: dense -> 10
  optimizer sgd
}}
""")


@settings(max_examples=300)
@given(st.integers(0, 2**32 - 1))
def test_mutated_files(seed: int) -> None:
    """Valid files with a few characters or words cut out, doubled, swapped or replaced."""
    pick = random.Random(seed)
    text = pick.choice(VALID)
    for _ in range(pick.randint(1, 5)):
        start = pick.randrange(len(text) + 1)
        end = min(len(text), start + pick.choice([0, 1, 1, 2, 5, 20, 100]))
        part = text[start:end]
        new = pick.choice(
            ["", part * 2, part[::-1], pick.choice(WORDS), pick.choice(WORDS) + " ", part.upper()]
        )
        text = text[:start] + new + text[end:]
    check_everything(text)


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_exchanged_words(seed: int) -> None:
    """Valid files with words exchanged for others: nearly right, and therefore deep inside."""
    pick = random.Random(seed)
    words = pick.choice(VALID).split(" ")
    for _ in range(pick.randint(1, 4)):
        at = pick.randrange(len(words))
        words[at] = pick.choice([*WORDS, pick.choice(words), pick.choice(words)])
    check_everything(" ".join(words))


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    from richc.syntax.source import SourceError, decode

    try:
        text = decode(data)
    except SourceError:
        return  # with a reason: tests/syntax
    check_everything(text)


@pytest.mark.parametrize("text", VALID, ids=range(len(VALID)))
def test_every_beginning_of_a_file(text: str) -> None:
    """As an editor sees it while somebody types."""
    for end in range(0, len(text), 7):
        check_everything(text[:end])
