"""R201: a layer's update makes the output explode (D1)."""

from __future__ import annotations

from collections.abc import Iterator

from richc.algebra.formula import power
from richc.calculus.verdict import Breach
from richc.diagnostics import Diagnostic
from richc.rules.causes import readout
from richc.rules.common import cases, rate_place
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    for case in cases(context, "D1", Breach.EXPLODES):
        yield Diagnostic(
            "R201",
            f"each update of {case.shown} makes the output explode (D1)",
            rate_place(case),
            label=f"its share of the output's change ~ {power(case.violation.size)}, "
            "should be at most n^0",
            desideratum="D1",
            layer=case.name,
            labels=readout(context, case, "it reaches the output through"),
        )
