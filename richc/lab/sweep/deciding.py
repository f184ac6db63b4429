"""What sweep should decide what another one left undecided."""

from __future__ import annotations

import math
from collections.abc import Sequence

from richc.lab.outcome import Outcome
from richc.lab.sweep import grid
from richc.lab.sweep.optimum import TOLERANCE
from richc.lab.sweep.runs import LR, MOMENTUM
from richc.lab.sweep.transfer import SEEDS, Transfer, TransferSettings, default_sizes

#: By how much an interval should be narrower than it has to be, and so many more seeds at most.
_MARGIN, _MOST_SEEDS = 0.8, 8
#: What part of an untrained network's loss is less than it.
_LEARNT = 0.999


def decisive(found: Transfer, settings: TransferSettings) -> TransferSettings | None:
    """The settings of a sweep that should decide; None where nothing is undecided.

    Values go on beyond those at an end, widths to those of the default or one more, seeds with the
    square of the interval.
    """
    if found.outcome is not Outcome.UNDECIDED:
        return None
    measured = found.measured
    tried = sorted({run.point.value for run in found.runs})
    ends = [tried[0], tried[-1]]
    further = {
        value
        for best in measured.bests
        if best.at_edge
        # Where nothing was learnt, the first of equals is the best one, and says no direction.
        for end in ([best.value] if best.loss < _LEARNT * measured.untrained else ends)
        for value in _beyond(found.job.parameter, tried, end)
    }
    if further:
        lr = None if found.job.parameter == LR else settings.lr
        values = tuple(sorted({*tried, *further}))
        settings = settings._replace(values=values, number=None, lr=lr)
    distance = abs(measured.drift) - TOLERANCE
    wanted = max(_MARGIN * (distance if distance > 0 else 2 * TOLERANCE), TOLERANCE / 4)
    if measured.half_width <= wanted and further:
        return settings
    widths = [best.width for best in measured.bests]
    known = math.isfinite(measured.half_width)
    more = min((measured.half_width / wanted) ** 2, _MOST_SEEDS) if known else 1
    seeds = max(SEEDS, math.ceil(settings.seeds * more))
    if widths[-1] < default_sizes(found.job)[-1]:
        return settings._replace(widths=None, seeds=seeds)
    return settings._replace(widths=(*widths, 2 * widths[-1]), seeds=seeds)


def _beyond(parameter: str, tried: Sequence[float], best: float) -> tuple[float, ...]:
    """Further values at that end; momenta, which a sweep does not add by itself, too."""
    if parameter != MOMENTUM:
        return grid.beyond(parameter, tried, best)
    if best == tried[0]:
        return (0.0,)
    last = grid.coordinate(MOMENTUM, best)
    return tuple(grid.value(MOMENTUM, last + k) for k in range(1, grid.GROWTH + 1))
