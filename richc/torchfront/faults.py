"""Findings of an audit as data, and the changes that mend them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from richc.lab.statistics import Fit
from richc.torchfront.evidence import CONFIDENCE
from richc.torchfront.seen import Line


class Mend(NamedTuple):
    """A knob of a parameter times n^-power; ``attention`` is a place in the network."""

    name: str
    knob: str
    power: Fraction


class AuditFault(NamedTuple):
    """One root cause."""

    code: str
    severity: str
    parameters: tuple[str, ...]
    knob: str | None
    excess: Fraction | None
    message: str
    read: Fraction | None = None
    measured: float | None = None
    interval: float | None = None
    help: str | None = None
    source: Line | None = None
    mends: tuple[Mend, ...] = ()

    def without(self, knobs: set[tuple[str, str]]) -> AuditFault | None:
        """The same of what other knobs it names; None where it names no others."""
        mends = tuple(one for one in self.mends if (one.name, one.knob) not in knobs)
        if len(mends) == len(self.mends):
            return self
        gone = {one.name for one in self.mends} - {one.name for one in mends}
        names = tuple(name for name in self.parameters if name not in gone)
        message = self.message.replace(listed(self.parameters), listed(names))
        return self._replace(parameters=names, message=message, mends=mends) if names else None


def turned(before: Iterable[AuditFault], later: Iterable[AuditFault]) -> set[tuple[str, str]]:
    """The knobs that later findings call off to the other side than those before."""
    first = {(m.name, m.knob): m.power for fault in before for m in fault.mends}
    mends = [m for fault in later for m in fault.mends]
    return {(m.name, m.knob) for m in mends if first.get((m.name, m.knob), m.power) * m.power < 0}


def interval_of(fit: Fit) -> float:
    """Half of the interval around an exponent."""
    return fit.half_width(CONFIDENCE)


def pattern(name: str) -> str:
    """A name with every number in it as a star."""
    return ".".join("*" if part.isdigit() else part for part in name.split("."))


def patterns(names: Iterable[str]) -> dict[str, int]:
    """Names with stars for numbers, and how many parameters each stands for."""
    found: dict[str, int] = {}
    for name in names:
        shown = pattern(name)
        found[shown] = found.get(shown, 0) + 1
    return found


def listed(names: Iterable[str]) -> str:
    """For a sentence: the patterns of names, at most four."""
    several = list(names)
    found = patterns(several)
    shown = [
        f"`{shared if count > 1 else name}`"
        for (shared, count), name in zip(
            found.items(), (next(n for n in several if p in patterns([n])) for p in found),
            strict=True,
        )
    ]  # fmt: skip
    if len(shown) > 4:
        shown = [*shown[:3], f"{len(shown) - 3} more"]
    counted = f" ({len(several)} parameters)" if len(several) > 1 else ""
    return ", ".join(shown) + counted


def powered(exponent: Fraction | float) -> str:
    """n^x for a sentence."""
    return f"n^{exponent}" if isinstance(exponent, Fraction) else f"n^{exponent:+.2f}"
