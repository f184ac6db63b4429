"""Every word of the language has its lines, and no others have."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import get_args

import pytest

from richc import words as vocabulary
from richc.algebra.monomial import number
from richc.glossary import BIAS, GAIN, GLOSSARY, words
from richc.optimizers import law, option_names
from richc.optimizers.shape_factor import SHAPE_FACTORS
from richc.spec import infer, layers, options, symbols
from richc.spec.activation import Activation
from richc.spec.model import HIDDEN
from richc.syntax import tree
from richc.syntax.lexer import STATEMENT_WORDS
from richc.syntax.parser import _tables

_OPTIONS = set(option_names())

EXPECTED: dict[str, set[str]] = {
    "statement": {"model", *STATEMENT_WORDS.values()},
    "activation": set(vocabulary.ACTIVATIONS),
    "optimizer": set(vocabulary.OPTIMIZERS),
    "loss": set(vocabulary.LOSSES),
    "parameterization": set(vocabulary.PARAMETERIZATIONS),
    "gauge": set(vocabulary.GAUGES),
    "regime": set(vocabulary.REGIMES),
    "requirement": {"mup", "ntp", "rich", "gauge", "regime", "completep", "depth", "equivalent"},
    "attribute": {*layers._LAYER_ATTRIBUTES, "optimizer"},
    "norm": set(vocabulary.NORMS),
    "body": {"repeat", "residual"},
    "residual attribute": {"scale", "skip"},
    "norm attribute": {"gain", "bias", "eps"},
    "input word": {"tokens"},
    "distribution": set(vocabulary.DISTRIBUTIONS),
    "option": {"lr", "weight_decay", *_OPTIONS},
    "shape factor": set(SHAPE_FACTORS),
    "train option": set(options.TRAIN_OPTIONS),
    "precision": set(options.PRECISIONS),
    "schedule": set(options.SCHEDULES),
    "feature": set(vocabulary.FEATURES),
    "symbol": set(symbols._RESERVED),
    "base": {"base"},
    "in": {"in"},
    "layer kind": {"dense", "embedding"},
    "richness option": {"gamma"},
    "parameterization option": {"gauge", "depth"},
    "richness": {"r"},
    "hole": {"?"},
    "truth": {"true", "false"},
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_complete(kind: str) -> None:
    assert EXPECTED[kind] == set(GLOSSARY[kind])


@pytest.mark.parametrize("word", sorted(set(vocabulary.ACTIVATIONS) - {"linear", "leaky_relu"}))
def test_gains_are_those_that_are_inferred(word: str) -> None:
    said = re.search(
        r"gain(?: of the next hidden layer)? is (√?)([\d./]+)\.", GLOSSARY["activation"][word]
    )
    assert said is not None
    square = Fraction(said[2]) if said[1] else Fraction(said[2]) ** 2

    assert number(square).root() == infer.gain(HIDDEN, Activation(word))


def test_no_other_kinds() -> None:
    assert set(EXPECTED) == set(GLOSSARY)


def test_every_keyword_of_the_grammar() -> None:
    keywords = set(_tables().words)

    kinds = ("statement", "base", "in", "norm", "body", "input word")
    assert keywords == {word for kind in kinds for word in GLOSSARY[kind]}


def test_every_kind_of_statement() -> None:
    """A new statement needs its lines; what a network is made of has lists of its own."""
    kinds = {kind.__name__.lower() for kind in get_args(tree.Statement)}
    parts = {"layer", "activation", "norm", *GLOSSARY["body"]}

    assert kinds - parts == set(GLOSSARY["statement"]) - {"model"}


@pytest.mark.parametrize("optimizer", vocabulary.OPTIMIZERS)
def test_options_of_an_optimizer(optimizer: str) -> None:
    assert {"lr", "weight_decay", *law(optimizer).options} == set(words("option", optimizer))


def test_attributes_of_a_bias() -> None:
    assert {*layers._TENSOR_ATTRIBUTES, "optimizer"} == set(words(BIAS))


def test_attributes_of_a_gain() -> None:
    assert {"lr", "decay", "eps", "frozen", "optimizer"} == set(words(GAIN))


def test_one_or_two_lines_each() -> None:
    for known in GLOSSARY.values():
        for word, about in known.items():
            assert about.endswith((".", "….")), word
            assert len(about) <= 240, word
            assert "\n" not in about, word
