"""R203: the first step trains the read-out only, or what is above a weight that starts small."""

from __future__ import annotations

from collections.abc import Iterator

from richc.algebra.exponent import ONE
from richc.algebra.formula import power
from richc.diagnostics import INFO, Diagnostic
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    at = context.verdict.asleep
    layers = context.model.layers
    layer, (first, later) = layers[at], context.verdict.flow
    start = power(context.network.stages[at].weight.init)
    if layer is layers[-1]:
        what, name = "trains the read-out only", "the read-out"
        update = power(later[-2].gradient)
    else:
        what, name = f"trains nothing below `{layer.name}`", "its weight"
        # Its entries: n of them, aligned, pass on n times as much.
        update = power(later[at].gain + -ONE)
    # Weights wake from the output on, one a step.
    woken = sum(now.gain > then.gain for then, now in zip(first, later, strict=True))
    since = "the second step" if woken == 1 else f"step {woken + 1}"
    yield Diagnostic(
        "R203",
        f"the first step {what}",
        context.place(layer, layer.weight, "std", "var"),
        label=f"{name} starts at {start}, below its own update ~ {update}",
        layer=layer.name,
        notes=(f"from {since} on, every layer learns",),
        severity=INFO,
    )
