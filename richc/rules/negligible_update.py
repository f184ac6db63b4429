"""R401: a weight's update vanishes beside the rest of the update that follows it (D3)."""

from __future__ import annotations

from collections.abc import Iterator

from richc.algebra.formula import power
from richc.calculus.verdict import Breach
from richc.diagnostics import Diagnostic
from richc.rules.causes import dominant
from richc.rules.common import blocked, cases, rate_place
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    for case in cases(context, "D3", Breach.WEIGHT):
        layer = context.verdict.flow.later[case.at]
        if case.at and layer.carried >= layer.dh:
            below = context.model.layers[case.at - 1].name
            before = f"what `{below}`" if context.is_chain else "what stands before"
            note = f"its contribution vanishes beside {before} already changed"
        else:
            note = "its contribution vanishes beside that of the layer's other parameters"
        rate = context.rate(case.tensor)
        what = "Δb" if case.violation.of_bias else "ΔW·h" if case.at else "ΔW·x"
        yield Diagnostic(
            "R401",
            f"the update of {case.shown} is too small to matter (D3)",
            rate_place(case),
            label=f"lr ~ {power(rate)}; {what} ~ {power(case.violation.size)}, "
            f"but h's update ~ {power(layer.dh)}",
            desideratum="D3",
            layer=case.name,
            labels=dominant(context, case),
            notes=(note,),
            help=blocked(case),
        )
