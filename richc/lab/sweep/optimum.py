"""Where the best value is at each width, and how it moves with the width.

A curve is the logarithm of the training loss over the octaves of the value.  A training that
diverged has learnt nothing: its loss is that of the best constant output, as is any that is larger.
The best value is the vertex of the parabola through the lowest point and its neighbours; each
seed's is one observation, and a line through them over log2 n has the drift as its slope.  The
interval takes the larger of two errors: of seeds at one width, and of the widths' means around the
line, in which the finite width is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import NamedTuple

from richc.calculus.drift import Drift
from richc.lab.statistics import t_quantile
from richc.lab.sweep.grid import coordinate, value
from richc.lab.sweep.runs import MOMENTUM, Run

CONFIDENCE = 0.95
#: How far a drift may be off, in powers of n: half of 1/4, what exponents usually differ by.
TOLERANCE = 1 / 8


class Best(NamedTuple):
    """At one width."""

    width: int
    #: On the grid, by the mean over seeds.
    value: float
    #: Between grid points, by the mean over seeds.
    refined: float
    #: Geometric mean over seeds at ``value``.
    loss: float
    #: No value beyond it was tried.
    at_edge: bool


class MeasuredOptimum(NamedTuple):
    """The best value goes as n^drift, give or take ``half_width`` at 95 %."""

    bests: tuple[Best, ...]
    drift: float
    #: inf where there is too little to tell.
    half_width: float
    #: The loss of the best constant output; inf where that is unknown.
    untrained: float
    #: The drift over the wider half of the widths.
    wide_drift: float

    @property
    def same_point(self) -> bool:
        """Whether the best value on the grid is the same at every width."""
        return len({best.value for best in self.bests}) == 1

    @property
    def is_open(self) -> bool:
        return self.half_width > 2 * TOLERANCE or any(best.at_edge for best in self.bests)

    @property
    def carries_over(self) -> bool | None:
        """Whether the best value stays; None where that cannot be told."""
        if abs(self.drift) - self.half_width > TOLERANCE:
            return False
        return None if self.is_open or abs(self.drift) > TOLERANCE else True

    def agrees(self, predicted: Drift | None) -> bool | None:
        """Whether the drift is the predicted one; None where there is none, or undecided."""
        if predicted is None:
            return None
        distance = predicted.distance(self.drift)
        if distance - self.half_width > TOLERANCE:
            return None if self.approaches(predicted) else False
        return None if self.is_open or distance > TOLERANCE else True

    def approaches(self, predicted: Drift) -> bool:
        """Whether the drift is short of the predicted one, and less so the wider the networks are.

        Predictions are of the limit.  Where one of a network's updates grows that is not yet the
        largest at the widths measured, the best value bends from one power of n to another.
        """
        near = predicted.nearest(self.drift)
        is_short = 0 < self.drift / near < 1 if near else False
        return is_short and (self.wide_drift - self.drift) / near > TOLERANCE / 2


def measure(runs: Sequence[Run], parameter: str, loss: str, outputs: int) -> MeasuredOptimum:
    """From the runs of a sweep, whose ``loss`` is of ``outputs`` outputs."""
    cap = _untrained(runs, loss, outputs)
    by_width: dict[int, dict[int, dict[float, float]]] = {}
    for run in runs:
        of_seed = by_width.setdefault(run.point.width, {}).setdefault(run.point.seed, {})
        of_seed[run.point.value] = math.log(max(min(run.loss, cap), 1e-300))
    bests = []
    places: dict[int, list[float]] = {}
    for width, seeds in sorted(by_width.items()):
        bests.append(best_of(width, list(seeds.values()), parameter))
        places[width] = [_vertex(curve, parameter) for curve in seeds.values()]
    drift, half_width = _line(places)
    wider = dict(list(places.items())[len(places) // 2 :]) if len(places) > 3 else places
    return MeasuredOptimum(tuple(bests), drift, half_width, cap, _line(wider)[0])


def best_of(width: int, curves: Sequence[Mapping[float, float]], parameter: str) -> Best:
    """The best value at one width, of curves (value -> log loss), one a seed."""
    shared = sorted(set.intersection(*(set(curve) for curve in curves)))
    mean = {v: fmean(curve[v] for curve in curves) for v in shared}
    lowest = min(shared, key=lambda v: mean[v])
    return Best(
        width,
        lowest,
        value(parameter, _vertex(mean, parameter)),
        math.exp(mean[lowest]),
        # No momentum is below 0.
        lowest in (shared[0], shared[-1]) and (parameter, lowest) != (MOMENTUM, 0.0),
    )


def _untrained(runs: Sequence[Run], loss: str, outputs: int) -> float:
    """The loss of the best constant output."""
    if loss == "cross_entropy":
        return math.log(outputs)
    # R^2 = 1 - loss / variance.
    variances = [
        run.train_loss / (1 - run.train_score)
        for run in runs
        if run.train_loss is not None and run.train_score is not None and run.train_score < 0.999
    ]
    return median([v for v in variances if math.isfinite(v)] or [math.inf])


def _vertex(curve: Mapping[float, float], parameter: str) -> float:
    """The octave at which a curve is lowest."""
    tried = sorted(curve)
    at = min(range(len(tried)), key=lambda i: curve[tried[i]])
    middle = coordinate(parameter, tried[at])
    if at in (0, len(tried) - 1):
        return middle
    (x0, y0), (x1, y1), (x2, y2) = (
        (coordinate(parameter, v), curve[v]) for v in tried[at - 1 : at + 2]
    )
    left, right = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
    if right == left:
        return middle
    # Between the middles of both intervals the slope goes from `left` to `right`.
    low, high = (x0 + x1) / 2, (x1 + x2) / 2
    return low - left * (high - low) / (right - left)


def _line(places: Mapping[int, Sequence[float]]) -> tuple[float, float]:
    """The slope over log2 n of octaves by width, and the half-width of its interval."""
    if len(places) < 2:
        return 0.0, math.inf
    x = {width: math.log2(width) for width in places}
    centre = fmean(x.values())
    spread = sum((x[width] - centre) ** 2 for width in places)
    means = {width: fmean(found) for width, found in places.items()}
    slope = sum((x[width] - centre) * means[width] for width in places) / spread
    middle = fmean(means.values())
    between = sum((means[w] - middle - slope * (x[w] - centre)) ** 2 for w in places)
    halves = []
    if len(places) > 2:
        freedom = len(places) - 2
        halves.append(_half(between / freedom / spread, freedom))
    freedom = sum(len(found) - 1 for found in places.values())
    if freedom:
        within = sum((p - means[w]) ** 2 for w, found in places.items() for p in found) / freedom
        variance = sum((x[w] - centre) ** 2 * within / len(found) for w, found in places.items())
        halves.append(_half(variance / spread**2, freedom))
    return slope, max(halves, default=math.inf)


def _half(variance: float, freedom: int) -> float:
    return math.sqrt(variance) * t_quantile(0.5 + CONFIDENCE / 2, freedom)
