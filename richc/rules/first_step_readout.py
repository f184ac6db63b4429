"""R203: the first step trains the read-out only (information)."""

from __future__ import annotations

from collections.abc import Iterator

from richc.diagnostics import INFO, Diagnostic
from richc.rules.context import Context
from richc.scaling.formula import power


def check(context: Context) -> Iterator[Diagnostic]:
    readout = context.model.layers[-1]
    flow = context.verdict.flow
    yield Diagnostic(
        "R203",
        "first-step-readout",
        INFO,
        "the first step trains the read-out only",
        context.place(readout, readout.weight, "std", "var"),
        label=f"the read-out starts at {power(context.network.stages[-1].weight.init)}, "
        f"below its own update ~ {power(flow.later[-2].gradient)}",
        layer=readout.name,
        notes=("from the second step on, every layer learns",),
    )
