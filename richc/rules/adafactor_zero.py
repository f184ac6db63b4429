"""R603: Adafactor never moves a tensor that starts at zero.

Its update is a multiple of RMS(W), bounded below by eps_2 only: Shazeer & Stern 2018
(arXiv 1804.04235), Algorithm 4.
"""

from __future__ import annotations

from collections.abc import Iterator

from richc.diagnostics import WARNING, Diagnostic
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    seen: set[tuple[str, bool]] = set()
    for layer in context.model.layers:
        for tensor, is_bias in ((layer.weight, False), (layer.bias, True)):
            if tensor is None or tensor.frozen or not tensor.std.is_zero:
                continue
            floor = tensor.eps
            if (floor is not None and not floor.is_zero) or (layer.statement, is_bias) in seen:
                continue
            seen.add((layer.statement, is_bias))
            shown = f"the bias of `{layer.name}`" if is_bias else f"`{layer.name}`"
            yield Diagnostic(
                "R603",
                "adafactor-zero",
                WARNING,
                f"{shown} starts at zero, and Adafactor never moves it",
                context.place(layer, tensor, "std", "var"),
                label="each update is a multiple of RMS(W) = 0",
                layer=layer.name,
                help="give it a `std`, or Adafactor an `eps` (the floor of RMS(W))",
            )
