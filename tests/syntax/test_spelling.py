"""A slip of the pen gets a message that names the word: every vocabulary, every kind of slip."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from richc.diagnostics import Diagnostic
from richc.optimizers import law
from richc.optimizers.shape_factor import SHAPE_FACTORS
from richc.pipeline import analyse
from richc.spec.layers import _LAYER_ATTRIBUTES, _TENSOR_ATTRIBUTES
from richc.spec.options import PRECISIONS, SCHEDULES, TRAIN_OPTIONS
from richc.spelling import meant
from richc.syntax.lexer import STATEMENT_WORDS
from richc.words import (
    ACTIVATIONS,
    DISTRIBUTIONS,
    GAUGES,
    LOSSES,
    OPTIMIZERS,
    PARAMETERIZATIONS,
    REGIMES,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz_0123456789"

MODEL = """\
model net {{
  {width}
  {richness}
  {input}
  h1: {dense} -> n {{ var = 1 / {fan_in}, lr = 1 {attribute} }}
  {activation}
  out: dense -> 10 {{ var = {sqrt}(n), lr = 1, bias {{ std = 0, lr = 1 {bias} }} }}
  {optimizer}
  {loss}
  {train}
  {require}
}}
"""

PLAIN = {
    "width": "width n = 256, base n0 = 64",
    "richness": "richness r = 1/2, gamma = 1",
    "input": "input 16",
    "dense": "dense",
    "fan_in": "fan_in",
    "attribute": "",
    "activation": "tanh",
    "sqrt": "sqrt",
    "bias": "",
    "optimizer": "optimizer sgd",
    "loss": "loss mse",
    "train": "train { steps = 10 }",
    "require": "require mup",
}


def model(**changed: str) -> str:
    return MODEL.format(**{**PLAIN, **changed})


def _option_of(optimizer: str) -> Callable[[str], str]:
    return lambda word: model(optimizer=f"optimizer {optimizer} {{ {word} = 1 }}")


#: Vocabulary -> (its words, where one of them stands).
PLACES: dict[str, tuple[tuple[str, ...], Callable[[str], str]]] = {
    "activations": (ACTIVATIONS, lambda word: model(activation=word)),
    "optimizers": (OPTIMIZERS, lambda word: model(optimizer=f"optimizer {word}")),
    "losses": (LOSSES, lambda word: model(loss=f"loss {word}")),
    "parameterizations": (
        PARAMETERIZATIONS,
        lambda word: model(richness=f"parameterization {word}"),
    ),
    "gauges": (GAUGES, lambda word: model(richness=f"parameterization mup, gauge = {word}")),
    "required gauges": (GAUGES, lambda word: model(require=f"require gauge {word}")),
    "regimes": (REGIMES, lambda word: model(require=f"require regime {word}")),
    "requirements": (
        ("mup", "ntp", "rich", "gauge", "regime", "equivalent"),
        lambda word: model(require=f"require {word}"),
    ),
    "layer attributes": (_LAYER_ATTRIBUTES, lambda word: model(attribute=f", {word} = 1")),
    "bias attributes": (_TENSOR_ATTRIBUTES, lambda word: model(bias=f", {word} = 1")),
    "distributions": (DISTRIBUTIONS, lambda word: model(attribute=f", dist = {word}")),
    "options of train": (TRAIN_OPTIONS, lambda word: model(train=f"train {{ {word} = 1 }}")),
    "precisions": (PRECISIONS, lambda word: model(train=f"train {{ precision = {word} }}")),
    "schedules": (SCHEDULES, lambda word: model(train=f"train {{ schedule = {word} }}")),
    "shape factors": (
        tuple(SHAPE_FACTORS),
        lambda word: model(optimizer=f"optimizer muon {{ shape_factor = {word} }}"),
    ),
    "truth values": (
        ("true", "false"),
        lambda word: model(optimizer=f"optimizer adam {{ amsgrad = {word} }}"),
    ),
    "options of richness": (
        ("gamma",),
        lambda word: model(richness=f"richness r = 1/2, {word} = 1"),
    ),
    "options of parameterization": (
        ("gauge",),
        lambda word: model(richness=f"parameterization mup, {word} = stp"),
    ),
    "layer kinds": (("dense",), lambda word: model(dense=word)),
    "functions": (("sqrt",), lambda word: model(sqrt=word)),
    "names": (
        ("fan_in", "fan_out", "alpha", "gamma"),
        lambda word: model(fan_in=word),
    ),
    "statements": (
        tuple(STATEMENT_WORDS.values()),
        lambda word: model(train=f"{word} mup"),
    ),
    **{
        f"options of {name}": (
            ("lr", *law(name).options, "weight_decay"),
            _option_of(name),
        )
        for name in OPTIMIZERS
    },
    "models": (("model",), lambda word: model().replace("model net", f"{word} net")),
}


def slips(word: str, chance: random.Random) -> Iterator[str]:
    """A letter too few, two swapped, one wrong and one too many: at each place."""
    for at in range(len(word)):
        letter = chance.choice(LETTERS)
        yield word[:at] + word[at + 1 :]
        yield word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]
        yield word[:at] + letter + word[at + 1 :]
        yield word[:at] + letter + word[at:]


def sample(vocabulary: str) -> list[tuple[str, str]]:
    """(a word, what is written for it), the same in every run."""
    words, _ = PLACES[vocabulary]
    chance = random.Random(vocabulary)
    known = {*words, *ACTIVATIONS, *OPTIMIZERS, *LOSSES, *PARAMETERIZATIONS, "model"}
    return [
        (word, slip)
        for word in words
        for slip in dict.fromkeys(slips(word, chance))
        if slip not in known and slip.isidentifier() and len(slip) > 1
    ]


def about(found: list[Diagnostic], text: str, slip: str) -> list[str]:
    """The messages at the place of the word."""
    return [d.message for d in found if text[d.span.start : d.span.end] == slip]


@pytest.mark.parametrize("vocabulary", PLACES)
def test_a_slip_names_the_word(vocabulary: str) -> None:
    words, place = PLACES[vocabulary]
    for word, slip in sample(vocabulary):
        text = place(slip)

        messages = about(list(analyse(text).diagnostics), text, slip)

        assert 1 == len(messages), (word, slip, messages)
        # Another word may be as near; then both are named.
        assert f"`{word}`" in messages[0] or _is_another(slip, word, words), (word, messages)


def _is_another(slip: str, word: str, words: tuple[str, ...]) -> bool:
    """Whether what was written is certainly another word."""
    candidates = (*words, *STATEMENT_WORDS.values(), *ACTIVATIONS)
    return word not in meant(slip, candidates) and len(meant(slip, candidates)) == 1


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("ReLU", ("relu",)),
        ("CrossEntropy", ("cross_entropy",)),
        ("fp61", ("fp16",)),
        ("adma", ("adam",)),
        ("adamm", ("adam", "adamw")),
        ("swish", ("silu",)),
        ("learning_rate", ("lr",)),
        ("zebra", ()),
        ("x", ()),
    ],
)
def test_which_word_is_meant(written: str, words: tuple[str, ...]) -> None:
    known = (*ACTIVATIONS, *OPTIMIZERS, *LOSSES, *PRECISIONS, "lr", "n")

    assert words == meant(written, known)


@pytest.mark.parametrize(
    ("word", "here"),
    [
        ("unit_rms_norm", "spectral"),
        ("spectral_norm", "spectral"),
        ("rms_norm", "match_rms_adamw"),
        ("shape_scaling", "original"),
    ],
)
def test_shape_factors_of_other_libraries(word: str, here: str) -> None:
    (found,) = analyse(model(optimizer=f"optimizer muon {{ shape_factor = {word} }}")).diagnostics

    assert f"unknown shape factor `{word}`; did you mean `{here}`?" == found.message
    assert f"{here} ({SHAPE_FACTORS[here]})" in str(found.help)
    assert () == found.edits
