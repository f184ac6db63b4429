"""Well-known mistakes, recognised as a whole and named in a note."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from richc.calculus.judging import judge
from richc.diagnostics import Diagnostic
from richc.optimizers import law
from richc.rules.context import Context
from richc.rules.sentence import point_name

_HALF = Fraction(1, 2)
_ZERO = Fraction(0)
#: The optimizers whose tables are in every paper.
_PRINTED = ("sgd", "adam")


def with_notes(context: Context, found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics, with what was recognised noted on the first violation."""
    notes = tuple(_notes(context))
    result = list(found)
    violations = [d for d in found if d.desideratum is not None]
    if notes and violations:
        first = min(violations, key=lambda d: (d.span.start, d.code))
        result[result.index(first)] = first._replace(notes=first.notes + notes)
    return result


def mistakes(context: Context) -> tuple[str, ...]:
    """The well-known mistakes of a model as a whole, in words."""
    return tuple(_notes(context))


def _notes(context: Context) -> Iterator[str]:
    verdict = context.verdict
    if not context.is_chain or context.model.others:
        return  # The tables that these know are of chains with one optimizer.
    if verdict.function_richness is not None:
        yield (
            "the activations are positively homogeneous, so scale can move between layers: as a "
            f"function, this network trains exactly as {point_name(verdict.function_richness)}"
        )
        return
    wrong = _right_for_another(context)
    if wrong is not None:
        yield wrong
        return
    beyond = _beyond_the_scale(context)
    if beyond is not None:
        yield beyond
        return
    standard = _standard(context)
    if standard is not None:
        yield standard
    yield from _readout_only(context)


def _right_for_another(context: Context) -> str | None:
    """The right table for the wrong optimizer."""
    own = context.model.optimizer.law
    for other in map(law, _PRINTED):
        if own.family == other.family:
            continue
        verdict = judge(context.network_under(other.name))
        if verdict.richness is not None:
            return (
                f"these exponents are {point_name(verdict.richness)} for {other.title}; "
                f"{own.title} needs rates of its own"
            )
    return None


def _beyond_the_scale(context: Context) -> str | None:
    """On the line of the richness scale, past one of its ends."""
    inits = [stage.weight.init for stage in context.network.stages]
    if not isinstance(inits[-1], Fraction) or inits[0] != _ZERO:
        return None
    if any(size != -_HALF for size in inits[1:-1]):
        return None
    richness = -inits[-1] - _HALF
    if 0 <= richness <= _HALF:
        return None
    # The rates of the scale at that richness, by the step they make: h moves by n^(r - 1/2).
    step = richness - _HALF
    first = context.verdict.flow.first
    on_line = all(layer.own == step for layer in first[:-1]) and first[-1].own == _ZERO
    if not on_line:
        return None
    end = "beyond its rich end: gradients explode" if richness > 0 else "below its lazy end"
    return f"this is r = {richness}, off the richness scale (0 to 1/2), {end}"


def _standard(context: Context) -> str | None:
    """PyTorch's habit: no multipliers, std 1/sqrt(fan_in), one rate for all."""
    inits = [stage.weight.init for stage in context.network.stages]
    written = context.network.written
    rate = written[0][2]
    same = all(sizes[2] == rate and sizes[0] == _ZERO for sizes in written)
    if (
        not same
        or not isinstance(rate, Fraction)
        or inits[0] != _ZERO
        or any(size != -_HALF for size in inits[1:])
    ):
        return None
    note = (
        f"this is standard parameterization (SP) with one rate ~ n^{rate}: "
        "no single rate suits all its layers; `parameterization mup` gives each its own"
    )
    if rate == -1 and not context.model.optimizer.law.ignores_gradient_size:
        note += "; at 1/n it is not NTP either: Δh has NTP's size, but the read-in is dead"
    return note


def _readout_only(context: Context) -> Iterator[str]:
    verdict = context.verdict
    last = len(context.model.layers) - 1
    if verdict.stable and verdict.nontrivial and verdict.learning == (last,):
        yield "only the read-out learns: the rest of the network is random features"
