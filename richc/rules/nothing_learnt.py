"""R202: no update moves the output by order one (D1)."""

from __future__ import annotations

from collections.abc import Iterator

from richc.algebra.formula import power
from richc.algebra.sizes import largest
from richc.calculus.verdict import NOT_EVALUATED, Breach
from richc.diagnostics import Diagnostic
from richc.rules.common import cases, grown
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    for case in cases(context, "D1", Breach.STILL):
        later = context.verdict.flow.later
        shares = [largest(layer.df, layer.bias_df) for layer in later]
        best = max(range(len(shares)), key=lambda index: shares[index])
        name = context.model.layers[best].name
        if case.violation.excess is None:
            label = "no gradient reaches any weight that may move"
            help = "let the read-out start away from zero, or do not freeze it"
        else:
            size = power(case.violation.size)
            label = f"the largest share of its change, from `{name}`, ~ {size}"
            help = f"learning rates are too small by {power(-case.violation.excess)} at least"
        which = "deep" if grown(case.violation.size) == "the depth" else "wide"
        yield Diagnostic(
            "R202",
            f"{which} networks do not learn: no step moves the output (D1)",
            context.model.optimizer.place,
            label=label,
            desideratum="D1",
            layer=name,
            notes=("D2 and D3 are not evaluated: there is no change of the output to share",)
            if context.verdict.status("D3") == NOT_EVALUATED
            else (),
            help=help,
        )
