"""The options that optimizers take beside ``lr`` and ``weight_decay``: values and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple


class Kind(StrEnum):
    """What values an option takes."""

    #: A scaling expression, such as ``1e-8 / n``.
    EXPRESSION = "expression"
    #: A number of at least 0 and below 1, the same at every width; and two of them.
    SHARE = "share"
    PAIR = "pair"
    #: A number of at most 0.
    NOT_POSITIVE = "not positive"
    #: An integer from 1 to 99.
    COUNT = "count"
    TRUTH = "truth"
    #: One of ``Knob.words``.
    WORD = "word"


Value = Fraction | bool | str | tuple[Fraction, ...]


class Knob(NamedTuple):
    """An option as the language and the glossary know it."""

    name: str
    kind: Kind
    #: What it is, for hover and ``richc explain``.
    about: str
    #: What the emitted program does where the file says nothing; None where nothing of that kind
    #: can be said.
    default: Value | None = None
    #: Another option that must not be 0 where this one is ``true``.
    needs: str = ""
    #: Why it must be written; empty where it need not be.
    required: str = ""
    #: The words that it takes, each with its formula.
    words: Mapping[str, str] = {}

    @property
    def shown(self) -> tuple[str, ...]:
        """Its words as a message lists them: ``none (1)``."""
        return tuple(f"{word} ({formula})" for word, formula in self.words.items())


EPS = Knob(
    "eps",
    Kind.EXPRESSION,
    "Adam's ε, or the floor of RMS(W), as an absolute value. One that nobody writes "
    "follows the size of each layer's gradient.",
)
AMSGRAD = Knob("amsgrad", Kind.TRUTH, "`true` or `false`: the AMSGrad variant.", False)


def momentum(default: Fraction) -> Knob:
    return Knob("momentum", Kind.SHARE, "From 0 to below 1, the same at every width.", default)


def nesterov(default: bool, needs: str = "") -> Knob:
    about = "`true` or `false`: Nesterov's momentum."
    return Knob("nesterov", Kind.TRUTH, about, default, needs)


def betas(first: Fraction, second: Fraction) -> Knob:
    about = "`betas = (0.9, 0.999)`: decay of the two moments."
    return Knob("betas", Kind.PAIR, about, (first, second))
