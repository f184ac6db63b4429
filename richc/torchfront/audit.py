"""``richc audit``: read a factory, measure what it makes, judge, mend, and measure again."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from richc.lab.planning import more
from richc.torchfront.evidence import TOLERANCE, Evidence
from richc.torchfront.factory import Factory, Made, Refusal
from richc.torchfront.faults import AuditFault, turned
from richc.torchfront.judgement import Judgement
from richc.torchfront.judging import Judge
from richc.torchfront.knobs import blaming_schedules, small_readouts, warnings_of
from richc.torchfront.measuring import (
    LATER,
    AuditedNetwork,
    Measurement,
    factor_of,
    is_free,
    stride,
)
from richc.torchfront.own import bottlenecks, lazy
from richc.torchfront.predicting import vanishing
from richc.torchfront.preparing import quiet
from richc.torchfront.reading import WIDEST, FactoryReading, read

WIDTHS = (64, 128, 256, 512)
#: The most rounds, each of which doubles the networks; more until their work (AuditedNetwork.work)
#: is this: some ten seconds of one core.  Reading alone takes a quarter.
_ROUNDS, _MOST_ROUNDS, _CHEAP = 4, 7, 100_000_000
#: The most kinds of faults that are mended one after the other.
_MENDINGS = 6

_TARGET = re.compile(r"rich\((\d+(?:/\d+)?)\)")


class SettingsProblem(ValueError):
    """Arguments that mean nothing."""


class AuditSettings(NamedTuple):
    """What a run may choose."""

    widths: tuple[int, ...] = WIDTHS
    seeds: int | None = None
    #: The richness r that is asked for, and how it was written.
    richness: Fraction = Fraction(1, 2)
    target: str = "mup"
    read_only: bool = False
    fix: bool = False

    @staticmethod
    def of(
        widths: Sequence[int] | None,
        seeds: int | None,
        target: str,
        *,
        read_only: bool = False,
        fix: bool = False,
    ) -> AuditSettings:
        """From what a user wrote.  Raises SettingsProblem."""
        chosen = WIDTHS if widths is None else tuple(sorted(set(widths)))
        if len(chosen) < 3:
            raise SettingsProblem("an audit needs three widths or more")
        if chosen[0] < 1:
            raise SettingsProblem("widths are positive")
        if seeds is not None and seeds < 1:
            raise SettingsProblem("seeds: one network of every width, or more")
        return AuditSettings(chosen, seeds, richness_of(target), target, read_only, fix)


def richness_of(target: str) -> Fraction:
    """The r of ``mup``, ``ntp`` or ``rich(1/4)``.  Raises SettingsProblem."""
    named = {"mup": Fraction(1, 2), "ntp": Fraction(0)}
    found = _TARGET.fullmatch(target)
    if target in named:
        return named[target]
    if found is None or found[1].endswith("/0") or not 0 <= Fraction(found[1]) <= Fraction(1, 2):
        raise SettingsProblem(f"target {target!r}: mup, ntp or rich(r) with r from 0 to 1/2")
    return Fraction(found[1])


class Audit(NamedTuple):
    """All that one run found."""

    factory: str
    settings: AuditSettings
    seconds: float
    #: Why there is nothing more.
    refusal: str | None = None
    reading: FactoryReading | None = None
    #: Of the first networks, as the factory made them.
    first: Judgement | None = None
    evidence: Evidence | None = None
    #: Of the last, with everything mended.
    last: Judgement | None = None
    faults: tuple[AuditFault, ...] = ()
    warnings: tuple[AuditFault, ...] = ()
    networks: int = 0
    risk: float = 1.0


def audit(make: Callable[[int], Any] | str, settings: AuditSettings) -> Audit:
    """Audit a factory.  What cannot be audited is a value, too."""
    began = time.perf_counter()
    name = make if isinstance(make, str) else "<factory>"
    try:
        factory = Factory(make)
        name = factory.name
        with torch.random.fork_rng(devices=[]):
            found = _Examination(factory, settings).run()
    except Refusal as refusal:
        return Audit(name, settings, time.perf_counter() - began, str(refusal))
    return found._replace(seconds=time.perf_counter() - began)


def _few(widths: Sequence[int]) -> dict[int, int]:
    """Networks by width to begin with: wide ones average over themselves."""
    return {n: max(1, len(widths) - i) for i, n in enumerate(widths)}


def _work(networks: Mapping[int, Iterable[AuditedNetwork]]) -> int:
    return sum(one.work for found in networks.values() for one in found)


def _without(faults: Iterable[AuditFault], knobs: set[tuple[str, str]]) -> list[AuditFault]:
    return [kept for fault in faults if (kept := fault.without(knobs)) is not None]


def _typical(judgement: Judgement) -> float:
    """The middle of all hidden updates' exponents."""
    found = [o.exponent for o in judgement.own.values() if o.is_wide and o.exponent is not None]
    return median(found) if found else -math.inf


