"""R604: a relative rate that grows with the width is cut off by PyTorch.

It multiplies RMS(W) by min(rate, 1/sqrt(step)), so a rate ~ n^x with x > 0 ends
at 1: the exponents of the verdict then hold at moderate width only (tests/measured has figures).
"""

from __future__ import annotations

from collections.abc import Iterator

from richc.algebra.formula import power
from richc.diagnostics import WARNING, Diagnostic
from richc.rules.common import trained
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    seen: set[tuple[str, bool]] = set()
    for item in trained(context):
        law = context.model.optimizer_of(item.tensor).law
        if not law.torch.caps_rate:
            continue
        name = law.title
        rate = item.rate(context)
        if rate <= 0 or item.statement in seen:
            continue
        seen.add(item.statement)
        yield Diagnostic(
            "R604",
            f"the rate of {item.shown} grows with the width, and PyTorch's {name} cuts it off",
            context.place(item.layer, item.tensor, "lr"),
            label=f"rate ~ {power(rate)}, used is min(rate, 1/sqrt(step))",
            layer=item.layer.name,
            help=f"{name}'s updates are relative to RMS(W): a larger std does the same",
            severity=WARNING,
        )
