"""The JSON report of ``richc equiv``, version 1: pydantic models, which are also its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from richc._version import __version__
from richc.algebra.formula import rich_formula
from richc.gauge.differences import difference_words, knob_words, structure_words
from richc.report.equivalence import move_formula
from richc.report.strict import Strict

if TYPE_CHECKING:
    from richc.gauge import equivalence
    from richc.report.equivalence import Side


class Compared(Strict):
    """One of the two models."""

    name: str
    model: str
    verdict: str = Field(description="in one sentence")


class Structure(Strict):
    """What makes them different networks."""

    layer: str | None
    message: str


class Difference(Strict):
    """One gauge invariant of one tensor."""

    layer: str
    of_bias: bool
    invariant: Literal["init", "rate", "decay", "eps"]
    power: str | None = Field(description="of n, second over first; null where one is zero")
    ratio: str | None = Field(description="second over first, with its constant")
    message: str


class Knob(Strict):
    """A setting of order one."""

    name: str
    layer: str | None
    first: str
    second: str
    message: str


class Move(Strict):
    """M times t and W over t take this tensor of the first model into the second's."""

    layer: str
    of_bias: bool
    t: str
    theta: str = Field(description="t ~ n^-theta")
    rescaled: str = Field(description="the factor of M W: 1 but for homogeneous networks")


class Equivalence(Strict):
    """What ``richc.equivalence`` returns."""

    version: Literal[1] = 1
    richc: str
    status: Literal["identical", "same_up_to_constants", "different"]
    first: Compared
    second: Compared
    structure: list[Structure]
    differences: list[Difference]
    knobs: list[Knob]
    moves: list[Move] = Field(description="empty where they are different")
    is_rescaled: bool = Field(description="the symmetry of homogeneous networks was used, too")
    notes: list[str]


def report(first: Side, second: Side, found: equivalence.Equivalence) -> Equivalence:
    differences = [
        Difference.of(
            d,
            invariant=d.kind,
            ratio=None if d.ratio is None else rich_formula(d.ratio),
            message=difference_words(d, first.model),
        )
        for d in found.differences
    ]
    moves = [
        Move.of(m, t=move_formula(m.t, first.model), rescaled=rich_formula(m.rescaled))
        for m in found.moves
    ]
    return Equivalence.of(
        found,
        richc=__version__,
        first=_side(first),
        second=_side(second),
        structure=[Structure.of(s, message=structure_words(s)) for s in found.structure],
        differences=differences,
        knobs=[Knob.of(k, message=knob_words(k)) for k in found.knobs],
        moves=moves,
    )


def _side(side: Side) -> Compared:
    return Compared(name=side.name, model=side.model.name, verdict=side.sentence)
