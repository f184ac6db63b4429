"""The JSON report of ``richc scale --over depth``, version 1: pydantic models, also its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from richc._version import __version__
from richc.lab.outcome import Outcome
from richc.report.schema import Desiderata
from richc.report.strict import FileName, Strict
from richc.report.verification_schema import Row, row_of

if TYPE_CHECKING:
    from richc.lab import depth_scale


class AlphaPoint(Strict):
    """The network at one alpha; its branches are times L^-alpha."""

    alpha: str | None = Field(description="null where the check gives branches no one power of L")
    verdict: Outcome
    desiderata: Desiderata = Field(description="as measured over the depth")
    rows: list[Row] = Field(description="exponents of L")
    networks: dict[int, int] = Field(description="by depth")
    judged_step: int = Field(description="1 where the first step explodes, else the last")
    rate: float = Field(description="times the file's learning rates")

    @property
    def layers(self) -> list[str]:
        """Every layer's name, from the input to the output: signals at init come first."""
        return list(dict.fromkeys(row.layer for row in self.rows))


class DepthScaleReport(Strict):
    """What ``richc scale --over depth --format json`` prints."""

    version: Literal[1] = 1
    richc: str
    path: FileName
    model: str
    verdict: Outcome
    decide: str | None = Field(description="a command that would decide it; null where decided")
    points: list[AlphaPoint] = Field(min_length=1, description="by alpha")
    width: int = Field(description="of all networks")
    steps: int
    seed: int
    data: FileName
    seconds: float


def report(path: str, found: depth_scale.DepthSweep, decide: str | None) -> DepthScaleReport:
    """The report on one run; ``decide`` is the command that would decide it."""
    return DepthScaleReport.of(
        found,
        richc=__version__,
        path=path,
        model=found.points[0].result.spec.name,
        verdict=found.outcome,
        decide=decide,
        points=[_point(point) for point in found.points],
        steps=found.settings.steps,
        seed=found.settings.seed,
    )


def _point(point: depth_scale.DepthPoint) -> AlphaPoint:
    grid = point.grid
    return AlphaPoint.of(
        grid,
        alpha=point.alpha,
        verdict=point.outcome,
        desiderata=dict(grid.findings.statuses),
        rows=[row_of(row) for row in grid.rows],
        networks=grid.counts,
        judged_step=grid.step,
    )