class _Examination:
    """One audit of one factory."""

    def __init__(self, factory: Factory, settings: AuditSettings) -> None:
        self._factory, self._settings = factory, settings
        self._dtype = torch.float64
        #: The step that is judged beside the first, and by what the rates of those before are
        #: multiplied: what is moved far would be its own size.
        self._last = 1
        self._factors: tuple[float, ...] = ()
        #: Families of matrices, and read-outs one by one.
        self._together: tuple[tuple[str, ...], ...] = ()
        #: Bottlenecks: the events of their matrices.
        self._bottlenecks: dict[str, str] = {}
        #: Read-outs that are made to start at zero.
        self._still: tuple[str, ...] = ()
        #: Biases that are left out: in the limit they start at zero.
        self._vanishing: tuple[str, ...] = ()
        self._mends: dict[tuple[str, str], Fraction] = {}
        self._networks = 0
        self._narrow = settings.widths[0]

    def run(self) -> Audit:
        settings = self._settings
        self._reading = read(self._factory, settings.widths[:3] if not settings.read_only
                             else settings.widths)  # fmt: skip
        if settings.read_only:
            return self._read_only()
        self._probe()
        first: tuple[Judgement, Evidence] | None = None
        faults: list[AuditFault] = []
        shown: set[str] = set()
        unsettled: set[tuple[str, str]] = set()
        while True:
            judgement, evidence = self._measured()
            first = first or (judgement, evidence)
            again = {(f.code, f.parameters) for f in faults}
            new = [f for f in judgement.faults if (f.code, f.parameters) not in again]
            # Off to one side as it is made, and to the other once mended: that it is made wrong
            # stands where measurements alone have shown it.
            both = turned(faults, new)
            unsettled |= {knob for knob in both if knob[0] not in shown}
            shown |= {name for fault in new for name in fault.parameters if judgement.shows(name)}
            faults = _without(faults, unsettled) + (new := _without(new, both | unsettled))
            mends = [m for fault in new for m in fault.mends]
            for mend in mends:
                knob = mend.name, mend.knob
                self._mends[knob] = self._mends.get(knob, Fraction(0)) + mend.power
            turns_back = [self._mends.pop(knob) for knob in both & unsettled]
            going = mends or turns_back
            if not going or len(faults) > 40 or self._tries() > _MENDINGS:
                break
        faults = blaming_schedules(self._reading, faults)
        warnings = (
            *warnings_of(self._reading, first[0].own, first[1], faults),
            *self._small_readouts(judgement, evidence, faults),
        )
        return Audit(
            self._factory.name,
            settings,
            0.0,
            None,
            self._reading,
            first[0],
            first[1],
            judgement.leaving(unsettled),
            self._named(faults),
            self._named(warnings),
            self._networks,
            judgement.risk,
        )

    def _small_readouts(
        self, last: Judgement, evidence: Evidence, faults: Iterable[AuditFault]
    ) -> Iterable[AuditFault]:
        if last.faults:
            return ()  # A size below that is off still would be said to be the read-out's.
        richness = self._settings.richness
        return small_readouts(self._reading, last.own, evidence, faults, richness)

    def _named(self, faults: Iterable[AuditFault]) -> tuple[AuditFault, ...]:
        return tuple(fault.among(self._reading.parameters) for fault in faults)

    _count = 0

    def _tries(self) -> int:
        self._count += 1
        return self._count

    def _made(self, width: int, seed: int) -> Made:
        return self._factory(width, seed)

    def _one(self, width: int, seed: int, last: int = 1) -> AuditedNetwork:
        with quiet():
            asleep = self._measurement(width, seed)
            found = asleep.run(last)
            if not self._bottlenecks:
                return found
            awake = self._measurement(width, seed, asleep.awake)
            return found.beside(awake.run(last))

    def _measurement(
        self, width: int, seed: int, awake: Mapping[str, Tensor] | None = None
    ) -> Measurement:
        return Measurement(
            self._made(width, seed),
            self._dtype,
            self._factors,
            self._together,
            self._mends,
            width / self._narrow,
            self._still,
            self._vanishing,
            self._bottlenecks,
            awake,
        )

    def _pace(self) -> None:
        """From now on the third step is judged, too; none before it moves either end far."""
        widths = self._settings.widths
        self._last, self._factors = LATER, ()
        for step in range(1, LATER):
            ends = [self._one(n, 0, step) for n in (widths[0], widths[-1])]
            self._factors += (factor_of(stride(one, step) for one in ends),)

    def _probe(self) -> None:
        """What has to be known before networks are measured."""
        widths = self._settings.widths
        parts = self._made(widths[0], 0).model.modules()
        if any(isinstance(part, nn.modules.conv._ConvNd) for part in parts):
            self._dtype = torch.float32  # on CPUs a convolution takes a fifth of the time
        try:
            ends = {n: [self._one(n, 0)] for n in (widths[0], widths[1])}
        except Refusal:
            if self._dtype is torch.float32:
                raise
            # Code that insists on single precision.
            self._dtype = torch.float32
            ends = {n: [self._one(n, 0)] for n in (widths[0], widths[1])}
        evidence = Evidence(ends, self._reading.units)
        self._bottlenecks = bottlenecks(evidence, self._reading)
        self._vanishing = vanishing(evidence, self._reading)
        alone = {
            name
            for name in self._reading.parameters
            if any(not evidence.is_wide(use) for use in evidence.uses(name))
        }
        families = [f for f in self._reading.families.values() if not alone.intersection(f)]
        self._together = (*families, *((name,) for name in sorted(alone)))
        if evidence.dead:
            self._pace()

    def _measured(self) -> tuple[Judgement, Evidence]:
        """As it starts; where SGD's gradients start too small, as it goes on, if that is more.

        Gradients come through the read-out.  One that starts smaller than its updates are is soon
        what these have made of it: that is measured with a read-out that starts at zero.
        """
        found = self._drawn()
        shift = lazy(found[0].own.values())
        parameters = self._reading.parameters
        readouts = [
            o.name
            for o in found[0].own.values()
            if o.is_readout and not o.is_bottleneck and parameters[o.name].is_matrix
        ]
        if shift is None or not readouts or self._still or self._factors:
            return found
        if abs(shift - float(self._settings.richness - Fraction(1, 2))) <= TOLERANCE:
            return found
        if all(parameters[o.name].ignores_gradient for o in found[0].own.values()):
            return found
        self._still = tuple(readouts)
        self._pace()
        later = self._drawn()
        if _typical(later[0]) > _typical(found[0]) + TOLERANCE:
            return later
        self._still, self._last, self._factors = (), 1, ()
        return found

    def _drawn(self) -> tuple[Judgement, Evidence]:
        """Networks, doubled until nothing is open and the risk is as stated."""
        settings = self._settings
        widths = list(settings.widths)
        planned = dict.fromkeys(widths, settings.seeds) if settings.seeds else _few(widths)
        networks: dict[int, list[AuditedNetwork]] = {n: [] for n in widths}
        rounds = 0
        while True:
            rounds += 1
            for width, count in planned.items():
                for seed in range(len(networks[width]), count):
                    networks[width].append(self._one(width, seed, self._last))
                    self._networks += 1
            evidence = Evidence(networks, self._reading.units, self._bottlenecks)
            reading = self._reading.mended(self._mends)
            judgement = Judge(evidence, reading, settings.richness, self._is_free).judge()
            enough = judgement.is_settled
            spent = rounds >= _ROUNDS and _work(networks) > _CHEAP
            if enough or settings.seeds is not None or spent or rounds == _MOST_ROUNDS:
                return judgement, evidence
            planned = more(planned)

    def _is_free(self, key: str) -> bool:
        with quiet():
            made = self._made(self._narrow, 0)
        return is_free(made, self._dtype, key)

    def _read_only(self) -> Audit:
        widths = [n for n in self._settings.widths if n <= WIDEST]
        if len(widths) < 3:
            narrow = self._settings.widths[0]
            while narrow > WIDEST // 8:
                narrow //= 2
            widths = [narrow, 2 * narrow, 4 * narrow, 8 * narrow]
        ends = {n: [self._one(n, 0, 0)] for n in widths[:2]}
        sized = Evidence(ends, self._reading.units)
        self._vanishing = vanishing(sized, self._reading)
        self._bottlenecks = bottlenecks(sized, self._reading)
        networks: dict[int, list[AuditedNetwork]] = {n: [] for n in widths}
        planned = _few(widths)
        rounds = 0
        while True:
            rounds += 1
            for n, count in planned.items():
                networks[n] += [self._one(n, seed, 0) for seed in range(len(networks[n]), count)]
            evidence = Evidence(networks, self._reading.units, self._bottlenecks)
            richness = self._settings.richness
            judgement = Judge(evidence, self._reading, richness, self._is_free).read()
            if judgement.is_settled or rounds == _MOST_ROUNDS or _work(networks) > _CHEAP / 4:
                break
            planned = more(planned)
        faults = judgement.faults
        warnings = (
            *warnings_of(self._reading, judgement.own, evidence, faults),
            *self._small_readouts(judgement, evidence, faults),
        )
        count = sum(map(len, networks.values()))
        return Audit(
            self._factory.name, self._settings, 0.0, None, self._reading, judgement, evidence,
            judgement, self._named(faults), self._named(warnings), count,
            judgement.risk,
        )  # fmt: skip
