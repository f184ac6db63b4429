"""``richc scale``: one network trained from the lazy end of the richness scale to the rich one.

Karkada 2024, arXiv 2404.19719, section 4, and docs/theory.md, "The richness scale": with all
desiderata kept, what is left is one degree of freedom, the activity alpha = gamma n^r.  Training
then changes a representation by n^(r - 1/2) an entry, and its kernel by n^(2r - 1); at r = 0 the
network becomes its own kernel regression as n grows, at r = 1/2 it never does.  At one width, gamma
moves along the same scale.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import torch

from richc.calculus.verdict import VIOLATED
from richc.compilation import program as emit
from richc.diagnostics import RichError
from richc.emit.plan import depends_on_gamma, depends_on_richness
from richc.lab.experiment import Experiment
from richc.lab.movement import Recipe, Travel, no_kernel, travel
from richc.lab.outcome import Outcome
from richc.lab.pace import Listener, Pace
from richc.lab.program import Batch, Program, rate_of, seed_of
from richc.lab.statistics import PRIOR_VARIANCE, Fit, Noise, expected_error, fit
from richc.lab.sweep.runs import weights
from richc.pipeline import ModelResult

POINTS = tuple(Fraction(eighths, 8) for eighths in range(5))
WIDTHS = (64, 128, 256, 512)
GAMMAS = tuple(Fraction(2) ** power for power in range(-2, 4))
SEEDS, STEPS, EXAMPLES = 3, 100, 128
#: Held-out examples, at most.
HELD_OUT = 1024
#: How far off a fitted exponent may be.
TOLERANCE = 1 / 8
#: Of the intervals.  One twice as wide as the tolerance tells the ends of the scale apart, no more.
CONFIDENCE = 0.95
#: How much narrower an interval should be than it has to be, and by what rates are divided at which
#: networks diverged.
_MARGIN, _SLOWER = 0.8, 8
_NOISE = Noise(crosses=False)
#: What a network takes whatever its width is, in weights; measured on a CPU.
_OVERHEAD = 340_000
#: The width whose time tells that of wider ones.
_TIMED = 128

#: Quantities whose exponent is fitted; those that want a tangent kernel last.
FITTED = ("features", "kernel", "tangent_kernel", "distance")


class NoScale(RichError):
    """The file has no such scale to move along; ``str(error)`` is one line for the user."""


class ScaleSettings(NamedTuple):
    """What a run may choose; None leaves it to richc."""

    points: tuple[Fraction, ...] | None = None
    widths: tuple[int, ...] = WIDTHS
    gammas: tuple[Fraction, ...] | None = None
    seeds: int = SEEDS
    #: Of all that is drawn by chance.
    seed: int = 0
    steps: int = STEPS
    examples: int = EXAMPLES
    #: The optimizer's learning rate; None for the file's.
    lr: float | None = None
    data: Path | None = None
    target: str | None = None
    tolerance: float = TOLERANCE


class Spot(NamedTuple):
    """Networks of one width at one place of the scale; None for those that diverged."""

    richness: Fraction
    gamma: Fraction
    width: int
    travels: tuple[Travel | None, ...]

    def values(self, quantity: str) -> list[float]:
        """Of the networks that did not diverge; none where it is not evaluated."""
        found = [getattr(travel, quantity) for travel in self.travels if travel is not None]
        return [value for value in found if value is not None]

    @property
    def diverged(self) -> int:
        return sum(travel is None for travel in self.travels)


class Row(NamedTuple):
    """How one quantity grows with the width at one r."""

    richness: Fraction
    quantity: str
    #: None where the theory has no exponent.
    predicted: Fraction | None
    #: None where too few widths trained without divergence.
    fit: Fit | None
    #: None where there is no prediction, or the interval is too wide to tell.
    agrees: bool | None


class RichnessSweep(NamedTuple):
    """All that one run found."""

    result: ModelResult
    spots: tuple[Spot, ...]
    #: The same at one width, by gamma.
    prefactors: tuple[Spot, ...]
    rows: tuple[Row, ...]
    #: Why there is no tangent kernel; None where there is one.
    no_kernel: str | None
    #: Why there is nothing by gamma; None where there is.
    no_gammas: str | None
    settings: ScaleSettings
    #: The optimizer's learning rate at the narrowest width.
    lr: float
    #: How many there were of what was asked for.
    examples: int
    held_out: int
    data: str
    seconds: float

    @property
    def judged(self) -> list[Row]:
        """The verdict's rows: how features change, at every r."""
        return [row for row in self.rows if row.quantity == "features"]

    @property
    def outcome(self) -> Outcome:
        return Outcome.of(row.agrees for row in self.judged)

    @property
    def decisive(self) -> ScaleSettings | None:
        """What should decide what is undecided; None where nothing is.

        A lower rate where networks diverged; else more networks, and wider ones.
        """
        if self.outcome is not Outcome.UNDECIDED:
            return None
        if any(spot.diverged for spot in self.spots):
            # Of the file's own where another was chosen.
            return self.settings._replace(
                lr=self.lr / _SLOWER if self.settings.lr is None else None
            )
        widths, seeds = self.settings.widths, self.settings.seeds
        before = expected_error(dict.fromkeys(widths, seeds), _NOISE, PRIOR_VARIANCE[1])
        half = max(
            row.fit.half_width(CONFIDENCE) if row.fit is not None else math.inf
            for row in self.judged
            if row.agrees is None
        )
        wanted = _MARGIN * 2 * self.settings.tolerance
        longer, more = widths, 1
        for more, wider in ((2, 0), (2, 1), (4, 1), (4, 2), (8, 2), (8, 3)):
            longer = (*widths, *(widths[-1] * 2 ** (k + 1) for k in range(wider)))
            after = expected_error(dict.fromkeys(longer, more * seeds), _NOISE, PRIOR_VARIANCE[1])
            if half * after / before <= wanted:
                break
        return self.settings._replace(widths=longer, seeds=more * seeds)


