"""A minimal set of statements that contradict each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

_T = TypeVar("_T")


def minimal_conflict(items: Sequence[_T], consistent: Callable[[Sequence[_T]], bool]) -> list[_T]:
    """A subset of inconsistent ``items`` of which every proper subset is consistent.

    ``consistent`` has to be monotone: it stays true when items are taken away.  QuickXplain
    (Junker 2004, AAAI): about 2 k log(m / k) questions for k of m items.
    """
    if not consistent([]):
        return []

    def explain(background: list[_T], changed: bool, rest: list[_T]) -> list[_T]:
        if changed and not consistent(background):
            return []
        if len(rest) == 1:
            return rest
        half = len(rest) // 2
        first, second = rest[:half], rest[half:]
        of_second = explain(background + first, bool(first), second)
        of_first = explain(background + of_second, bool(of_second), first)
        return of_first + of_second

    kept = set(map(id, explain([], False, list(items))))
    return [item for item in items if id(item) in kept]
