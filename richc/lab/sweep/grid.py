"""The values that a sweep tries: neighbours differ by a factor of 2."""

from __future__ import annotations

import math
from collections.abc import Sequence

from richc.lab.sweep.runs import MOMENTUM

#: How many values there are by default, and where among them the file's own stands.
COUNT, BELOW = 12, 6
#: Momenta: 0, 1/2, 3/4 ... 1 - 2^-7.
MOMENTA = 8
#: By how many values a grid grows beyond an end where the best one stands, and how often.
GROWTH, GROWTHS = 3, 3


def values(parameter: str, centre: float, count: int | None) -> tuple[float, ...]:
    """The default grid, in order."""
    if parameter == MOMENTUM:
        return tuple(1.0 - 2.0**-k for k in range(count or MOMENTA))
    count = count or COUNT
    below = BELOW * count // COUNT
    return tuple(centre * 2.0**k for k in range(-below, count - below))


def coordinate(parameter: str, value: float) -> float:
    """In octaves.  Of a momentum m: those of 1 / (1 - m), the steps that it averages over."""
    return -math.log2(1.0 - value) if parameter == MOMENTUM else math.log2(value)


def value(parameter: str, place: float) -> float:
    """The inverse of ``coordinate``."""
    return 1.0 - 2.0**-place if parameter == MOMENTUM else math.exp2(place)


def beyond(parameter: str, tried: Sequence[float], best: float) -> tuple[float, ...]:
    """Further values, where the best one tried is the first or the last; else none."""
    first, last = min(tried), max(tried)
    if parameter == MOMENTUM or len(tried) < 2 or best not in (first, last):
        return ()
    steps = range(1, GROWTH + 1)
    return tuple(first / 2.0**k if best == first else last * 2.0**k for k in steps)
