"""Findings of an audit as data, and the changes that mend them."""

from __future__ import annotations

import math
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

    def among(self, everything: Iterable[str]) -> AuditFault:
        """The same, named apart from all other parameters."""
        told = listed(self.parameters, everything)
        return self._replace(message=self.message.replace(listed(self.parameters), told))


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


def patterns(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by what they are with stars for numbers."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(pattern(name), []).append(name)
    return found


def listed(names: Iterable[str], everything: Iterable[str] = ()) -> str:
    """For a sentence: the patterns of names, at most four; with their numbers where others of
    ``everything`` have the pattern, too.
    """
    several = list(names)
    alike, shown = patterns(everything), []
    for shared, members in patterns(several).items():
        is_whole = set(alike.get(shared, ())) <= set(members)
        shown += [shared] if is_whole and len(members) > 1 else _numbered(members)
    shown = [f"`{one}`" for one in shown]
    if len(shown) > 4:
        shown = [*shown[:3], f"{len(shown) - 3} more"]
    counted = f" ({len(several)} parameters)" if len(several) > 1 else ""
    return ", ".join(shown) + counted


def _numbered(names: list[str]) -> list[str]:
    """Names of one pattern as one, {2,4}.weight, if they are all that it says."""
    parts = zip(*(name.split(".") for name in names), strict=True)
    columns = [list(dict.fromkeys(column)) for column in parts]
    if math.prod(map(len, columns)) != len(names):
        return names
    return [".".join(c[0] if len(c) == 1 else f"{{{','.join(c)}}}" for c in columns)]


def powered(exponent: Fraction | float) -> str:
    """n^x for a sentence."""
    return f"n^{exponent}" if isinstance(exponent, Fraction) else f"n^{exponent:+.2f}"
