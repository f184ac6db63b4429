"""``richc scale --over depth``: exponents in L measured along alpha, the power of a branch.

Branches of L blocks are times L^-alpha (docs/theory.md, "Residual stacks and depth"): alpha runs
from 1/2, Depth-μP, to 1, CompleteP.  At each point networks of several depths train as those of
``richc verify`` do, and the same rows are judged.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import torch

from richc.compilation import program as emit
from richc.lab.growth import Growth
from richc.lab.outcome import Outcome
from richc.lab.pace import Listener
from richc.lab.planning import DEPTHS, NARROW, deciding
from richc.lab.program import Program
from richc.lab.scale import NoScale
from richc.lab.verify import BATCH, Grid, VerifySettings, measure
from richc.pipeline import ModelResult, at_depth_exponent

#: From Depth-μP to CompleteP.
ALPHAS = (Fraction(1, 2), Fraction(3, 4), Fraction(1))


class DepthPoint(NamedTuple):
    """The network at one alpha."""

    #: None where the check gives the branches of the declared network no one power of L.
    alpha: Fraction | None
    result: ModelResult
    grid: Grid

    @property
    def answers(self) -> list[bool | None]:
        """None where nothing is predicted: nothing was tried then."""
        return [row.agrees for row in self.grid.rows if row.predicted is not None] or [None]

    @property
    def outcome(self) -> Outcome:
        return Outcome.of(self.answers)


class DepthSweep(NamedTuple):
    """All that one run found."""

    points: tuple[DepthPoint, ...]
    #: The width of every network.
    width: int
    settings: VerifySettings
    data: str
    seconds: float

    @property
    def outcome(self) -> Outcome:
        return Outcome.of(answer for point in self.points for answer in point.answers)

    @property
    def decisive(self) -> VerifySettings | None:
        """What should decide what is undecided; None where nothing is, or nothing would."""
        open_ones = [
            point
            for point in self.points
            if point.outcome is Outcome.UNDECIDED and point.result.verdict.is_decided
        ]
        if self.outcome is not Outcome.UNDECIDED or not open_ones:
            return None
        plans = [deciding(p.grid.counts, p.grid.needs, Growth.DEPTH) for p in open_ones]
        return self.settings._replace(
            depths=tuple(sorted({depth for plan in plans for depth in plan})),
            seeds=max(count for plan in plans for count in plan.values()),
        )


def depth_scale(
    result: ModelResult,
    alphas: Sequence[Fraction] | None,
    settings: VerifySettings,
    listener: Listener | None = None,
) -> DepthSweep:
    """Train and measure at each alpha; None for all of the scale that the file can be moved to.

    Raises NoScale, RichError for what the user has to mend.
    """
    began = time.perf_counter()
    points = _points(result, alphas)
    spec = result.spec
    depths = sorted(settings.depths or DEPTHS)
    (narrow,) = spec.fitting([NARROW])
    found, source = [], ""
    with torch.random.fork_rng(devices=[]):
        for alpha, moved in points:
            model = moved.spec._replace(width=narrow)
            program = Program(emit(moved, ["options"]), model, Growth.DEPTH)
            batch = program.batch(BATCH, settings.data, settings.target)
            grid = measure(moved, program, batch, depths, settings, listener)
            found.append(DepthPoint(alpha, moved, grid))
            source = batch.source
    return DepthSweep(tuple(found), narrow, settings, source, time.perf_counter() - began)


def _points(
    result: ModelResult, alphas: Sequence[Fraction] | None
) -> list[tuple[Fraction | None, ModelResult]]:
    """The network at every alpha; only the declared one where none can be moved.

    Raises NoScale.
    """
    spec = result.spec
    if spec.depth is None:
        raise NoScale(f"`{spec.name}` declares no depth to measure over: `depth L = 8`")
    declared = result.verdict.depth_exponent
    moved = {alpha: at_depth_exponent(result, alpha) for alpha in alphas or ALPHAS}
    fixed = [a for a, at in moved.items() if at is None or at.verdict.depth_exponent != a]
    if not fixed:
        return [(alpha, at) for alpha, at in moved.items() if at is not None]
    if alphas is None or tuple(alphas) == (declared,):
        return [(declared, result)]
    raise NoScale(
        f"`{spec.name}` cannot be moved to alpha = {fixed[0]}: `parameterization mup` and branches "
        "without a `scale` of their own can; without --points it is measured as it is"
    )
