"""R103: one update makes a representation grow with the width (D0)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from richc.diagnostics import ERROR, Diagnostic
from richc.rules.common import cases, excess, mend_rate, power, rate_place
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    for case in cases(context, "D0", "update"):
        layer = context.verdict.flow.later[case.at]
        df = layer.bias_df if case.violation.of_bias else layer.df
        # The output may explode faster than the representation: mend both at once.
        too_much = max(excess(case), df) if isinstance(df, Fraction) else excess(case)
        mend = mend_rate(context, case, -too_much)
        yield Diagnostic(
            "R103",
            "update-explodes",
            ERROR,
            f"each update of {case.shown} makes its representation explode (D0)",
            rate_place(case),
            label=f"its own update of h ~ {power(case.violation.size)}, should be at most n^0",
            desideratum="D0",
            layer=case.name,
            help=mend.help,
            edits=mend.edits,
        )
