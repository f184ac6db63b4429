"""``richc verify``: measured exponents beside predicted ones, and a verdict on both.

Networks of several widths train, and of several depths where the model has one; every quantity that
the theory has an exponent for is measured and fitted in each (richc.lab.statistics).  A row agrees
when its fitted exponent lies within the tolerance of the predicted one.  The risk of a run is the
sum over its rows of how likely the fitted exponent is off by more than that: it bounds how often a
model that is as predicted fails, and how often a row that is off by twice the tolerance passes.
Networks are drawn until it is below 1 in 100, and until no row is in doubt, or three times.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import torch

from richc.calculus.verdict import HOLDS, MIXED, NOT_EVALUATED, VIOLATED
from richc.compilation import program as emit
from richc.lab.comparison import ExponentComparison, compare, settled, tolerance_of
from richc.lab.coordinates import Key, Sizes
from richc.lab.experiment import Experiment
from richc.lab.exponents import MeasuredExponents, noise_of
from richc.lab.fault import Fault, find_fault
from richc.lab.findings import Findings, MeasuredDecision, representations
from richc.lab.growth import Growth
from richc.lab.outcome import Outcome
from richc.lab.pace import Listener, Pace
from richc.lab.planning import (
    DEPTHS,
    NARROW,
    RISK,
    SHALLOW,
    Need,
    Seeds,
    are_small,
    deciding,
    default_widths,
    more,
    plan,
    wanted_error,
)
from richc.lab.program import Batch, Program, rate_of
from richc.pipeline import ModelResult
from richc.rules.sentence import point_name
from richc.spec.model import Claim, Model
from richc.words import Regime

STEPS = 4
BATCH = 32
#: The most doubt that a row may be left in: how likely its exponent lies on the other side of the
#: tolerance than the fitted one.
DOUBT = 0.2
#: What a finding may owe to chance.
CHANCE = 0.05
#: The most rounds, each of which doubles the networks.
_ROUNDS = 3


class VerifySettings(NamedTuple):
    """What a run may choose; None leaves it to richc."""

    widths: tuple[int, ...] | None = None
    #: Of a model with a depth.
    depths: tuple[int, ...] | None = None
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


class Grid(NamedTuple):
    """What the networks trained in one direction say: widths, or depths at one width."""

    growth: Growth
    #: Networks by size.
    counts: dict[int, int]
    #: The multiple of the file's learning rates that was used.
    rate: float
    tolerance: float
    rows: tuple[ExponentComparison, ...]
    #: The step whose changes are judged: the first where that explodes, else the last.
    step: int
    findings: Findings
    #: What an exponent may be off by, chance included.
    allowed: float
    #: Where one thing is at fault for what is broken, or not as required.
    fault: Fault | None

    @property
    def risk(self) -> float:
        """A bound on how often it errs."""
        # Rows of the same numbers, as the read-out's two shares are, err as one.
        return sum({row.fit: row.risk for row in self.rows if row.predicted is not None}.values())

    @property
    def is_enough(self) -> bool:
        return self.risk <= RISK and all(row.doubt <= DOUBT for row in self.rows)

    @property
    def needs(self) -> list[Need]:
        """What it takes to decide the rows that are open."""
        judged = sum(row.predicted is not None for row in self.rows)
        return [
            Need(
                noise_of(row.key, row.is_output, self.growth),
                row.fit.error,
                wanted_error(row.tolerance, judged),
            )
            for row in self.rows
            if row.is_open and row.fit is not None
        ]


class Verification(NamedTuple):
    """All that one run found."""

    result: ModelResult
    #: Over widths first.
    grids: tuple[Grid, ...]
    #: The width of networks whose depths differ.
    narrow: int
    seed: int
    steps: int
    data: str
    seconds: float
    settings: VerifySettings

    @property
    def rows(self) -> list[ExponentComparison]:
        return [row for grid in self.grids for row in grid.rows]

    @property
    def findings(self) -> Findings:
        """What training breaks in any direction."""
        first, *others = (grid.findings for grid in self.grids)
        return _both(first, others[0]) if others else first

    @property
    def unmet(self) -> list[str]:
        """What the file requires and training does not show, in words."""
        return _unmet(self.result, self.findings, self.grids[0].allowed)

    @property
    def counts(self) -> dict[int, int]:
        """Networks by width."""
        return self.grids[0].counts

    @property
    def fault(self) -> Fault | None:
        return self.grids[0].fault

    @property
    def risk(self) -> float:
        """A bound on how often such a run errs."""
        return sum(grid.risk for grid in self.grids)

    @property
    def disagreeing(self) -> list[ExponentComparison]:
        return [row for row in self.rows if row.agrees is False]

    @property
    def open_rows(self) -> list[ExponentComparison]:
        return [row for row in self.rows if row.is_open]

    @property
    def outcome(self) -> Outcome:
        """FAIL for what is measured otherwise, or breaks a desideratum or requirement.

        D4 is a matter of choice, unless it is required.
        """
        agree = (row.agrees for row in self.rows if row.predicted is not None)
        hold = (
            {VIOLATED: False, NOT_EVALUATED: None}.get(status, True)
            for name, status in self.findings.statuses
            if name != "D4"
        )
        return Outcome.of((*agree, *hold, not self.unmet))

    @property
    def passes(self) -> bool:
        return self.outcome is Outcome.PASS

    @property
    def decisive(self) -> VerifySettings | None:
        """What should decide what is undecided; None where nothing is, or nothing would."""
        if self.outcome is not Outcome.UNDECIDED or not self.result.verdict.is_decided:
            return None
        if not self.open_rows:
            return None  # On the way from one phase to the other, however many are drawn.
        settings = self.settings
        if (settings.widths or settings.depths or settings.seeds) and not isinstance(
            settings.seeds, tuple
        ):
            # Left to richc, more are drawn where something is in doubt.
            return settings._replace(widths=None, depths=None, seeds=None)
        width, *depth = (deciding(grid.counts, grid.needs, grid.growth) for grid in self.grids)
        seeds = (*width.values(), *(count for counts in depth for count in counts.values()))
        depths = tuple(depth[0]) if depth else None
        return settings._replace(widths=tuple(width), depths=depths, seeds=seeds)


def _both(width: Findings, depth: Findings) -> Findings:
    """What is broken in either; the richness and, where both are sound, the regime in n."""
    of_depth = dict(depth.statuses)
    worst = (VIOLATED, NOT_EVALUATED, HOLDS)
    statuses = tuple(
        (name, min(status, of_depth[name], key=worst.index)) for name, status in width.statuses
    )
    ranks = (Regime.UNSTABLE, Regime.TRIVIAL, Regime.PARTIAL, MIXED)
    regime = next((r for r in ranks if r in (width.regime, depth.regime)), width.regime)
    return Findings(
        statuses,
        (*width.broken, *depth.broken),
        None if depth.richness is None else width.richness,
        regime,
        width.explodes or depth.explodes,
    )


def verify(
    result: ModelResult, settings: VerifySettings, listener: Listener | None = None
) -> Verification:
    """Measure a model, whatever its verdict.

    Raises RichError for what the user has to mend.
    """
    began = time.perf_counter()
    text = emit(result, ["options"])
    spec = result.spec
    widths = sorted(settings.widths or default_widths(_shallow(spec)))
    sizes = {Growth.WIDTH: widths}
    models = {Growth.WIDTH: _shallow(spec)}
    (narrow,) = spec.fitting([min(NARROW, widths[-1])])
    if spec.depth is not None:
        sizes[Growth.DEPTH] = sorted(settings.depths or DEPTHS)
        models[Growth.DEPTH] = spec._replace(width=narrow)
    seeds = settings.seeds
    grids: list[Grid] = []
    batch: Batch | None = None
    with torch.random.fork_rng(devices=[]):
        for growth, model in models.items():
            program = Program(text, model, growth)
            batch = batch or program.batch(BATCH, settings.data, settings.target)
            its, count = settings, len(sizes[growth])
            if isinstance(seeds, tuple):
                its, seeds = settings._replace(seeds=seeds[:count]), seeds[count:]
            grids.append(measure(result, program, batch, sizes[growth], its, listener))
    assert batch is not None
    return Verification(
        result,
        tuple(grids),
        narrow,
        settings.seed,
        settings.steps,
        batch.source,
        time.perf_counter() - began,
        settings,
    )


def _shallow(spec: Model) -> Model:
    """As deep as networks are whose widths differ."""
    if spec.depth is None:
        return spec
    return Growth.DEPTH.at(spec, min(SHALLOW, spec.depth.value))


def measure(
    result: ModelResult,
    program: Program,
    batch: Batch,
    planned_sizes: list[int],
    settings: VerifySettings,
    listener: Listener | None,
) -> Grid:
    """Train networks of these sizes until there is enough to tell, or no more is asked for."""
    experiment = Experiment(program, batch, settings.steps, settings.seed, settings.with_state)
    growth, listener = program.over, listener or Listener()
    tolerance = settings.tolerance or tolerance_of(result, growth)
    experiment.refuse_too_large(planned_sizes[-1])
    if settings.lr is None:
        rate = experiment.choose_rate(planned_sizes)
    else:
        rate = settings.lr / rate_of(result.spec)
    experiment.compare_with_plain_loop(planned_sizes[0], rate)
    planned = plan(planned_sizes, settings.seeds, tolerance, experiment.power, growth)
    counts = dict.fromkeys(planned_sizes, 0)
    sizes: dict[int, Sizes] = {}
    pace = Pace(experiment.cost)
    rounds = 0
    while True:
        rounds += 1
        lacking = {n: range(counts[n], k) for n, k in planned.items() if k > counts[n]}
        counts = planned
        for size, found in experiment.train(lacking, rate, pace, listener).items():
            sizes[size] = _joined(sizes.get(size), found)
        grid = _evidence(result, sizes, settings.steps, tolerance, growth)
        if grid.is_enough or settings.seeds is not None or rounds == _ROUNDS:
            return grid._replace(counts=counts, rate=rate)
        planned = more(counts, growth)


def _evidence(
    result: ModelResult, sizes: dict[int, Sizes], steps: int, tolerance: float, growth: Growth
) -> Grid:
    exponents = MeasuredExponents(sizes, len(result.spec.layers) - 1, tolerance, growth)
    step, findings = _findings(result, exponents, steps, tolerance)
    allowed = tolerance + exponents.chance(step, CHANCE)
    fault = None
    if findings.broken or _unmet(result, findings, allowed):
        points = [r.richness for r in result.spec.requirements if r.kind == Claim.POINT]
        richness = points[0] if points else result.spec.richness
        measured = exponents.measured(_names(result), step)
        fault = find_fault(measured, result.spec, richness, 2 * tolerance)
    rows = compare(result, exponents, step, findings.explodes, tolerance)
    return Grid(growth, {}, 1.0, tolerance, tuple(rows), step, findings, allowed, fault)


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
    places = representations(result.context.network)

    def found(at: int) -> Findings:
        known: dict[Key, float] = {}
        if are_small(result.spec):
            # Sizes are too few to compare two fitted exponents.
            known = settled(result, compare(result, exponents, at, False, tolerance))
        # Where all are known, the tolerance is half way between two powers already.
        allowed = tolerance + exponents.chance(at, CHANCE, known)
        measured = exponents.measured(names, at, known)
        decision = MeasuredDecision(measured, places, exponents.growth, allowed, result.verdict)
        return decision.findings()

    first = found(1)
    if first.explodes or steps == 1:
        return 1, first
    return steps, found(steps)


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
        elif requirement.kind == Claim.DEPTH and requirement.alpha == 1:
            if dict(findings.statuses).get("D4") == VIOLATED:
                found.append(f"not {requirement.value}: D4 is broken")
        elif requirement.kind == Claim.REGIME and requirement.value != findings.regime:
            found.append(f"not {requirement.value}: {findings.regime}")
    return found