def scale(
    result: ModelResult, settings: ScaleSettings, listener: Listener | None = None
) -> RichnessSweep:
    """Train and measure.

    Raises NoScale, RichError for what the user has to mend.
    """
    began = time.perf_counter()
    points, gammas, no_gammas = _places(result, settings)
    spec = result.spec
    program = Program(emit(result, ["options"]), spec)
    data = program.halves(settings.examples, HELD_OUT, settings.data, settings.target)
    batch = Batch(data.x, data.y, data.source)
    widest = max(settings.widths)
    Experiment(program, batch, settings.steps, settings.seed, False).refuse_too_large(widest)
    recipe = Recipe(program, data, settings.steps, settings.lr)

    narrowest = min(settings.widths)
    at = spec.base_width or narrowest
    assert spec.richness is not None, "it depends on r"
    jobs = [(n, r, spec.gamma) for n in sorted(settings.widths) for r in points]
    extra = [(at, spec.richness, gamma) for gamma in gammas]
    with torch.random.fork_rng(devices=[]):
        spots = _train(recipe, [*jobs, *extra], settings, listener or Listener())
    main, prefactors = spots[: len(jobs)], spots[len(jobs) :]
    reason = no_kernel(recipe)
    rows = [_rows(r, main, settings.tolerance, reason is None) for r in points]
    return RichnessSweep(
        result,
        tuple(sorted(main, key=lambda spot: (spot.richness, spot.width))),
        tuple(prefactors),
        tuple(chain.from_iterable(rows)),
        reason,
        no_gammas,
        settings,
        rate_of(program.at(narrowest)) if settings.lr is None else settings.lr,
        len(data.x),
        len(data.held_out_x),
        data.source,
        time.perf_counter() - began,
    )


