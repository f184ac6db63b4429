"""R301: a representation's update does not contribute to the output's change (D2)."""

from __future__ import annotations

from collections.abc import Iterator

from richc.algebra.formula import power
from richc.calculus.verdict import Breach
from richc.diagnostics import Diagnostic
from richc.rules.causes import readout
from richc.rules.common import blocked, cases, rate_place
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    for case in cases(context, "D2", Breach.USELESS):
        layer = context.verdict.flow.later[case.at]
        yield Diagnostic(
            "R301",
            f"the representation after {case.shown} does not learn (D2)",
            rate_place(case),
            label=f"Δh ~ {power(layer.dh)} moves the output by {power(case.violation.size)} only",
            desideratum="D2",
            layer=case.name,
            labels=readout(context, case, "it reaches the output through"),
            help=blocked(case),
        )
