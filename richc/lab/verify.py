"""``richc verify``: measured exponents beside predicted ones, and a verdict on both.

Networks of several widths train; every quantity that the theory has an exponent for is measured and
fitted (richc.lab.statistics).  A row agrees when its fitted exponent lies within the tolerance of
the predicted one.  The risk of a run is the sum over its rows of how likely the fitted exponent is
off by more than that: it bounds how often a model that is as predicted fails, and how often a row
that is off by twice the tolerance passes.  Networks are drawn until it is below 1 in 100, and until
no row is in doubt, or three times.
"""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import torch

from richc.algebra.sizes import Size
from richc.calculus.verdict import NOT_EVALUATED, VIOLATED
from richc.compilation import program as emit
from richc.lab.coordinates import DF, DH, KERNEL, OWN, STATE, TERM, H, Key, Sizes
from richc.lab.experiment import Experiment, Listener
from richc.lab.exponents import MeasuredExponents, noise_of
from richc.lab.findings import Fault, Findings, decide, find_fault
from richc.lab.outcome import Outcome
from richc.lab.pace import Pace
from richc.lab.planning import RISK, Need, Seeds, deciding, default_widths, more, plan, wanted_error
from richc.lab.predictions import predict
from richc.lab.program import Program
from richc.lab.statistics import Fit
from richc.pipeline import ModelResult
from richc.rules.sentence import point_name
from richc.spec.model import Claim

STEPS = 4
BATCH = 32
#: The most doubt that a row may be left in: how likely its exponent lies on the other side of the
#: tolerance than the fitted one.
DOUBT = 0.2
#: What a finding may owe to chance.
CHANCE = 0.05
#: A row is decided on when its interval at this confidence is no wider than the tolerance.
CONFIDENCE = 0.95

#: The most rounds, each of which doubles the networks.
_ROUNDS = 3

_HALF = Fraction(1, 2)


class VerifySettings(NamedTuple):
    """What a run may choose; None leaves it to richc."""

    widths: tuple[int, ...] | None = None
    seeds: Seeds = None
    #: Of all that is drawn by chance.
    seed: int = 0
    steps: int = STEPS
    #: The optimizer's learning rate at the file's own width.
    lr: float | None = None
    data: Path | None = None
    target: str | None = None
    with_state: bool = False
    tolerance: float | None = None


class ExponentComparison(NamedTuple):
    """One quantity: predicted, measured, and whether the two agree."""

    key: Key
    layer: str
    #: Whether the layer is the read-out, whose representation is the output f.
    is_output: bool
    #: None where the checker does not evaluate it, or has nothing to say.
    predicted: Size | None
    #: None where some networks show exactly zero and others do not.
    fit: Fit | None
    tolerance: float
    #: None where there is no prediction, or the interval is too wide to tell.
    agrees: bool | None
    #: Mean size by width.
    sizes: dict[int, float]

    @property
    def risk(self) -> float:
        """How likely this row is decided wrongly."""
        if self.predicted is None:
            return 0.0
        return 1.0 if self.fit is None else self.fit.risk(self.tolerance)

    @property
    def doubt(self) -> float:
        """How likely its exponent lies on the other side of the tolerance than the fitted one."""
        if not isinstance(self.predicted, Fraction) or self.fit is None or self.fit.is_zero:
            return 0.0
        distance = abs(self.fit.exponent - float(self.predicted))
        return self.fit.risk(abs(self.tolerance - distance)) / 2

    @property
    def is_open(self) -> bool:
        """There is a prediction, and it could not be decided on."""
        return self.predicted is not None and self.agrees is None


