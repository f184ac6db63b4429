"""Where a model is to go: what is asked for, else what its file requires or declares, else μP."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from richc.spec.model import Claim, Model, Requirement
from richc.words import Regime, did_you_mean

MUP = Fraction(1, 2)
NTP = Fraction(0)
#: Of ``--to``: any richness, the one that takes the fewest changes.
NEAREST = "nearest"


class RepairTarget(NamedTuple):
    #: The richness; None where any will do.
    richness: Fraction | None
    #: Whether any that will do is below 1/2.
    lazy: bool = False
    #: The gauge that the file requires.
    gauge: str | None = None
    #: Whether the file declares this richness and nobody requires it.
    is_declared: bool = False

    def admits(self, richness: Fraction) -> bool:
        if self.richness is not None:
            return richness == self.richness
        return NTP <= richness <= MUP and not (self.lazy and richness == MUP)


class Contradiction(Exception):
    """No model is at two places; the message names the statements that ask for it."""


def parse_target(word: str) -> Fraction | str:
    """The value of ``--to``: ``mup``, ``ntp``, ``nearest``, or a richness such as ``1/4``.

    Raises ValueError.
    """
    named: dict[str, Fraction | str] = {"mup": MUP, "ntp": NTP, NEAREST: NEAREST}
    if word in named:
        return named[word]
    try:
        richness = Fraction(word)
    except (ValueError, ZeroDivisionError):
        guess = did_you_mean(word, named)
        raise ValueError(f"`{word}` is none of mup, ntp, nearest and a richness{guess}") from None
    if not NTP <= richness <= MUP:
        raise ValueError("the richness scale is 0 to 1/2")
    return richness


def target(model: Model, wanted: Fraction | str | None = None) -> RepairTarget:
    """Where to go; ``wanted`` is what ``parse_target`` returns.  Raises Contradiction."""
    points = {r.point: r for r in model.requirements if r.point is not None}
    gauges = {r.value: r for r in model.requirements if r.kind == Claim.GAUGE}
    lazy = next(
        (r for r in model.requirements if (r.kind, r.value) == (Claim.REGIME, Regime.LAZY)), None
    )
    for several in (points, gauges):
        if len(several) > 1:
            first, second = list(several.values())[:2]
            raise Contradiction(f"{_words(first)} and {_words(second)} contradict each other")
    gauge = next(iter(gauges), None)
    required = next(iter(points), None)
    if lazy is not None and required == MUP:
        raise Contradiction(f"{_words(points[MUP])} and {_words(lazy)} contradict each other")
    low, high = model.interval or (NTP, NTP)
    if low != high:
        if isinstance(wanted, Fraction):
            raise Contradiction("`richness` declares an interval, and `--to` one place")
        claim = points[required] if required is not None else lazy if high == MUP else None
        if claim is not None:
            raise Contradiction(f"{_words(claim)} is not so for every r of the interval")
    if isinstance(wanted, Fraction):
        against = points[required] if required not in (None, wanted) else None
        if lazy is not None and wanted == MUP:
            against = lazy
        if against is not None:
            raise Contradiction(f"{_words(against)} is against `--to {_word(wanted)}`")
        return RepairTarget(wanted, gauge=gauge)
    if required is not None:
        return RepairTarget(required, gauge=gauge)
    declared = model.richness
    if wanted == NEAREST or model.interval is not None:
        return RepairTarget(None, lazy is not None, gauge)
    if declared is not None and NTP <= declared <= MUP and not (lazy and declared == MUP):
        return RepairTarget(declared, gauge=gauge, is_declared=True)
    return RepairTarget(None, lazy=True, gauge=gauge) if lazy else RepairTarget(MUP, gauge=gauge)


def _word(richness: Fraction) -> str:
    return {MUP: "mup", NTP: "ntp"}.get(richness, str(richness))


def _words(requirement: Requirement) -> str:
    if requirement.kind == Claim.POINT and requirement.value == "rich":
        return f"`require rich(r = {requirement.richness})`"
    if requirement.kind == Claim.POINT:
        return f"`require {requirement.value}`"
    return f"`require {requirement.kind} {requirement.value}`"
