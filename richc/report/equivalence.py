"""Whether two models train alike, as text: for ``richc equiv`` and ``require equivalent``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from richc.algebra.formula import Symbols, rich_formula
from richc.algebra.monomial import ONE, Monomial
from richc.gauge.differences import constant_words, difference_words, structure_words
from richc.gauge.equivalence import (
    CONSTANTS,
    DIFFERENT,
    IDENTICAL,
    Equivalence,
    Move,
)
from richc.report.style import Style, columns
from richc.rules.context import Context
from richc.rules.sentence import sentence
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
    yield from columns(rows)
    if hidden:
        yield f"and {hidden:,} more layers"


def _cut(lines: Sequence[str]) -> list[str]:
    if len(lines) <= _MOST:
        return list(lines)
    return [*lines[:_MOST], f"and {len(lines) - _MOST:,} more"]