class Verification(NamedTuple):
    """All that one run found."""

    result: ModelResult
    rows: tuple[ExponentComparison, ...]
    findings: Findings
    #: What the file requires and training does not show, in words.
    unmet: tuple[str, ...]
    #: Where one thing is at fault for that.
    fault: Fault | None
    #: Networks by width.
    counts: dict[int, int]
    seed: int
    steps: int
    #: The step whose changes are judged: the first where that explodes, else the last.
    step: int
    #: The multiple of the file's learning rates that was used.
    rate: float
    tolerance: float
    #: A bound on how often such a run errs.
    risk: float
    data: str
    seconds: float
    settings: VerifySettings

    @property
    def disagreeing(self) -> list[ExponentComparison]:
        return [row for row in self.rows if row.agrees is False]

    @property
    def open_rows(self) -> list[ExponentComparison]:
        return [row for row in self.rows if row.is_open]

    @property
    def outcome(self) -> Outcome:
        """FAIL for what is measured otherwise, or breaks a desideratum or requirement."""
        agree = (row.agrees for row in self.rows if row.predicted is not None)
        hold = (
            {VIOLATED: False, NOT_EVALUATED: None}.get(status, True)
            for _, status in self.findings.statuses
        )
        return Outcome.of((*agree, *hold, not self.unmet))

    @property
    def passes(self) -> bool:
        return self.outcome is Outcome.PASS

    @property
    def decisive(self) -> VerifySettings | None:
        """What should decide what is undecided; None where nothing is."""
        if self.outcome is not Outcome.UNDECIDED:
            return None
        judged = sum(row.predicted is not None for row in self.rows)
        fits = [(row, row.fit) for row in self.open_rows if row.fit is not None]
        needs = [
            Need(noise_of(row.key, row.is_output), fit.error, wanted_error(row.tolerance, judged))
            for row, fit in fits
        ]
        widths, seeds = self.settings.widths, self.settings.seeds
        if (widths or seeds) and not isinstance(seeds, tuple):
            # Left to richc, more are drawn where something is in doubt.
            return self.settings._replace(widths=None, seeds=None)
        counts = deciding(self.counts, needs)
        return self.settings._replace(widths=tuple(counts), seeds=tuple(counts.values()))


def verify(
    result: ModelResult, settings: VerifySettings, listener: Listener | None = None
) -> Verification:
    """Measure a model, whatever its verdict.

    Raises DataProblem and TooLarge for what the user has to mend.
    """
    began = time.perf_counter()
    program = Program(emit(result, ["options"]), result.spec)
    batch = program.batch(BATCH, settings.data, settings.target)
    experiment = Experiment(program, batch, settings.steps, settings.seed, settings.with_state)
    widths = sorted(settings.widths or default_widths(result.spec))
    tolerance = settings.tolerance or _tolerance(result)
    experiment.refuse_too_large(widths[-1])
    with torch.random.fork_rng(devices=[]):
        if settings.lr is None:
            rate = experiment.choose_rate(widths)
        else:
            rate = settings.lr / program.rate_at(result.spec.width)
        experiment.compare_with_plain_loop(widths[0], rate)
        planned = plan(widths, settings.seeds, tolerance, experiment.power)
        counts = dict.fromkeys(widths, 0)
        sizes: dict[int, Sizes] = {}
        pace = Pace(experiment.cost)
        rounds = 0
        while True:
            rounds += 1
            lacking = {n: range(counts[n], k) for n, k in planned.items() if k > counts[n]}
            counts = planned
            for width, found in experiment.train(
                lacking, rate, pace, listener or Listener()
            ).items():
                sizes[width] = _joined(sizes.get(width), found)
            evidence = _evidence(result, sizes, settings.steps, tolerance)
            if evidence.is_enough or settings.seeds is not None or rounds == _ROUNDS:
                break
            planned = more(counts)
    return Verification(
        result,
        evidence.rows,
        evidence.findings,
        evidence.unmet,
        evidence.fault,
        counts,
        settings.seed,
        settings.steps,
        evidence.step,
        rate,
        tolerance,
        evidence.risk,
        batch.source,
        time.perf_counter() - began,
        settings,
    )


class _Evidence(NamedTuple):
    """What the networks trained so far say."""

    rows: tuple[ExponentComparison, ...]
    step: int
    findings: Findings
    unmet: tuple[str, ...]
    fault: Fault | None

    @property
    def risk(self) -> float:
        # Rows of the same numbers, as the read-out's two shares are, err as one.
        return sum({row.fit: row.risk for row in self.rows if row.predicted is not None}.values())

    @property
    def is_enough(self) -> bool:
        return self.risk <= RISK and all(row.doubt <= DOUBT for row in self.rows)


def _evidence(
    result: ModelResult, sizes: dict[int, Sizes], steps: int, tolerance: float
) -> _Evidence:
    exponents = MeasuredExponents(sizes, len(result.spec.layers) - 1, tolerance)
    step, findings = _findings(result, exponents, steps, tolerance)
    unmet = _unmet(result, findings, tolerance + exponents.chance(step, CHANCE))
    fault = None
    if findings.broken or unmet:
        points = [r.richness for r in result.spec.requirements if r.kind == Claim.POINT]
        richness = points[0] if points else result.spec.richness
        measured = exponents.measured(_names(result), step)
        fault = find_fault(measured, result.spec, richness, 2 * tolerance)
    rows = _rows(result, exponents, step, findings.explodes, tolerance)
    return _Evidence(tuple(rows), step, findings, tuple(unmet), fault)


