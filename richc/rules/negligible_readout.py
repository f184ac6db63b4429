"""R402: the read-out's own update vanishes beside the layers below it (D3)."""

from __future__ import annotations

from collections.abc import Iterator

from richc.algebra.formula import power
from richc.calculus.verdict import Breach
from richc.diagnostics import Diagnostic
from richc.rules.common import blocked, cases, rate_place
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    for case in cases(context, "D3", Breach.READOUT):
        flow = context.verdict.flow.later[-1]
        bias = "the bias of " if case.violation.of_bias else ""
        yield Diagnostic(
            "R402",
            f"the update of {bias}the read-out `{case.name}` is too small to matter (D3)",
            rate_place(case),
            label=f"its share of the output's change ~ {power(case.violation.size)}, "
            f"the whole ~ {power(flow.dh)}",
            desideratum="D3",
            layer=case.name,
            notes=("the output moves through the layers below only",),
            help=blocked(case),
        )
