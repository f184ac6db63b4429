"""R602: the share of a weight that decays in a step depends on the width.

Decoupled decay, and L2 under SGD, shrink a weight by rate * decay a step.  Under Adam an L2 term
is part of the gradient and is normalised with it, so there decay * std has to keep the size of the
gradient: Loshchilov & Hutter 2019 (arXiv 1711.05101), section 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from richc.algebra.formula import power
from richc.algebra.sizes import Size
from richc.calculus.verdict import NOT_EVALUATED
from richc.diagnostics import WARNING, Diagnostic, Span
from richc.rules.attributes import kept_at_base
from richc.rules.common import grown, trained
from richc.rules.context import Context
from richc.rules.knobs import KnobFinding, findings, named, remedies
from richc.spec.model import Tensor


def check(context: Context) -> Iterator[Diagnostic]:
    excesses: dict[KnobFinding, Fraction] = {}
    seen: set[tuple[tuple[str, bool], Size]] = set()
    for item in trained(context):
        tensor = item.tensor
        coupled = context.model.optimizer_of(tensor).law.decay_is_normalised
        if coupled and context.verdict.status("D1") == NOT_EVALUATED:
            continue  # The gradient's size is not known.
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
        part = KnobFinding(
            item,
            decay_place(context, tensor),
            label,
            f"`decay` ~ {power(decay + -excess)}" if written is None else f"`{written.words}`",
            () if written is None else written.edits,
        )
        excesses[part] = excess

    def diagnose(group: Sequence[KnobFinding]) -> Diagnostic:
        signs = {excesses[part] > 0 for part in group}
        word = "depends on" if len(signs) > 1 else "grows with" if True in signs else "fades with"
        which = grown(next(iter(excesses[part] for part in group)))
        message = f"weight decay of {named(group)} {word} {which}"
        help = f"{'write' if group[0].edits else 'use'} {remedies(group)}"
        return Diagnostic("R602", message, group[0].place, help=help, severity=WARNING)

    yield from findings(excesses, diagnose)


def decay_place(context: Context, tensor: Tensor) -> Span:
    """Where the decay of a tensor is written: on its layer or in the optimizer."""
    return tensor.place("decay") or context.model.optimizer_of(tensor).located("weight_decay")
