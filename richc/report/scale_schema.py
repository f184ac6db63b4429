"""The JSON report of ``richc scale``, version 1: pydantic models, which are also its schema."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from richc._version import __version__
from richc.lab.outcome import Outcome
from richc.report.strict import FileName, Strict
from richc.report.verification_schema import fitted

if TYPE_CHECKING:
    from richc.lab import scale


class Values(Strict):
    """One quantity in several networks."""

    typical: float | None = Field(description="their geometric mean; null where there is none")
    values: list[float] = Field(description="those that did not diverge, in order of the seeds")


class Spot(Strict):
    """Networks of one width at one place of the scale; null for what is not evaluated."""

    richness: str
    gamma: str
    width: int
    networks: int
    diverged: int = Field(description="of the networks; they are left out below")
    features: Values = Field(
        description="RMS of the change of the last representation over its own"
    )
    kernel: Values = Field(description="Frobenius norm of the change of h hᵀ over that of h hᵀ")
    tangent_kernel: Values | None = Field(description="the same of the tangent kernel")
    distance: Values | None = Field(
        description="RMS of the outputs less those of the network linearised at init, over that of "
        "the outputs' change"
    )
    train_loss: Values
    held_out_loss: Values


class Row(Strict):
    """How a quantity grows with the width at one r: an exponent of n."""

    richness: str
    quantity: Literal["features", "kernel", "tangent_kernel", "distance"]
    predicted: str | None = Field(description="null where the theory has no exponent for it")
    measured: float | Literal["-inf"] | None = Field(
        description="-inf for what is zero; null where no two widths trained without divergence"
    )
    low: float | None
    high: float | None
    confidence: float = Field(description="of the interval from low to high")
    agrees: bool | None = Field(description="null where it is not judged, or undecided")


class Run(Strict):
    """How it was measured."""

    steps: int
    lr: float = Field(description="the optimizer's learning rate at the narrowest width")
    loss: Literal["cross_entropy", "mse"]
    examples: int = Field(description="in every batch: all that are trained on")
    held_out: int
    seeds: int
    seed: int
    base_width: int | None = Field(description="where all r are one network")
    data: FileName
    seconds: float


class ScaleReport(Strict):
    """What ``richc scale --format json`` prints."""

    version: Literal[1] = 1
    richc: str
    path: FileName
    model: str
    verdict: Outcome
    decide: str | None = Field(
        default=None, description="a command that would decide it; null where it is decided"
    )
    tolerance: float
    spots: list[Spot] = Field(description="by r, then by width")
    prefactors: list[Spot] = Field(description="at one width, by gamma")
    rows: list[Row]
    no_kernel: str | None = Field(description="why tangent kernel and distance are not evaluated")
    no_gammas: str | None = Field(description="why there is nothing by gamma")
    run: Run


def report(path: str, found: scale.RichnessSweep, decide: str | None = None) -> ScaleReport:
    """The report on one run; ``decide`` is the command that would decide it."""
    spec, settings = found.result.spec, found.settings
    return ScaleReport.of(
        found,
        richc=__version__,
        path=path,
        model=spec.name,
        verdict=found.outcome,
        decide=decide,
        tolerance=settings.tolerance,
        spots=[_spot(spot, found) for spot in found.spots],
        prefactors=[_spot(spot, found) for spot in found.prefactors],
        rows=[Row.of(row, **fitted(row.fit)) for row in found.rows],
        run=Run.of(
            found,
            steps=settings.steps,
            loss=spec.loss,
            seeds=settings.seeds,
            seed=settings.seed,
            base_width=spec.base_width,
        ),
    )


def _spot(spot: scale.Spot, found: scale.RichnessSweep) -> Spot:
    def values(quantity: str) -> Values:
        known = spot.values(quantity)
        return Values(typical=_typical(known), values=known)

    wants_kernel = ("tangent_kernel", "distance")
    return Spot.of(
        spot,
        networks=len(spot.travels),
        **{
            quantity: None
            if quantity in wants_kernel and found.no_kernel is not None
            else values(quantity)
            for quantity in ("features", "kernel", *wants_kernel, "train_loss", "held_out_loss")
        },
    )


def _typical(values: list[float]) -> float | None:
    if not values:
        return None
    if not all(values):
        return 0.0
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))


def number(rational: str) -> float:
    """Of a rational of the report."""
    return float(Fraction(rational))
