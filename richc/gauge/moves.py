"""The gauge move of an optimizer, and the targets that a move can be told to reach.

A move by t multiplies the multiplier by t, the initial weights by 1/t, and all else by a power of t
so that training stays what it was (docs/theory.md, "Gauge invariants").
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.monomial import Affine, Monomial
from richc.optimizers import law
from richc.optimizers.law import Epsilon
from richc.spec.model import Tensor
from richc.words import GAUGES, did_you_mean

#: The knob that each letter of the abc-parameterization counts.
KNOBS = {"a": "scale", "b": "std", "c": "lr"}

#: What each named gauge switches off.
NAMED = {"stp": "a", "mup": "c", "rescaling": "b"}

_CONDITION = re.compile(
    r"(?:(?P<layer>[\w.]+?)(?P<bias>\.bias)?\.)?(?P<knob>[abc])\s*=\s*(?P<q>\S+)"
)


class BadTarget(ValueError):
    """A target that is none; ``str(error)`` says what one looks like."""


class Condition(NamedTuple):
    """One knob's exponent, of one statement's tensors or of all."""

    knob: str
    #: The knob goes like n^-exponent.
    exponent: Fraction
    statement: str | None
    of_bias: bool

    def concerns(self, statement: str, *, of_bias: bool) -> bool:
        return self.statement is None or (self.statement, self.of_bias) == (statement, of_bias)


class Target(NamedTuple):
    """A named gauge, or conditions that must hold together."""

    text: str
    gauge: str | None
    conditions: tuple[Condition, ...]


def read_target(text: str) -> Target:
    """``stp``, ``mup``, ``rescaling``, or conditions such as ``a=0,c=0``.  Raises BadTarget."""
    if text in GAUGES:
        return Target(text, text, (Condition(NAMED[text], Fraction(0), None, False),))
    conditions = []
    for part in text.split(","):
        match = _CONDITION.fullmatch(part.strip())
        if match is None:
            raise BadTarget(
                f"{part.strip()!r} is neither a gauge ({', '.join(GAUGES)}) nor a condition such "
                f"as a=0, c=1/2, embed.a=1/2 or embed.bias.c=0{did_you_mean(part.strip(), GAUGES)}"
            )
        try:
            exponent = Fraction(match["q"])
        except (ValueError, ZeroDivisionError):
            raise BadTarget(f"{match['q']!r} is not a number such as 0 or -1/2") from None
        if abs(exponent) > 100 or exponent.denominator > 1000:
            raise BadTarget(f"{match['q']} is out of all range for an exponent")
        conditions.append(Condition(match["knob"], exponent, match["layer"], bool(match["bias"])))
    return Target(text, None, tuple(conditions))


def powers(optimizer: str) -> dict[str, Fraction]:
    """Attribute -> the power of t that a move multiplies it by."""
    known = law(optimizer)
    rate = known.gauge_power
    return {
        "scale": Fraction(1),
        "std": Fraction(-1),
        "var": Fraction(-2),
        "lr": Fraction(-rate),
        # A decay that meets the gradient goes like it; elsewhere rate times decay is kept.
        "decay": Fraction(2 if known.decay_is_normalised else rate),
        "eps": Fraction(-1 if known.eps == Epsilon.WEIGHT else 1),
    }


def moved(tensor: Tensor, t: Monomial, optimizer: str) -> Tensor:
    """The tensor after a gauge move by t."""
    of = {name: t.power(Affine(power)) for name, power in powers(optimizer).items()}
    return tensor._replace(
        scale=tensor.scale.times(of["scale"]),
        std=tensor.std.times(of["std"]),
        lr=tensor.lr.times(of["lr"]),
        decay=tensor.decay.times(of["decay"]),
        eps=None if tensor.eps is None else tensor.eps.times(of["eps"]),
    )
