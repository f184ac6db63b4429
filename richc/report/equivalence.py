"""Whether two models train alike, as text: for ``richc equiv`` and ``require equivalent``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.gauge.equivalence import (
    CONSTANTS,
    DECAY,
    DIFFERENT,
    EPS,
    IDENTICAL,
    INIT,
    RATE,
    Difference,
    Equivalence,
    Knob,
    Move,
    Structure,
)
from richc.gauge.messages import power_of_n
from richc.optimizers import law
from richc.optimizers.law import Epsilon
from richc.report.style import Style
from richc.rules.context import Context
from richc.rules.sentence import sentence
from richc.scaling.formula import Symbols, rich_formula
from richc.scaling.monomial import ONE, Monomial
from richc.spec.model import Model

#: Of moves and of constants; nobody reads more.
_MOST = 60


class Side(NamedTuple):
    """One of the two models, as the user named it."""

    name: str
    context: Context

    @property
    def model(self) -> Model:
        return self.context.model

    @property
    def sentence(self) -> str:
        return sentence(self.model, self.context.verdict)


def render(first: Side, second: Side, found: Equivalence, *, color: bool) -> Iterator[str]:
    """Lines without line ends."""
    style = Style(color)
    pair = f"{style.strong(first.name)} and {style.strong(second.name)}"
    yield {
        IDENTICAL: f"{style.good('=')} {pair} are identical: {_how(found)}",
        CONSTANTS: f"{style.good('≈')} {pair} are the same up to constants",
        DIFFERENT: f"{style.severity('error', '≠')} {pair} are different",
    }[found.status]
    yield from (f"    {line}" for line in _body(first, second, found))
    yield from (f"    note: {note}" for note in found.notes)


def _how(found: Equivalence) -> str:
    if found.is_rescaled:
        return "one network, rescaled"
    same = all(move.t == ONE for move in found.moves)
    return "one network in one gauge" if same else "one network in two gauges"


def _body(first: Side, second: Side, found: Equivalence) -> Iterator[str]:
    if found.status == DIFFERENT:
        if found.structure:
            yield from _cut([structure_words(s) for s in found.structure])
        else:
            difference = found.first_difference
            assert difference is not None
            yield difference_words(difference, first.model)
            more = sum(not d.is_constant for d in found.differences) - 1
            if more:
                yield f"and {more:,} more such difference{'s' if more > 1 else ''}"
        yield f"{first.name}: {first.sentence}"
        yield f"{second.name}: {second.sentence}"
        return
    yield from _cut(constant_words(found, first.model))
    if found.is_rescaled:
        yield "layers are rescaled against each other (V to u V, the product of all u is 1), which"
        yield "positively homogeneous activations without biases do not see"
    elif all(move.t == ONE for move in found.moves):
        return
    yield from _table(found.moves, first.model, found.is_rescaled)


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


def knob_words(knob: Knob) -> str:
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


def move_formula(t: Monomial, model: Model) -> str:
    symbols = Symbols("n", "n0", alpha=model.richness is not None, apart=True)
    if model.base_width is None:
        symbols = symbols._replace(base=None)
    return rich_formula(t, symbols)


def _table(moves: Sequence[Move], model: Model, is_rescaled: bool) -> Iterator[str]:
    head = ["layer", "M times t", "θ", *(["u"] if is_rescaled else [])]
    rows = [head]
    for move in moves:
        name = f"{move.layer}, bias" if move.of_bias else move.layer
        row = [name, move_formula(move.t, model), str(move.theta)]
        rows.append([*row, *([rich_formula(move.rescaled)] if is_rescaled else [])])
    hidden = max(0, len(rows) - _MOST)
    rows = rows[: len(rows) - hidden]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
    if hidden:
        yield f"and {hidden:,} more layers"


def _cut(lines: Sequence[str]) -> list[str]:
    if len(lines) <= _MOST:
        return list(lines)
    return [*lines[:_MOST], f"and {len(lines) - _MOST:,} more"]