def _tolerance(result: ModelResult) -> float:
    """Half of what exponents to be told apart differ by: 1/4, or 1/8 where there are eighths."""
    flow = result.verdict.flow.later
    sizes = [size for at in flow for size in (at.h, at.own, at.dh, at.df)]
    fine = any(isinstance(size, Fraction) and (4 * size).denominator > 1 for size in sizes)
    return 1 / 16 if fine else 1 / 8


def _joined(known: Sizes | None, more: Sizes) -> Sizes:
    if known is None:
        return more
    return {key: torch.cat([values, more[key]]) for key, values in known.items()}


def _names(result: ModelResult) -> list[str]:
    return [layer.name for layer in result.spec.layers]


def _findings(
    result: ModelResult, exponents: MeasuredExponents, steps: int, tolerance: float
) -> tuple[int, Findings]:
    """The step that tells, and what it tells, beyond what may be chance.

    Where the first step explodes, later ones compound it, at rates that are kept low for the widest
    network: what is the cause and what a consequence shows in the first.
    """
    names = _names(result)
    first = decide(exponents.measured(names, 1), tolerance + exponents.chance(1, CHANCE))
    if first.explodes or steps == 1:
        return 1, first
    chance = exponents.chance(steps, CHANCE)
    return steps, decide(exponents.measured(names, steps), tolerance + chance)


def _rows(
    result: ModelResult, exponents: MeasuredExponents, step: int, explodes: bool, tolerance: float
) -> list[ExponentComparison]:
    """Everything at init and in the step that tells, and all steps' changes on the way."""
    rows = []
    for key in sorted(exponents.keys, key=_place):
        if key.quantity == TERM or key.step > step or (key.quantity != DH and 0 < key.step < step):
            continue
        if key.quantity in (KERNEL, STATE) and explodes:
            continue
        on_the_way = key.quantity == DH and key.step < step
        if on_the_way and exponents.is_mixed(key._replace(step=step)):
            continue
        fitted = exponents.fit(key)
        predicted = predict(result, key)
        if on_the_way and predict(result, key._replace(step=1)) != predict(
            result, key._replace(step=step)
        ):
            # On the way from one phase to the other, at finite width.
            predicted = predicted if key.step == 1 else None
        # A kernel is of second order in h: twice the exponent, and twice the tolerance.
        allowed = 2 * tolerance if key.quantity == KERNEL else tolerance
        rows.append(
            ExponentComparison(
                key,
                result.spec.layers[key.layer].name,
                key.layer == len(result.spec.layers) - 1,
                predicted,
                fitted,
                allowed,
                None,
                exponents.sizes(key),
            )
        )
    return _decided(rows)


def _place(key: Key) -> tuple[int, int, int, bool]:
    """Where a row stands: at init first, then one quantity after the other."""
    order = (H, DH, OWN, DF, KERNEL, STATE, TERM)
    return order.index(key.quantity), key.step, key.layer, key.of_bias


def _decided(rows: list[ExponentComparison]) -> list[ExponentComparison]:
    """The rows with what is said of them.

    A row agrees within the tolerance, where its interval is no wider than that.  To contradict the
    check takes an exponent beyond it by more than any of the rows is likely to be off by chance.
    """
    judged = sum(row.predicted is not None for row in rows)
    return [row._replace(agrees=_agrees(row, RISK / max(1, judged))) for row in rows]


def _agrees(row: ExponentComparison, risk: float) -> bool | None:
    if row.predicted is None or row.fit is None:
        return None
    if not isinstance(row.predicted, Fraction) or row.fit.is_zero:
        return row.fit.is_zero and not isinstance(row.predicted, Fraction)
    distance = abs(row.fit.exponent - float(row.predicted))
    if distance > row.tolerance:
        return False if row.fit.risk(distance - row.tolerance) <= risk else None
    return True if row.fit.half_width(CONFIDENCE) <= row.tolerance else None


def _unmet(result: ModelResult, findings: Findings, tolerance: float) -> list[str]:
    """Requirements that training contradicts.  A gauge cannot be seen in training."""
    found = []
    for requirement in result.spec.requirements:
        if requirement.kind == Claim.POINT and requirement.richness is not None:
            wanted = float(requirement.richness)
            richness = findings.richness
            if richness is None:
                found.append(f"not {point_name(requirement.richness)}: {findings.regime}")
            elif abs(richness - wanted) > tolerance:
                found.append(f"not {point_name(requirement.richness)}: r = {richness:.2f}")
        elif requirement.kind == Claim.REGIME and requirement.value != findings.regime:
            found.append(f"not {requirement.value}: {findings.regime}")
    return found
