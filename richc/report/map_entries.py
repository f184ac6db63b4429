"""What stands on a map: models in their places, by prism, and what a drawing says of each."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.calculus.verdict import named_point
from richc.gauge.place import Place
from richc.gauge.prism import Prism
from richc.pipeline import ModelResult
from richc.rules.sentence import DEPTH_NAMES, GAUGE_NAMES, POINT_NAMES

#: How far beyond its ends the axis of richness is drawn, as a share of it.
BEYOND = Fraction(1, 4)
#: Powers of n to name outside of the prism.
TICKS = (Fraction(1, 2), Fraction(1), Fraction(2))


class Entry(NamedTuple):
    """One model on the map."""

    number: int
    #: Its file, and its own name where the file has several; safe to print.
    name: str
    #: As the user gave it.
    path: str
    result: ModelResult
    place: Place


class Panel(NamedTuple):
    """The models of one prism, or those of its depths."""

    prism: Prism
    entries: tuple[Entry, ...]

    @property
    def title(self) -> str:
        names = dict.fromkeys(e.result.spec.optimizer.law.title for e in self.entries)
        title = ", ".join(names)
        if self.prism.shape is not None:
            title += f", shape factor {self.prism.shape}"
        return title + (", one hidden representation" if self.prism.is_shallow else "")


def depths(panel: Panel) -> Panel | None:
    """Those of a prism that have a place between Depth-μP and CompleteP; None where none has."""
    found = tuple(entry for entry in panel.entries if entry.place.depth is not None)
    return panel._replace(entries=found) if found else None


def panels(entries: Sequence[Entry]) -> list[Panel]:
    """The entries by prism, in order of their first."""
    found: dict[Prism, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.place.prism, []).append(entry)
    return [Panel(prism, tuple(those)) for prism, those in found.items()]


def position(place: Place) -> str:
    """Where it is, in words."""
    if place.depth is None:
        return _position(place)
    point = DEPTH_NAMES.get(place.depth)
    return f"{_position(place)}, at depth α = {place.depth}{f' ({point})' if point else ''}"


def _position(place: Place) -> str:
    if not place.on_scale:
        broken = ", ".join(place.violated)
        if not broken and not place.excess:
            return "nowhere on it: the desiderata are not decided"
        if not broken:
            return f"outside (mixed): updates that are {power(place)} apart"
        off = "a size that is zero"
        if place.is_exponential:
            off = "a stream that grows faster than any power of L"
        elif place.excess is not None:
            off = f"a size that is {power(place)} off" if place.excess else "by powers of L only"
        return f"outside ({broken}): {off}, nearest to r = {place.richness}"
    where = f"r = {place.richness}"
    if place.named is not None and place.is_exact:
        point = named_point(place.richness, (place.named,))
        if point is not None:
            return f"at the vertex {POINT_NAMES[point]}"
        return f"on the {GAUGE_NAMES[place.named]} edge, {where}"
    mixture = " + ".join(_share(gauge, share) for gauge, share in place.shares)
    if place.is_exact:
        return f"inside: θ = {mixture}, {where}"
    if not place.distance:
        return f"drawn at {mixture}, {where}: a layer that is zero has no gauge"
    return f"drawn at the nearest named θ = {mixture}, {where}: up to {place.distance} off"


def short(place: Place) -> str:
    """Where it is, in a few words."""
    if not place.on_scale:
        if not place.violated:
            return "mixed" if place.excess else "not decided"
        return f"{', '.join(place.violated)} violated"
    if place.named is None or not place.is_exact:
        return f"r = {place.richness}, a gauge of its own"
    point = named_point(place.richness, (place.named,))
    if point is not None:
        return POINT_NAMES[point]
    return f"r = {place.richness}, {GAUGE_NAMES[place.named]} gauge"


def clamped(richness: Fraction) -> Fraction:
    """Twice the richness, 0 to 1 on the scale, and never further beyond than is drawn."""
    return min(max(2 * richness, -BEYOND), 1 + BEYOND)


def depth(place: Place) -> Fraction:
    """How far outside it is drawn, 0 to 1: a power of 1 half way, a size of zero all the way."""
    return Fraction(1) if place.excess is None else place.excess / (1 + place.excess)


def power(place: Place) -> str:
    """How far off: ``n^(1/2)``."""
    assert place.excess is not None
    return f"n^{_exponent(place.excess)}"


def _exponent(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"({value})"


def _share(gauge: str, share: Fraction) -> str:
    name = GAUGE_NAMES[gauge]
    return name if share == 1 else f"{share} {name}"


def numbers(entries: Sequence[Entry]) -> str:
    """``1-3,7``."""
    runs: list[list[int]] = []
    for number in sorted(entry.number for entry in entries):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs
    )


def tags(entries: Sequence[Entry]) -> tuple[str, ...]:
    """What may stand beside a mark, the best first: ``3,4: D0, D1``, else ``3,4``."""
    first, *others = {entry.place.violated for entry in entries}
    plainly = numbers(entries)
    return (plainly,) if others or not first else (f"{plainly}: {', '.join(first)}", plainly)
