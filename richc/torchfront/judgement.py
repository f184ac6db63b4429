"""What the networks measured so far say, as data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from richc.lab.planning import RISK
from richc.lab.statistics import Fit
from richc.torchfront.evidence import AuditRow
from richc.torchfront.faults import AuditFault, interval_of
from richc.torchfront.own import Own


class Judgement(NamedTuple):
    """What the networks so far say."""

    faults: tuple[AuditFault, ...]
    #: Rows that count, and those of them that cannot be told.
    rows: tuple[AuditRow, ...]
    open: tuple[AuditRow, ...]
    own: dict[str, Own]
    #: None where it is nowhere on the scale.
    richness: float | None
    notes: tuple[str, ...]

    @property
    def risk(self) -> float:
        """A bound on how often this errs; rows of the same numbers err as one."""
        return sum(row.risk for row in self._apart())

    @property
    def is_settled(self) -> bool:
        """Whether more networks would tell no more than these."""
        return all(row.is_lost for row in self.open) and self.risk <= RISK

    def _apart(self) -> Iterable[AuditRow]:
        """The riskiest row of all with the same numbers."""
        rows = sorted(self.rows, key=lambda row: row.risk)
        return {(round(r.fit.exponent, 4), round(r.fit.error, 4)): r for r in rows}.values()

    @property
    def doubts(self) -> tuple[AuditRow, ...]:
        """What cannot be told; where all can, and the risk is too high, what that comes from."""
        left, found = self.risk, []
        for row in sorted(self._apart(), key=lambda one: -one.risk):
            if self.open or left <= RISK:
                break
            left -= row.risk
            measured = f"n^{row.fit.exponent:+.2f} ± {interval_of(row.fit):.2f}"
            what = f"{row.what}, {measured}, is told wrongly with a risk of {row.risk:.2g}"
            found.append(row._replace(what=what))
        return self.open or tuple(found)

    def shows(self, name: str) -> bool:
        """Whether a row of a parameter is off by what was measured, whatever was read."""
        rows = [row._replace(read=None) for row in self.rows if name in row.parameters]
        return any(row.side(len(self.rows)) for row in rows)

    def leaving(self, knobs: Iterable[tuple[str, str]]) -> Judgement:
        """The same with knobs open that measurements contradict each other on."""
        rows = [
            lost(f"the {knob} of `{name}`, which is off to the other side once mended", (name,))
            for name, knob in sorted(knobs)
        ]
        return self._replace(open=(*self.open, *rows))


def lost(what: str, parameters: tuple[str, ...]) -> AuditRow:
    """A row that no number of networks tells."""
    return AuditRow(what, parameters, Fit(0.0, math.inf, 1))
