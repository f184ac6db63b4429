"""R602: the share of a weight that decays in a step depends on the width.

Decoupled decay, and L2 under SGD, shrink a weight by rate * decay a step.  Under Adam an L2 term
is part of the gradient and is normalised with it, so there decay * std has to keep the size of the
gradient: Loshchilov & Hutter 2019 (arXiv 1711.05101), section 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from richc.diagnostics import WARNING, Diagnostic, Span
from richc.optimizers import OPTIMIZERS
from richc.rules.common import power
from richc.rules.context import Context
from richc.scaling.sizes import ZERO_SIZE, Size
from richc.spec.carried import gradient_exponents
from richc.spec.model import Tensor


def check(context: Context) -> Iterator[Diagnostic]:
    coupled = OPTIMIZERS[context.model.optimizer.name].decay_is_normalised
    if coupled and context.verdict.status("D1") == "not_evaluated":
        return  # The gradient's size is not known.
    gradients = gradient_exponents(context.model)
    seen: set[tuple[str, bool, Size]] = set()
    for layer, exponents in zip(context.model.layers, gradients, strict=True):
        for tensor, exponent, is_bias in (
            (layer.weight, exponents[0], False),
            (layer.bias, exponents[1], True),
        ):
            if tensor is None or tensor.decay.is_zero or tensor.frozen:
                continue
            if coupled:
                if tensor.std.is_zero:
                    continue
                pull = context.size(tensor.decay) + context.size(tensor.std)
                gradient = context.size(tensor.scale) + exponent.at(context.richness)
                excess = pull + -gradient if isinstance(gradient, Fraction) else ZERO_SIZE
                label = f"decay * weight ~ {power(pull)}, beside a gradient ~ {power(gradient)}"
            else:
                rate = context.size(context.model.optimizer.lr) + context.size(tensor.lr)
                excess = rate + context.size(tensor.decay)
                label = f"rate * decay ~ {power(excess)} a step, should be n^0"
            key = (layer.statement, is_bias, excess)
            if excess == 0 or key in seen:
                continue
            seen.add(key)
            assert isinstance(excess, Fraction)
            shown = f"the bias of `{layer.name}`" if is_bias else f"`{layer.name}`"
            word = "grows" if excess > 0 else "fades"
            wanted = context.size(tensor.decay) + -excess
            yield Diagnostic(
                "R602",
                "weight-decay",
                WARNING,
                f"weight decay of {shown} {word} with the width",
                decay_place(context, tensor),
                label=label,
                layer=layer.name,
                help=f"use `decay` ~ {power(wanted)} on this layer",
            )


def decay_place(context: Context, tensor: Tensor) -> Span:
    """Where the decay of a tensor is written: on its layer or in the optimizer."""
    optimizer = context.model.optimizer
    return tensor.place("decay") or dict(optimizer.places).get("weight_decay") or optimizer.place
