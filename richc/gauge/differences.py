"""What differs between two models, in words: for ``richc equiv`` and ``require equivalent``."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from richc.algebra.formula import power_of_n, rich_formula
from richc.gauge.equivalence import (
    DECAY,
    EPS,
    INIT,
    RATE,
    Difference,
    Equivalence,
)
from richc.gauge.structure import Setting, Structure
from richc.optimizers import law
from richc.optimizers.law import Epsilon
from richc.spec.model import Model


class Names(NamedTuple):
    """What the two are called in a sentence."""

    first: str = "the first"
    second: str = "the second"


NAMES = Names()


def structure_words(found: Structure, names: Names = NAMES) -> str:
    message = found.message.replace(NAMES.first, names.first).replace(NAMES.second, names.second)
    return f"`{found.layer}`: {message}" if found.layer else message


def constant_words(found: Equivalence, model: Model, names: Names = NAMES) -> list[str]:
    """What differs by a factor of order one, a line each."""
    lines = [difference_words(d, model, names) for d in found.differences if d.is_constant]
    return [*lines, *map(knob_words, found.knobs)]


def knob_words(knob: Setting) -> str:
    where = f"`{knob.layer}`: " if knob.layer else ""
    return f"{where}{knob.name}: {knob.first} against {knob.second}"


def difference_words(found: Difference, model: Model, names: Names = NAMES) -> str:
    """One invariant in words: whose is larger, by what, and what that does to training."""
    where = f"the bias of `{found.layer}`" if found.of_bias else f"`{found.layer}`"
    name = _invariant(found.kind, model.optimizer.name)
    if found.ratio is None:
        zero = names.first if found.zero == "first" else names.second
        return f"{where}: {name} is zero in {zero} only"
    power = found.power
    assert power is not None
    factor = rich_formula(found.ratio) if not power else power_of_n(power)
    meaning = "" if not power else f": {_meaning(found.kind, power, model.optimizer.name)}"
    return f"{where}: in {names.second}, {name} is {factor} times {names.first}'s{meaning}"


def _invariant(kind: str, optimizer: str) -> str:
    known = law(optimizer)
    return {
        INIT: "the initial size M s",
        RATE: "the rate " + {0: "η", 1: "η M", 2: "η M²"}[known.gauge_power],
        DECAY: "the decay " + ("λ / M²" if known.decay_is_normalised else "η λ"),
        EPS: "the floor ε M" if known.eps == Epsilon.WEIGHT else "the epsilon ε / M",
    }[kind]


def _meaning(kind: str, power: Fraction, optimizer: str) -> str:
    size = f"{power_of_n(abs(power))} times {'larger' if power > 0 else 'smaller'}"
    if kind == INIT:
        return f"its initial weights are {size}"
    if kind == RATE:
        return f"its weight updates are {size}"
    if kind == DECAY:
        if law(optimizer).decay_is_normalised:
            return f"beside the gradient, its decayed weights are {size}"
        return f"it shrinks by shares that are {size}"
    beside = "the weight" if law(optimizer).eps == Epsilon.WEIGHT else "the gradient"
    return f"beside {beside}, its epsilon is {size}"
