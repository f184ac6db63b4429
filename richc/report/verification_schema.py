"""The JSON report of ``richc verify``, version 1: pydantic models, which are also its schema."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from richc._version import __version__
from richc.lab.outcome import Outcome
from richc.report.schema import Desiderata
from richc.report.strict import FileName, Strict

if TYPE_CHECKING:
    from richc.lab import verify
    from richc.lab.comparison import ExponentComparison
    from richc.lab.statistics import Fit


_Width = Annotated[int, Field(ge=1)]
_Rational = Annotated[str, Field(pattern=r"^-?[0-9]+(/[1-9][0-9]*)?$")]


class Row(Strict):
    """One exponent of n: rationals and zeros as in ``richc check``, measured ones as numbers."""

    quantity: Literal["h", "dh", "own", "df", "kernel", "state"]
    layer: str
    of_bias: bool
    step: int = Field(description="0 at init")
    predicted: _Rational | Literal["-inf"] | None = Field(
        description="null where the check does not evaluate it"
    )
    measured: float | Literal["-inf"] | None = Field(
        description="-inf for what is zero; null where it is zero in some networks only"
    )
    low: float | None
    high: float | None
    confidence: float = Field(description="of the interval from low to high")
    tolerance: float
    agrees: bool | None = Field(description="null where there is no prediction, or undecided")
    sizes: dict[_Width, float | None] = Field(
        description="geometric means of the RMS by width, or by depth"
    )
    symbol: Literal["n", "L"] = Field("n", description="what the exponents are of")


class Finding(Strict):
    """A desideratum that training breaks."""

    desideratum: Literal["D0", "D1", "D2", "D3", "D4"]
    layer: str | None
    message: str
    is_consequence: bool = Field(description="only because something else explodes")


class Fault(Strict):
    """The one thing at fault: a layer's init or rate is too large by n^excess."""

    layer: str
    knob: Literal["init", "rate"]
    excess: _Rational
    richness: _Rational = Field(description="where on the scale the model would be without it")


class Measured(Strict):
    """What training shows, whatever was predicted."""

    desiderata: Desiderata
    broken: list[Finding]
    regime: Literal["rich", "lazy", "mixed", "partial", "trivial", "unstable"]
    richness: float | None
    unmet: list[str] = Field(description="requirements of the file that training contradicts")
    fault: Fault | None


class DepthRun(Strict):
    """What ``Run`` has of widths, of depths."""

    networks: dict[_Width, int] = Field(description="by depth")
    width: int = Field(description="of all of them")
    judged_step: int
    rate: float


class Run(Strict):
    """How it was measured."""

    networks: dict[_Width, int] = Field(min_length=1, description="by width")
    steps: int
    judged_step: int = Field(description="1 where the first step explodes, else the last")
    seed: int
    rate: float = Field(description="times the file's learning rates")
    data: FileName
    risk: float = Field(description="a bound on how often such a run errs")
    seconds: float
    depth: DepthRun | None = Field(None, description="null for a model without a depth")


class VerificationReport(Strict):
    """What ``richc verify --format json`` prints."""

    version: Literal[1] = 1
    richc: str
    path: FileName
    model: str
    verdict: Outcome
    decide: str | None = Field(
        default=None, description="a command that would decide it; null where it is decided"
    )
    agrees: bool | None = Field(description="whether the check is right; null where undecided")
    measured: Measured
    rows: list[Row]
    run: Run

    def is_judged(self, row: Row) -> bool:
        """Whether it is of init, or of the step whose changes tell."""
        depth = self.run.depth
        step = depth.judged_step if row.symbol == "L" and depth else self.run.judged_step
        return row.step in (0, step)

    @property
    def nothing_predicted(self) -> bool:
        """Whether the check evaluates none of what is measured."""
        return all(row.predicted is None for row in self.rows)

    @property
    def layers(self) -> list[str]:
        """Every layer's name, from the input to the output: signals at init come first."""
        return list(dict.fromkeys(row.layer for row in self.rows))


def report(
    path: str, verification: verify.Verification, decide: str | None = None
) -> VerificationReport:
    """The report on one run; ``decide`` is the command that would decide it."""
    findings, fault = verification.findings, verification.fault
    first, *others = verification.grids
    agrees = False if verification.disagreeing else None if verification.open_rows else True
    return VerificationReport(
        richc=__version__,
        path=path,
        model=verification.result.spec.name,
        verdict=verification.outcome,
        decide=decide,
        agrees=agrees,
        measured=Measured.of(
            findings,
            desiderata=dict(findings.statuses),
            unmet=verification.unmet,
            fault=fault,
        ),
        rows=[row_of(row) for row in verification.rows],
        run=Run.of(
            verification,
            networks=first.counts,
            judged_step=first.step,
            rate=first.rate,
            risk=min(1.0, verification.risk),
            depth=_depth(verification, others[0]) if others else None,
        ),
    )


def _depth(verification: verify.Verification, grid: verify.Grid) -> DepthRun:
    return DepthRun(
        networks=grid.counts, width=verification.narrow, judged_step=grid.step, rate=grid.rate
    )


def row_of(row: ExponentComparison) -> Row:
    """One exponent as it is reported."""
    return Row.of(
        row,
        quantity=row.key.quantity,
        of_bias=row.key.of_bias,
        step=row.key.step,
        **fitted(row.fit),
        sizes={width: _size(size) for width, size in row.sizes.items()},
        symbol=row.growth.symbol,
    )


def fitted(fit: Fit | None, confidence: float = 0.95) -> dict[str, Any]:
    """What a row has of the exponent that was fitted, with its interval."""
    half = None if fit is None or fit.is_zero else fit.half_width(confidence)
    return {
        "measured": fit and ("-inf" if fit.is_zero else fit.exponent),
        "low": None if fit is None or half is None else fit.exponent - half,
        "high": None if fit is None or half is None else fit.exponent + half,
        "confidence": confidence,
    }


def _size(logarithm: float) -> float | None:
    """Of the logarithm; null for what no double holds."""
    return math.exp(logarithm) if logarithm < 700 else None
