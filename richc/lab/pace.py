"""How long a network of a width takes, learnt from those that were trained."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean


class Pace:
    """``cost`` says how much more one width takes than another."""

    def __init__(self, cost: Callable[[int], float]) -> None:
        self._cost = cost
        self._heard: dict[int, list[float]] = {}

    def heard(self, width: int, seconds: float) -> None:
        """One network took so long, or each of several."""
        self._heard.setdefault(width, []).append(seconds)

    def knows(self, width: int) -> bool:
        """Whether such networks were trained."""
        return width in self._heard

    def expect(self, width: int) -> float:
        """Seconds for one network; of a width that was not heard of, by the widest that was."""
        if not self._heard:
            return 0.0
        known = width if width in self._heard else max(self._heard)
        return fmean(self._heard[known]) * self._cost(width) / self._cost(known)
