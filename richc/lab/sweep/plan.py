"""Which trainings are done together, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, zip_longest

from richc.lab.sweep.runs import GAMMA, Job, Point, Task, weights

#: Weights that a stack may hold.  On CPUs, what their caches hold of weights, gradients and the
#: optimizer's state: larger stacks are slower.  On GPUs, what keeps them busy.
_WEIGHTS = {"cpu": 2**20, "cuda": 2**26}


def tasks(job: Job, points: Iterable[Point], workers: int) -> list[Task]:
    """The trainings in stacks, those that take longest first, so that workers end together."""
    found: list[Task] = []
    ordered = sorted(points, key=lambda point: (-point.width, point.value, point.seed))
    for _, same in groupby(ordered, key=lambda point: _together(job, point)):
        found += _alternating(list(_stacks(job, list(same), workers)))
    return found


def _alternating(ordered: list[Task]) -> Iterator[Task]:
    """From both ends: large values diverge and end early, so that the first tell of the others."""
    middle = (len(ordered) + 1) // 2
    for task, other in zip_longest(ordered[:middle], reversed(ordered[middle:])):
        yield task
        if other is not None:
            yield other


def _together(job: Job, point: Point) -> tuple[float, ...]:
    # Gamma is in the multipliers, which the networks of a stack share.
    return (point.width, point.value) if job.parameter == GAMMA else (point.width,)


def _stacks(job: Job, points: list[Point], workers: int) -> Iterator[Task]:
    """Stacks of about equal size, as many for every worker."""
    most = max(1, _WEIGHTS[job.device] // weights(job.at(points[0].width)))
    rounds = -(-len(points) // (most * workers))
    count = min(rounds * workers, len(points))
    start = 0
    for index in range(count):
        stop = start + (len(points) - start) // (count - index)
        yield Task(tuple(points[start:stop]))
        start = stop
