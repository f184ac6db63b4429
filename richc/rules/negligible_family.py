"""R403: what all blocks' copies of a weight add together vanishes beside the rest (D3)."""

from __future__ import annotations

from collections.abc import Iterator

from richc.algebra.formula import power
from richc.calculus.verdict import Breach
from richc.diagnostics import Diagnostic
from richc.rules.common import blocked, cases, rate_place
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    for case in cases(context, "D3", Breach.FAMILY):
        excess = case.violation.excess
        rate = power(context.rate(case.tensor)) if not case.tensor.frozen else "0"
        yield Diagnostic(
            "R403",
            f"the updates of {case.shown}, of all blocks together, are too small to matter (D3)",
            rate_place(case),
            label=f"lr ~ {rate}; their share of the output's change ~ {power(case.violation.size)}",
            desideratum="D3",
            layer=case.name,
            help=blocked(case) if excess is None else f"they lack {power(-excess)}",
        )
