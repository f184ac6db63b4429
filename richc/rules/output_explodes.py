"""R201: a layer's update makes the output explode (D1)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from richc.diagnostics import ERROR, Diagnostic
from richc.rules.common import cases, excess, mend_rate, power, rate_place
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    for case in cases(context, "D1", "explodes"):
        own = context.verdict.flow.later[case.at]
        size = own.bias_own if case.violation.of_bias else own.own
        too_much = max(excess(case), size) if isinstance(size, Fraction) else excess(case)
        mend = mend_rate(context, case, -too_much)
        yield Diagnostic(
            "R201",
            "output-explodes",
            ERROR,
            f"each update of {case.shown} makes the output explode (D1)",
            rate_place(case),
            label=f"its share of the output's change ~ {power(case.violation.size)}, "
            "should be at most n^0",
            desideratum="D1",
            layer=case.name,
            help=mend.help,
            edits=mend.edits,
        )
