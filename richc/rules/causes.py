"""The other end of a problem: what a rate is wrong beside."""

from __future__ import annotations

from richc.algebra.formula import power
from richc.diagnostics import Label, Span
from richc.rules.common import FaultCase, rate_place
from richc.rules.context import Context


def readout(context: Context, case: FaultCase, what: str) -> tuple[Label, ...]:
    """What gives the read-out its size; ``what`` says what passes through it.

    That is its init or, where that is smaller, its update (see richc.calculus.run.steps).
    """
    last = context.model.layers[-1]
    if case.at == len(context.model.layers) - 1 or not context.is_chain:
        return ()
    is_init = context.verdict.flow.later[-2].gradient == context.network.stages[-1].weight.init
    name = "std" if is_init else "lr"
    place = last.weight.place("std", "var") if is_init else last.weight.place("lr")
    size = power(context.size(last.weight.std if is_init else last.weight.lr))
    return _label(case, place, f"{what} `{last.name}`: {name} ~ {size}")


def dominant(context: Context, case: FaultCase) -> tuple[Label, ...]:
    """The rate of the layer below whose update is the larger part of what follows this one."""
    below = context.model.layers[case.at - 1] if case.at and context.is_chain else None
    layer = context.verdict.flow.later[case.at]
    if below is None or not layer.carried >= layer.dh:
        return ()
    size = power(context.verdict.flow.later[case.at - 1].dh)
    return _label(case, below.weight.place("lr"), f"this already changes h by {size}")


def _label(case: FaultCase, place: Span | None, text: str) -> tuple[Label, ...]:
    """None where nothing is written there, or where it is the finding's own place."""
    return () if place is None or place == rate_place(case) else (Label(place, text),)
