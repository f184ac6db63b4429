"""R102: the output grows with the width at init (D0)."""

from __future__ import annotations

from collections.abc import Iterator

from richc.algebra.formula import power
from richc.calculus.verdict import Breach
from richc.diagnostics import Diagnostic
from richc.rules.common import cases, grown
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    for case in cases(context, "D0", Breach.OUTPUT):
        yield Diagnostic(
            "R102",
            f"the output grows with {grown(case.violation.size)} at init (D0)",
            context.place(case.layer, case.tensor, "std", "var", "scale"),
            label=f"f ~ {power(case.violation.size)} at init, should be at most n^0",
            desideratum="D0",
            layer=case.name,
        )
