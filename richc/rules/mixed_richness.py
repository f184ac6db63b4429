"""R507: the desiderata hold, and representations are of different richness."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from richc.algebra.exponent import ZERO
from richc.algebra.formula import power
from richc.diagnostics import WARNING, Diagnostic
from richc.rules.context import Context
from richc.rules.sentence import by_update


def check(context: Context) -> Iterator[Diagnostic]:
    flow = context.verdict.flow.later[:-1]
    # The richness is that of what is above, where gradients are largest, until a weight lets less
    # of them through than it would alone.
    above = next(i for i, (one, next_one) in enumerate(pairwise(flow), 1) if one.dh != next_one.dh)
    layer = context.model.layers[above]
    kinds = [
        f"{names} {'learns features' if size == ZERO else 'is lazy'} (Δh ~ {power(size)})"
        for size, names in by_update(context.model, context.verdict)
    ]
    yield Diagnostic(
        "R507",
        f"representations are of different richness: {', '.join(kinds)}",
        context.place(layer, layer.weight, "std", "var", "scale"),
        label=f"beside a bias of order one, this passes on n^{flow[above].gain} of a gradient",
        layer=layer.name,
        notes=("D0 to D3 hold, but this is no point of the richness scale: neither NTP nor μP",),
        help=f"give `{layer.name}` a std that keeps its signal without the bias, ~ n^-1/2, and the "
        "layers below rates to go with it (`lr = n^?` infers them)",
        severity=WARNING,
    )