def _places(
    result: ModelResult, settings: ScaleSettings
) -> tuple[list[Fraction], list[Fraction], str | None]:
    """Every r and every gamma to train at, and why there is no gamma.  Raises NoScale."""
    spec = result.spec
    if not spec.layers[0].fan_out.wide:
        raise NoScale(f"`{spec.name}` has no hidden layer whose features could change")
    if spec.richness is None or not depends_on_richness(spec):
        raise NoScale(
            f"the inits and rates of `{spec.name}` do not depend on r, so there is no scale to "
            "move along: write `parameterization rich(r = 1/2)` in place of their formulas, or "
            "`richness r = 1/2` and formulas with alpha"
        )
    low, high = spec.interval or (Fraction(0), Fraction(1, 2))
    points = sorted(settings.points or (r for r in POINTS if low <= r <= high))
    outside = [r for r in points if not low <= r <= high]
    if outside or not points:
        shown = outside[0] if outside else POINTS[0]
        raise NoScale(
            f"`{spec.name}` is for r in [{low}, {high}], and {shown} is not: see --points"
        )
    _refuse_off_the_scale(result, points)
    if depends_on_gamma(spec):
        return points, sorted(GAMMAS if settings.gammas is None else settings.gammas), None
    why = f"`{spec.name}` does not depend on gamma"
    if settings.gammas:
        raise NoScale(f"{why}: --gammas is for files whose formulas have alpha or gamma")
    return points, [], why


def _train(
    recipe: Recipe,
    places: Sequence[tuple[int, Fraction, Fraction]],
    settings: ScaleSettings,
    listener: Listener,
) -> list[Spot]:
    """Every network."""

    def train(at: int) -> Spot:
        n, r, gamma = places[at]
        # The same for every r and gamma: such networks differ in nothing else.
        seeds = [seed_of("scale", settings.seed, n, index) for index in range(settings.seeds)]
        travels = [travel(recipe, n, float(r), float(gamma), seed) for seed in seeds]
        return Spot(r, gamma, n, tuple(travels))

    pace = Pace(lambda width: _OVERHEAD + weights(recipe.program.at(width)))
    jobs = [(n, settings.seeds) for n, _, _ in places]
    return pace.train(jobs, train, _TIMED, listener)


def _refuse_off_the_scale(result: ModelResult, points: Iterable[Fraction]) -> None:
    """What is off it at some r has other exponents there.  Raises NoScale."""
    for r in points:
        at = result.context.at(r).verdict
        if at.richness == r:
            continue
        failing = [name for name, status in at.statuses if status == VIOLATED]
        verb = "fails" if len(failing) == 1 else "fail"
        why = f" ({', '.join(failing)} {verb})" if failing else ""
        raise NoScale(
            f"`{result.spec.name}` is not on the richness scale at r = {r}{why}: `richc check` "
            "says more, and `richc verify` measures it as it is"
        )


def _rows(
    richness: Fraction,
    spots: Iterable[Spot],
    tolerance: float,
    has_kernel: bool,
) -> list[Row]:
    """The exponents at one r, over the widths at which no network diverged."""
    found = []
    predictions = {"features": richness - Fraction(1, 2), "kernel": 2 * richness - 1}
    at = [spot for spot in spots if spot.richness == richness and not spot.diverged]
    for quantity in FITTED if has_kernel else FITTED[:2]:
        sizes = {spot.width: _logs(spot.values(quantity)) for spot in at}
        fitted = fit(sizes, _NOISE) if len(sizes) > 1 else None
        predicted = predictions.get(quantity)
        agrees = _agrees(predicted, fitted, tolerance) if quantity == "features" else None
        found.append(Row(richness, quantity, predicted, fitted, agrees))
    return found


def _logs(values: Sequence[float]) -> torch.Tensor:
    logs = [math.log(value) if value else -math.inf for value in values]
    return torch.tensor(logs, dtype=torch.float64)


def _agrees(predicted: Fraction | None, fitted: Fit | None, tolerance: float) -> bool | None:
    if predicted is None or fitted is None:
        return None
    distance = abs(fitted.exponent - float(predicted))
    half = fitted.half_width(CONFIDENCE)
    if half > 2 * tolerance:
        # Too few widths to say yes, but perhaps enough to say no.
        return False if distance - half > tolerance else None
    return distance <= tolerance
