"""R601: Adam's epsilon outgrows the gradient that it is added to.

At large width such a layer is trained by SGD with rate eta / eps, not by Adam: see Everett et al.
2024 (arXiv 2407.05872), section 4.3, on epsilon underflow, of which this is the exact form.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from richc.diagnostics import WARNING, Diagnostic
from richc.rules.common import power
from richc.rules.context import Context
from richc.scaling.sizes import ZERO_SIZE
from richc.spec.carried import gradient_exponents
from richc.spec.model import Tensor


def check(context: Context) -> Iterator[Diagnostic]:
    if context.verdict.status("D1") == "not_evaluated":
        return  # The gradient's size is not known either.
    seen: set[tuple[str, bool]] = set()
    exponents = gradient_exponents(context.model)
    for index, (layer, sizes) in enumerate(zip(context.model.layers, exponents, strict=True)):
        if context.verdict.flow.later[index].gradient is ZERO_SIZE:
            continue
        for tensor, exponent, is_bias in (
            (layer.weight, sizes[0], False),
            (layer.bias, sizes[1], True),
        ):
            if tensor is None or tensor.frozen or (layer.statement, is_bias) in seen:
                continue
            diagnostic = _compare(
                context, tensor, exponent.at(context.richness), layer.name, is_bias
            )
            if diagnostic is not None:
                seen.add((layer.statement, is_bias))
                yield diagnostic


def _compare(
    context: Context, tensor: Tensor, exponent: Fraction, name: str, is_bias: bool
) -> Diagnostic | None:
    if tensor.eps is None:
        return None
    eps, gradient = context.size(tensor.eps), context.size(tensor.scale) + exponent
    if eps <= gradient:
        return None
    optimizer = context.model.optimizer
    place = tensor.place("eps") or dict(optimizer.places).get("eps") or optimizer.place
    shown = f"the bias of `{name}`" if is_bias else f"`{name}`"
    return Diagnostic(
        "R601",
        "epsilon",
        WARNING,
        f"epsilon outgrows the gradient of {shown}: at large width Adam becomes SGD there",
        place,
        label=f"eps ~ {power(eps)}, the gradient ~ {power(gradient)}",
        layer=name,
        help="leave `eps` out, and it follows each layer's gradient; "
        f"or write `eps = ... * {context.model.width_symbol}^({gradient})` on the layer",
    )
