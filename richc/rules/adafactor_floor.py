"""R703: weights that start below the optimizer's floor take steps that do not follow their size.

A step is the rate times max(eps_2, RMS(W)): Shazeer & Stern 2018 (arXiv 1804.04235), algorithm 4.
The verdict reads the larger of the two exponents; this is about the values at the declared width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from richc.algebra.formula import power
from richc.diagnostics import WARNING, Diagnostic
from richc.optimizers.law import Epsilon
from richc.rules.common import decimal, trained
from richc.rules.context import Context
from richc.rules.knobs import KnobFinding, findings, named


def check(context: Context) -> Iterator[Diagnostic]:
    yield from findings(_parts(context), partial(_diagnose, context))


def _parts(context: Context) -> Iterator[KnobFinding]:
    model = context.model
    seen: set[tuple[str, bool]] = set()
    for item in trained(context):
        tensor = item.tensor
        optimizer = model.optimizer_of(tensor)
        if optimizer.law.eps != Epsilon.WEIGHT:
            continue
        # A tensor of zeros lives on its floor: that is what the floor is for.
        if tensor.eps is None or tensor.eps.is_zero or tensor.std.is_zero:
            continue
        floor, rms = context.log2(tensor.eps), context.log2(tensor.std)
        if floor <= rms or item.statement in seen:
            continue
        seen.add(item.statement)
        sizes = power(context.size(tensor.eps)), power(context.size(tensor.std))
        powers = f" (the floor ~ {sizes[0]}, the std ~ {sizes[1]})" if sizes[0] != sizes[1] else ""
        yield KnobFinding(
            item,
            tensor.place("eps") or optimizer.located("eps"),
            f"{decimal(floor)}, {decimal(floor - rms)} times the std, {decimal(rms)}, at "
            f"{model.width_symbol} = {model.width}{powers}",
            "",
        )


def _diagnose(context: Context, parts: Sequence[KnobFinding]) -> Diagnostic:
    optimizer = context.model.optimizer_of(parts[0].item.tensor).law.title
    verb, whose = ("starts", "its") if len(parts) == 1 else ("start", "their")
    consequence = f"{whose} steps are those of the floor"
    message = f"{named(parts)} {verb} below {optimizer}'s floor: {consequence}"
    help = "leave `eps` out, and each step is a share of RMS(W); or choose one below the std"
    return Diagnostic("R703", message, parts[0].place, help=help, severity=WARNING)
