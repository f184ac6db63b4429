"""What the networks measured so far say: exponents, and how far they can be told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from richc.lab.planning import RISK
from richc.lab.statistics import Fit, Noise, fit
from richc.torchfront.measuring import ALL, AWAKE, LATER, AuditedNetwork, Place
from richc.torchfront.seen import LOSS, Event, SoftSeen

#: Half of what faults that matter differ by.
TOLERANCE = 0.25
#: Half of the steps that sizes are read in; and of how far a law that does not hold is off: terms
#: that are aligned, or are not, differ by half a power.
_READ, _MISREAD = 0.125, 0.5
#: A row is decided on when its interval at this confidence is no wider than the tolerance.
CONFIDENCE = 0.95
#: Below it, relative to what it is compared with, a response is rounding.
_ROUNDING = 1e-9

_INIT = Noise(power=1, crosses=False)
_OUTPUT = Noise(power=0, crosses=False)
_CHANGE = Noise(power=1, crosses=True)
_RESPONSE = Noise(power=1, crosses=True)


class AuditRow(NamedTuple):
    """One exponent that is judged, less what it should be."""

    what: str
    parameters: tuple[str, ...]
    fit: Fit
    #: Whether only growth counts.
    upward: bool = False
    wanted: float = 0.0
    #: What shapes and rates say that it is.
    read: Fraction | None = None

    @property
    def excess(self) -> float:
        return self.fit.exponent - self.wanted

    @property
    def is_lost(self) -> bool:
        """Whether no number of networks tells it."""
        return math.isinf(self.fit.error)

    @property
    def is_told(self) -> bool:
        return self.fit.half_width(CONFIDENCE) <= TOLERANCE

    @property
    def is_read(self) -> bool:
        """Whether what was read decides: what was measured is the same."""
        off = math.inf if self.read is None else abs(self.fit.exponent - float(self.read))
        return self.is_told and off <= TOLERANCE

    @property
    def risk(self) -> float:
        """How likely it is decided wrongly.  What is misread is off by half a power or more."""
        if self.is_read and self.read is not None:
            return self.fit.risk(_MISREAD - abs(self.fit.exponent - float(self.read)))
        if self.upward and self.excess < -TOLERANCE:
            return self.fit.risk(TOLERANCE - self.excess) / 2
        return self.fit.risk(TOLERANCE)

    def side(self, judged: int) -> int | None:
        """1 too large, -1 too small, 0 in order; None where it cannot be told."""
        excess = self.excess
        if self.is_read and self.read is not None:
            exact = float(self.read) - self.wanted
            return (exact > _READ) - (exact < -_READ and not self.upward)
        if self.upward and excess <= 0:
            half = self.fit.half_width(CONFIDENCE)
            return 0 if excess + half <= TOLERANCE else None
        if abs(excess) > TOLERANCE:
            beyond = self.fit.risk(abs(excess) - TOLERANCE)
            return (1 if excess > 0 else -1) if beyond <= RISK / max(1, judged) else None
        return 0 if self.is_told else None


class Evidence:
    """Networks by width.  ``units``: the typical wide dimension has so many for each of width;
    ``narrow``: the events of bottlenecks, by matrix.
    """

    def __init__(
        self,
        networks: Mapping[int, list[AuditedNetwork]],
        units: Fraction,
        narrow: Mapping[str, str] | None = None,
    ) -> None:
        self.narrow = narrow or {}
        self._networks = {n: found for n, found in sorted(networks.items()) if found}
        self._units = units
        ends = list(self._networks)
        first, last = ends[0], ends[-1]
        self._narrow, self._wide = self._networks[first][0], self._networks[last][0]
        self._fits: dict[tuple[object, ...], Fit | None] = {}

    @property
    def widths(self) -> list[int]:
        return list(self._networks)

    @property
    def networks(self) -> int:
        return sum(map(len, self._networks.values()))

    @property
    def events(self) -> dict[str, Event]:
        """Those of the narrowest network that all widths have, in order of execution."""
        everywhere = [found[0].events for found in self._networks.values()]
        return {
            key: event
            for key, event in self._narrow.events.items()
            if all(key in events for events in everywhere)
        }

    @cached_property
    def softs(self) -> dict[str, SoftSeen]:
        return {
            key: soft._replace(attends=soft.attends or (bool(soft.queries) and soft.weights))
            for key, soft in self._narrow.softs.items()
            if key in self._wide.softs and LOSS not in key
        }

    @property
    def dead(self) -> frozenset[str]:
        """Parameters that have no gradient in the first step of some network."""
        return frozenset(n for found in self._networks.values() for one in found for n in one.dead)

    @property
    def dead_awake(self) -> frozenset[str]:
        """Those where bottlenecks are awake."""
        found = self._networks.values()
        return frozenset(n for several in found for one in several for n in one.dead_awake)

    def is_wide(self, key: str) -> bool:
        """Whether an event's output grows with the width."""
        return self._narrow.events[key].shape != self._wide.events[key].shape

    @property
    def outputs(self) -> list[str]:
        """The first output, and the others that are as large at every width."""
        wide = self._wide.outputs
        return [at for at, shape in self._narrow.outputs.items() if not at or shape == wide.get(at)]

    @property
    def output_grows(self) -> bool:
        return self._narrow.outputs[""] != self._wide.outputs[""]

    def uses(self, name: str) -> list[str]:
        """The events that use a parameter, in order; those of inputs that are not all zeros.

        A recurrent network's first is of a state of zeros: no matrix changes that.
        """
        changes = {
            key: [size for (_, who), size in event.changes.items() if who == name]
            for key, event in self.events.items()
        }
        return [k for k, sizes in changes.items() if any(sizes)] or [
            k for k, sizes in changes.items() if sizes
        ]

    def after(self, key: str) -> list[str]:
        """The events behind one."""
        keys = list(self.events)
        return keys[keys.index(key) + 1 :]

    def is_ahead(self, key: str) -> bool:
        """Whether an event is a bottleneck's, or comes before the last one."""
        keys = list(self.events)
        narrow = [keys.index(one) for one in self.narrow.values()]
        return keys.index(key) <= max(narrow, default=-1)

    def comes_before(self, key: str, soft: str) -> bool:
        """Whether a soft-max follows an event before any other: it is of the event's output."""
        order = self._narrow.order
        return key in order and soft in order and order.index(soft) == order.index(key) + 1

    def names_before(self, soft: str) -> list[str]:
        """The parameters of queries and keys; of another soft-max, those of the event before."""
        network, seen = self._narrow, self.softs[soft]
        keys = seen.queries if seen.attends else ()
        if not keys:
            before = [k for k in network.order[: network.order.index(soft)] if k in network.events]
            keys = tuple(before[-1:])
        names = [name for key in keys for _, name in network.events[key].changes]
        return list(dict.fromkeys(names))

    def largest_response(self, who: str, key: str) -> float:
        """Of a soft-max input to a parameter, 0 where it is rounding."""
        step = self.step(who)
        found = self.largest(Place("dsoft", key, who, step))
        everything = self.largest(Place("dsoft", key, ALL, step))
        return found if found > _ROUNDING * everything else 0.0

    def is_score(self, key: str) -> bool:
        """Whether an event is queries or keys, and nothing else."""
        asked = {one for soft in self.softs.values() if soft.attends for one in soft.queries}
        return key in asked - self._narrow.valued

    def step(self, name: str) -> int:
        """The step in which a parameter is judged."""
        uses = self.uses(name)[:1] if self.narrow else []
        if not any(map(self._is_behind, uses)):
            return self.first_step(name)
        return AWAKE + (LATER if name in self.dead_awake else 1)

    def first_step(self, name: str) -> int:
        """The first step in which a parameter moves, with bottlenecks as they start."""
        return LATER if name in self.dead else 1

    def stage(self, key: str) -> int:
        """The step in which an event is judged as it starts."""
        return 1 + (AWAKE if self._is_behind(key) else 0)

    def _is_behind(self, key: str) -> bool:
        return bool(self.narrow) and self.events[key].is_behind

    def values(self, place: Place) -> dict[int, list[float]]:
        return {
            width: [one.sizes[place] for one in found if place in one.sizes]
            for width, found in self._networks.items()
        }

    def largest(self, place: Place) -> float:
        return max((v for found in self.values(place).values() for v in found), default=0.0)

    def fit(self, place: Place, noise: Noise, over: Place | None = None) -> Fit | None:
        """The exponent of a size, or of its ratio to another; None where it is nowhere."""
        key = (place, noise, over)
        if key not in self._fits:
            self._fits[key] = self._fitted(place, noise, over)
        return self._fits[key]

    def _fitted(self, place: Place, noise: Noise, over: Place | None) -> Fit | None:
        logs: dict[int, Tensor] = {}
        anything = False
        for width, found in self._networks.items():
            pairs = [
                (one.sizes[place], 1.0 if over is None else one.sizes.get(over, 0.0))
                for one in found
                if place in one.sizes
            ]
            anything = anything or bool(pairs)
            kept = [math.log(a / b) for a, b in pairs if a > 0 and b > 0]
            if kept:
                logs[self.units(width)] = torch.tensor(kept, dtype=torch.float64)
        if len(logs) < 2:
            return Fit(-math.inf, 0.0, 6) if anything else None
        return fit(logs, noise)

    def units(self, width: int) -> int:
        return max(1, round(width * self._units))

    # Quantities with names.

    def size(self, key: str) -> Fit | None:
        """Of a representation at init: with the numbers that multiply it, or without, whichever
        is nearer to n^0: scaled queries, and layers of NTP, are both in order.  Behind a bottleneck
        it may be in order before that is awake: where what it reads is.
        """
        steps = {self.stage(key)}
        source = self.fit(Place("source", key), _INIT)
        if source is not None and abs(source.exponent) <= TOLERANCE:
            steps.add(1)
        places = [Place(kind, key, step=step) for step in steps for kind in ("size", "bare")]
        fits = [self.fit(place, _INIT) for place in places]
        known = [one for one in fits if one is not None and not one.is_zero]
        return min(known, key=lambda one: abs(one.exponent), default=fits[0])

    def gain(self, key: str) -> Fit | None:
        """Of a representation's size over its input's."""
        step = self.stage(key)
        return self.fit(Place("size", key, step=step), _INIT, Place("source", key, step=step))

    def bare(self, key: str, *, over_source: bool = False) -> Fit | None:
        """Of a representation at init without the numbers that multiply it."""
        step = self.stage(key)
        source = Place("source", key, step=step) if over_source else None
        return self.fit(Place("bare", key, step=step), _INIT, source)

    def own(self, name: str, key: str) -> Fit | None:
        """Of a parameter's own change of a representation, relative to its size."""
        step = self.step(name)
        size = Place("size", key, step=step)
        place = Place("own", key, name, step)
        if self.largest(place) <= _ROUNDING * self.largest(size):
            return None
        return self.fit(place, _CHANGE, None if self._starts_at_zero(key) else size)

    def _starts_at_zero(self, key: str) -> bool:
        """Whether a representation is nothing at init: its change is all there is, later too."""
        start = self.values(Place("size", key, step=self.stage(key))).values()
        return any(not size for found in start for size in found)

    def moved(self, name: str, key: str) -> Fit | None:
        """Of a parameter's own change of what is no representation, as it is."""
        place = Place("own", key, name, self.step(name))
        return self.fit(place, _CHANGE) if self.largest(place) else None

    def bare_own(self, name: str, key: str) -> Fit | None:
        """Of a parameter's own change, without the numbers that multiply it afterwards."""
        return self.fit(Place("bare own", key, name, self.step(name)), _CHANGE)

    def asked(self, name: str, key: str) -> Fit | None:
        """Of a parameter's own change of queries, by the product with keys, which it aligns."""
        fit, terms, widths = self.bare_own(name, key), self.terms(key), self.widths
        aligned = math.log(terms[-1] / terms[0]) / math.log(widths[-1] / widths[0])
        return fit and fit._replace(exponent=fit.exponent - aligned)

    def response(self, who: str, at: str, step: int, kind: str = "dsoft") -> Fit | None:
        """Of a soft-max input's change, or of an output's (``df``)."""
        place = Place(kind, at, who, step)
        everything = Place(place.kind, place.at, ALL, step)
        if self.largest(place) <= _ROUNDING * self.largest(everything):
            return None
        return self.fit(place, _RESPONSE)

    def readout_gain(
        self, who: str, own: Iterable[tuple[str, str]], step: int, at: str
    ) -> Fit | None:
        """Of a family's change of an output over the largest of its own relative changes."""
        logs: dict[int, list[float]] = {}
        pairs = [
            (
                Place("own", key, name, step),
                None if self._starts_at_zero(key) else Place("size", key, step=step),
            )
            for name, key in own
        ]
        for width, found in self._networks.items():
            for one in found:
                moved = one.sizes.get(Place("df", at, who, step), 0.0)
                sizes = one.sizes
                relative = [
                    sizes.get(place, 0.0) / ((size and sizes.get(size)) or 1.0)
                    for place, size in pairs
                ]
                if moved > 0 and max(relative, default=0.0) > 0:
                    logs.setdefault(self.units(width), []).append(math.log(moved / max(relative)))
        if len(logs) < 2:
            return None
        tensors = {n: torch.tensor(v, dtype=torch.float64) for n, v in logs.items()}
        return fit(tensors, _RESPONSE)

    def itself(self, name: str, key: str) -> Fit | None:
        """Of a parameter's part in a representation at init, relative to it."""
        step = self.stage(key)
        return self.fit(Place("self", key, name, step), _INIT, Place("size", key, step=step))

    def largest_part(self, name: str, key: str) -> float:
        """Of a parameter in a representation at init, relative to it."""
        part, size = self.largest(Place("self", key, name)), self.largest(Place("size", key))
        return part / size if size else 0.0

    def terms(self, key: str) -> list[float]:
        """How many terms an entry of an event sums over, by width."""
        return [float(found[0].events[key].terms) for found in self._networks.values()]

    def tails(self, key: str) -> list[float]:
        """The numbers that multiply an event's output, by width."""
        return [abs(found[0].events[key].tail) for found in self._networks.values()]

    def source(self, key: str) -> Fit | None:
        """Of what an event reads, at init."""
        return self.fit(Place("source", key, step=self.stage(key)), _INIT)

    def factors(self, key: str, name: str) -> list[float]:
        """The numbers that multiply a parameter before the event, by width."""
        return [abs(f[0].events[key].factors.get(name, 1.0)) for f in self._networks.values()]

    def output(self, at: str) -> Fit | None:
        return self.fit(Place("f", at), _OUTPUT)

    def soft(self, key: str) -> Fit | None:
        return self.fit(Place("soft", key), _INIT)

    def init(self, name: str) -> Fit | None:
        return self.fit(Place("init", "", name), _INIT)

    def gradient(self, name: str, key: str | None = None) -> Fit | None:
        """Of a gradient, over the size of what an event reads."""
        over = None if key is None else Place("source", key)
        return self.fit(Place("grad", "", name), _RESPONSE, over)


def halves(exponent: float) -> Fraction:
    """The nearest half power; of a fault, at least one."""
    return Fraction(round(2 * exponent), 2) or Fraction(1 if exponent > 0 else -1, 2)
