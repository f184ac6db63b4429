"""R705: an epsilon of the right exponent that is larger than the gradient at the declared width.

Adam's step is the rate times m / (sqrt(v) + eps): Kingma & Ba 2015 (arXiv 1412.6980), algorithm 1.
R601 compares the exponents of eps and of the gradient; this is about their values.  The gradient is
that of R702's estimate, which training on the examples' digits meets to a factor of 1.8
(tests/measured/test_epsilon_floor.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf, log2

from richc.diagnostics import WARNING, Diagnostic
from richc.rules.common import decimal, trained
from richc.rules.context import Context
from richc.rules.knobs import KnobFinding, findings, named
from richc.rules.step_sizes import measure

#: log2 of eps beside the gradient: an eps of its size halves a step, a larger one rules it.
_LIMIT = 1.0


def check(context: Context) -> Iterator[Diagnostic]:
    if context.verdict.violations:
        return  # Gradients are not what the estimate takes them for.
    # The step that is left is told of the layer where it is the smallest.
    parts = sorted(_parts(context), key=lambda part: part[0])
    shares = {part: share for share, part in parts}

    def diagnose(group: Sequence[KnobFinding]) -> Diagnostic:
        message = (
            f"epsilon is larger than the gradient of {named(group)}: Adam's steps are about "
            f"{decimal(shares[group[0]])} of the rate there"
        )
        help = "leave `eps` out: it is then 1e-8 and follows each layer's gradient"
        return Diagnostic("R705", message, group[0].place, help=help, severity=WARNING)

    yield from findings((part for _, part in parts), diagnose)


def _parts(context: Context) -> Iterator[tuple[float, KnobFinding]]:
    """What is found of each tensor, after log2 of the share of the rate that is left of a step."""
    sizes = measure(context)
    if not sizes:
        return
    model = context.model
    seen: set[tuple[str, bool]] = set()
    for item in trained(context):
        tensor, size = item.tensor, item.gradient(context)
        if item.is_bias or tensor.eps is None or tensor.eps.is_zero or item.statement in seen:
            continue
        gradient, eps = sizes[item.at].weight_gradient, context.log2(tensor.eps)
        # What outgrows the gradient anyway is R601's.
        if gradient == -inf or eps <= gradient + _LIMIT or context.size(tensor.eps) > size:
            continue
        seen.add(item.statement)
        label = (
            f"{decimal(eps)} beside a gradient of about {decimal(gradient)} at "
            f"{model.width_symbol} = {model.width}"
        )
        place = tensor.place("eps") or model.optimizer_of(tensor).located("eps")
        yield -log2(1 + 2.0 ** (eps - gradient)), KnobFinding(item, place, label, "")
