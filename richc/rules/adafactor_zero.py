"""R603: an optimizer with relative updates never moves a tensor that starts at zero.

The update is a multiple of RMS(W), bounded below by eps_2 only: Shazeer & Stern 2018
(arXiv 1804.04235), Algorithm 4.
"""

from __future__ import annotations

from collections.abc import Iterator

from richc.diagnostics import WARNING, Diagnostic
from richc.rules.common import trained
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    seen: set[tuple[str, bool]] = set()
    for item in trained(context):
        law = context.model.optimizer_of(item.tensor).law
        if not law.is_relative_to_weight:
            continue
        name = law.title
        floor = item.tensor.eps
        has_floor = floor is not None and not floor.is_zero
        if not item.tensor.std.is_zero or has_floor or item.statement in seen:
            continue
        seen.add(item.statement)
        yield Diagnostic(
            "R603",
            f"{item.shown} starts at zero, and {name} never moves it",
            context.place(item.layer, item.tensor, "std", "var"),
            label="each update is a multiple of RMS(W) = 0",
            layer=item.layer.name,
            help=f"give it a `std`, or {name} an `eps` (the floor of RMS(W))",
            severity=WARNING,
        )
