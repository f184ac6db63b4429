"""R103: one update makes a representation grow with the width (D0)."""

from __future__ import annotations

from collections.abc import Iterator

from richc.algebra.formula import power
from richc.calculus.verdict import Breach
from richc.diagnostics import Diagnostic
from richc.rules.causes import readout
from richc.rules.common import cases, rate_place
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    for case in cases(context, "D0", Breach.UPDATE):
        of_its_own_size = context.model.optimizer_of(case.tensor).law.ignores_gradient_size
        yield Diagnostic(
            "R103",
            f"each update of {case.shown} makes its representation explode (D0)",
            rate_place(case),
            label=f"its own update of h ~ {power(case.violation.size)}, should be at most n^0",
            desideratum="D0",
            layer=case.name,
            labels=() if of_its_own_size else readout(context, case, "its gradient comes through"),
        )
