"""R604: an Adafactor rate that grows with the width is cut off by PyTorch.

torch.optim.Adafactor multiplies RMS(W) by min(rate, 1/sqrt(step)), so a rate ~ n^x with x > 0 ends
at 1: the exponents of the verdict then hold at moderate width only (tests/measured has figures).
"""

from __future__ import annotations

from collections.abc import Iterator

from richc.diagnostics import WARNING, Diagnostic
from richc.rules.common import power
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    seen: set[tuple[str, bool]] = set()
    for layer in context.model.layers:
        for tensor, is_bias in ((layer.weight, False), (layer.bias, True)):
            if tensor is None or tensor.frozen or (layer.statement, is_bias) in seen:
                continue
            rate = context.size(context.model.optimizer.lr) + context.size(tensor.lr)
            if rate <= 0:
                continue
            seen.add((layer.statement, is_bias))
            shown = f"the bias of `{layer.name}`" if is_bias else f"`{layer.name}`"
            yield Diagnostic(
                "R604",
                "adafactor-rate",
                WARNING,
                f"the rate of {shown} grows with the width, and PyTorch's Adafactor cuts it off",
                context.place(layer, tensor, "lr"),
                label=f"rate ~ {power(rate)}, used is min(rate, 1/sqrt(step))",
                layer=layer.name,
                help="Adafactor's updates are relative to RMS(W): a larger std does the same",
            )
