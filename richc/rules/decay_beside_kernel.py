"""R605: weight decay moves representations that the gradient leaves alone (information).

A lazy network's representations move by n^(r - 1/2) a step, but a decay that shrinks each weight by
a share of order one a step shrinks them by as much: the kernel limit is that of training without
decay.  (Decay that enters Adam's normalised gradient does not do this.)
"""

from __future__ import annotations

from collections.abc import Iterator

from richc.algebra.formula import power
from richc.diagnostics import INFO, Diagnostic
from richc.rules.context import Context
from richc.rules.weight_decay import decay_place


def check(context: Context) -> Iterator[Diagnostic]:
    for layer, flow in zip(context.model.layers[:-1], context.verdict.flow.later, strict=False):
        tensor = layer.weight
        if tensor.frozen or tensor.decay.is_zero:
            continue
        shrink = context.rate(tensor) + context.size(tensor.decay)
        if shrink <= flow.dh:
            continue
        yield Diagnostic(
            "R605",
            "weight decay moves the representations, which the gradient of a lazy network does not",
            decay_place(context, tensor),
            label=f"decay shrinks h by {power(shrink)} a step, the gradient moves it by "
            f"{power(flow.dh)}",
            layer=layer.name,
            notes=("the kernel limit is that of training without decay",),
            severity=INFO,
        )
        return
