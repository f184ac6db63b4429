"""What a measurement says of what was claimed."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """The verdict on a claim, with its sign and the exit code of the command that measured."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNDECIDED = "undecided"

    @staticmethod
    def of(answers: Iterable[bool | None]) -> Outcome:
        """FAIL where one answer is no; else UNDECIDED where one is missing; else PASS."""
        known = set(answers)
        if False in known:
            return Outcome.FAIL
        return Outcome.UNDECIDED if None in known else Outcome.PASS

    @property
    def sign(self) -> str:
        return {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.UNDECIDED: "?"}[self]

    @property
    def exit_code(self) -> int:
        return {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.UNDECIDED: 4}[self]
