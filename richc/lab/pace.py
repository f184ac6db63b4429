"""How long a network of a width takes, learnt from those that were trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TypeVar

_Found = TypeVar("_Found")


class Listener:
    """Hears how training goes.  This one does nothing."""

    def begin(self, seconds: float) -> None:
        """Work of about so many seconds begins."""

    def done(self, seconds: float) -> None:
        """Work that was thought to take so long is done."""

    def end(self) -> None:
        """All of it is done."""


class Pace:
    """``cost`` says how much more one width takes than another."""

    def __init__(self, cost: Callable[[int], float]) -> None:
        self._cost = cost
        self._heard: dict[int, list[float]] = {}

    def train(
        self,
        jobs: Sequence[tuple[int, int]],
        train: Callable[[int], _Found],
        timed: int,
        listener: Listener,
    ) -> list[_Found]:
        """What ``train`` makes of the place of each job, which is a width and how many networks.

        Those up to the width ``timed`` that were not heard of, or the narrowest, come first: their
        time tells that of the others.
        """
        found: dict[int, _Found] = {}

        def do(at: int) -> None:
            began = time.perf_counter()
            width, count = jobs[at]
            found[at] = train(at)
            self._heard.setdefault(width, []).append((time.perf_counter() - began) / count)

        timed = max(timed, min((width for width, _ in jobs), default=0))
        for at in [i for i, (n, _) in enumerate(jobs) if n <= timed and n not in self._heard]:
            do(at)
        expected = {i: k * self._expect(n) for i, (n, k) in enumerate(jobs) if i not in found}
        listener.begin(sum(expected.values()))
        for at, seconds in expected.items():
            do(at)
            listener.done(seconds)
        listener.end()
        return [found[at] for at in range(len(jobs))]

    def _expect(self, width: int) -> float:
        """Seconds for one network; of a width that was not heard of, by the widest that was."""
        known = width if width in self._heard else max(self._heard)
        return fmean(self._heard[known]) * self._cost(width) / self._cost(known)
