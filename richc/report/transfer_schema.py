"""The JSON report of ``richc transfer``, version 1: pydantic models, which are also its schema."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from richc._version import __version__
from richc.lab.growth import Growth
from richc.lab.outcome import Outcome
from richc.report.strict import FileName, Strict

if TYPE_CHECKING:
    from richc.lab.sweep.transfer import Transfer


class Training(Strict):
    """One training; null for what is not finite: with such a loss, it diverged."""

    width: int = Field(description="or the depth, in a sweep over depths")
    value: float = Field(description="of what is swept")
    seed: int
    train_loss: float | None
    test_loss: float | None
    train_score: float | None = Field(description="accuracy, or R²")
    test_score: float | None


class Best(Strict):
    """The best value at one width, by the training loss."""

    width: int = Field(description="or the depth")
    value: float = Field(description="of those tried")
    refined: float = Field(description="between them, by a parabola through the lowest three")
    loss: float = Field(description="geometric mean over seeds, at `value`")
    at_edge: bool = Field(description="no value beyond it was tried")


class Drift(Strict):
    """The best value goes as a power of n, or of L: measured and predicted exponents."""

    measured: float
    low: float | None = Field(description="of the interval; null where there is too little to tell")
    high: float | None
    confidence: float
    wide: float = Field(description="measured over the wider half of the widths")
    predicted_low: str | None = Field(description="a rational; null where nothing is predicted")
    predicted_high: str | None
    agrees: bool | None = Field(description="null where nothing is predicted, or undecided")
    approaches: bool = Field(
        description="short of the predicted one, but less so over the wider half of the widths"
    )


class Run(Strict):
    """How it was measured."""

    steps: int
    batch: int
    lr: float | None = Field(description="the optimizer's, where it is not swept; null: the file's")
    schedule: str
    optimizer: str
    loss: Literal["cross_entropy", "mse"]
    precision: str
    seeds: list[int]
    widths: list[int] = Field(description="or the depths")
    data: FileName
    device: str
    kept: int = Field(description="trainings that were done before, and read from -o's file")
    seconds: float


class TransferReport(Strict):
    """What ``richc transfer --format json`` prints."""

    version: Literal[1] = 1
    richc: str
    path: FileName
    model: str
    sentence: str = Field(description="the check's")
    parameter: Literal["lr", "init", "gamma", "momentum"]
    over: Growth = Field(Growth.WIDTH, description="what the networks differ in")
    verdict: Outcome
    decide: str | None = Field(
        default=None, description="a command that would decide it; null where it is decided"
    )
    carries_over: bool | None = Field(
        description="whether the best value stays at every width; null where that is undecided"
    )
    same_value: bool = Field(description="whether the best of the values tried is one at all")
    tolerance: float = Field(description="by how much an exponent may be off")
    drift: Drift
    bests: list[Best] = Field(description="by width")
    untrained_loss: float | None = Field(
        description="of the best constant output: what a training that diverged counts as"
    )
    trainings: list[Training] = Field(description="by width, value, seed")
    run: Run


def report(path: str, found: Transfer, decide: str | None = None) -> TransferReport:
    """The report on one sweep; ``decide`` is the command that would decide it."""
    from richc.lab.sweep.optimum import CONFIDENCE, TOLERANCE

    spec, job, measured = found.result.spec, found.job, found.measured
    known = measured.half_width if math.isfinite(measured.half_width) else None
    predicted = found.predicted
    drift = Drift(
        measured=measured.drift,
        low=None if known is None else measured.drift - known,
        high=None if known is None else measured.drift + known,
        confidence=CONFIDENCE,
        wide=measured.wide_drift,
        predicted_low=None if predicted is None else str(predicted.low),
        predicted_high=None if predicted is None else str(predicted.high),
        agrees=found.agrees,
        approaches=found.agrees is None
        and predicted is not None
        and measured.approaches(predicted),
    )
    run = Run.of(
        job,
        optimizer=spec.optimizer.name,
        loss=spec.loss,
        seeds=sorted({run.point.seed for run in found.runs}),
        widths=sorted({run.point.width for run in found.runs}),
        data=job.path.name,
        kept=found.kept,
        seconds=found.seconds,
    )
    return TransferReport.of(
        measured,
        richc=__version__,
        path=path,
        model=spec.name,
        sentence=found.result.sentence,
        parameter=job.parameter,
        over=job.over,
        verdict=found.outcome,
        decide=decide,
        same_value=measured.same_point,
        tolerance=TOLERANCE,
        drift=drift,
        untrained_loss=measured.untrained if math.isfinite(measured.untrained) else None,
        trainings=[Training.of(one, **one.point._asdict()) for one in found.runs],
        run=run,
    )
