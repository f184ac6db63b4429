"""How long a network of a width takes, learnt from those that were trained."""

from __future__ import annotations

from collections.abc import Callable


class Pace:
    """``cost`` says how much more one width takes than another."""

    def __init__(self, cost: Callable[[int], float]) -> None:
        self._cost = cost
        self._seconds: dict[int, float] = {}

    def heard(self, width: int, seconds: float) -> None:
        """One network took so long."""
        self._seconds[width] = seconds

    def knows(self, width: int) -> bool:
        """Whether such networks were trained."""
        return width in self._seconds

    def expect(self, width: int) -> float:
        """Seconds for one network; of a width that was not heard of, by the widest that was."""
        if width in self._seconds or not self._seconds:
            return self._seconds.get(width, 0.0)
        known = max(self._seconds)
        return self._seconds[known] * self._cost(width) / self._cost(known)
