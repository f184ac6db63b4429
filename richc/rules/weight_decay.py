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
from richc.rules.attributes import kept_at_base
from richc.rules.common import trained
from richc.rules.context import Context
from richc.scaling.formula import power
from richc.scaling.sizes import Size
from richc.spec.model import Tensor


def check(context: Context) -> Iterator[Diagnostic]:
    coupled = OPTIMIZERS[context.model.optimizer.name].decay_is_normalised
    if coupled and context.verdict.status("D1") == "not_evaluated":
        return  # The gradient's size is not known.
    seen: set[tuple[tuple[str, bool], Size]] = set()
    for item in trained(context):
        tensor = item.tensor
        decay = context.size(tensor.decay)
        if coupled:
            pull, gradient = decay + context.size(tensor.std), item.gradient(context)
            if not isinstance(gradient, Fraction):
                continue  # Nothing to compare the decay with.
            excess = pull + -gradient
            label = f"decay * weight ~ {power(pull)}, beside a gradient ~ {power(gradient)}"
        else:
            excess = item.rate(context) + decay
            label = f"rate * decay ~ {power(excess)} a step, should be n^0"
        # No decay, or nothing that could decay: not a fraction.
        if not isinstance(excess, Fraction) or not excess or (item.statement, excess) in seen:
            continue
        seen.add((item.statement, excess))
        names = ("decay", "weight_decay")
        written = kept_at_base(context, item.layer, tensor, names, -excess)
        yield Diagnostic(
            "R602",
            "weight-decay",
            WARNING,
            f"weight decay of {item.shown} {'grows' if excess > 0 else 'fades'} with the width",
            decay_place(context, tensor),
            label=label,
            layer=item.layer.name,
            help=f"write `{written.words}` on `{item.layer.statement}`"
            if written is not None
            else f"use `decay` ~ {power(decay + -excess)} on this layer",
            edits=written.edits if written is not None else (),
        )


def decay_place(context: Context, tensor: Tensor) -> Span:
    """Where the decay of a tensor is written: on its layer or in the optimizer."""
    return tensor.place("decay") or context.model.optimizer.located("weight_decay")
