"""Violations in words, with the numbers of the derivation in view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from richc.algebra.formula import power
from richc.algebra.sizes import ZERO_SIZE
from richc.calculus.verdict import Breach, Verdict, Violation
from richc.calculus.written import PRIME
from richc.report.derivation.formulas import number, span, span_name
from richc.spec.model import Layer

#: So many causes are named for one desideratum.
_MOST = 6


def faults(
    violations: Iterable[Violation], verdict: Verdict, layers: Sequence[Layer]
) -> Iterator[str]:
    """A sentence for every fault; layers that share one share the sentence."""
    groups = [list(group) for _, group in groupby(violations, _cause)]
    for group in groups[:_MOST]:
        yield _sentence(group, verdict, layers)
    if len(groups) > _MOST:
        yield f"... and {len(groups) - _MOST} more."


def _cause(violation: Violation) -> tuple[object, ...]:
    """What layers share that are at fault in the same way."""
    # Sizes at init accumulate; each layer answers for what it does to them.
    size = None if violation.kind == Breach.SIZE else violation.size
    return violation.kind, violation.of_bias, violation.excess, size


def _sentence(group: Sequence[Violation], verdict: Verdict, layers: Sequence[Layer]) -> str:
    first = group[0]
    at = [violation.layer for violation in group]
    name = span_name([layers[index].name for index in at])
    shown = f"the bias of {name}" if first.of_bias else name
    prime = PRIME if first.of_bias else ""
    index = span(at)
    if first.kind == Breach.EXPONENTIAL:
        return f"{shown}: what its branch adds to the stream makes that grow faster than any power."
    flow = verdict.flow.later[first.layer]
    if first.kind == Breach.SIZE:
        return _size(group, shown, verdict)
    if first.kind == Breach.OUTPUT:
        return f"{shown}: q_{index} > 0, so f ~ {power(first.size)} grows with the width at init."
    if first.kind == Breach.UPDATE:
        return (
            f"{shown}: u{prime} = {number(first.size)} > 0 at l = {index}, "
            f"so a step moves h by {power(first.size)}: it explodes."
        )
    if first.kind == Breach.EXPLODES:
        return (
            f"{shown}: t{prime} = {number(first.size)} > 0 at l = {index}, "
            f"so a step of it alone moves f by {power(first.size)}: it explodes."
        )
    if first.kind == Breach.STILL:
        return _still(first)
    if first.kind == Breach.USELESS:
        return (
            f"{shown}: T = {number(first.size)} < 0 at l = {index}: "
            f"the change of h ~ {power(flow.dh)} adds {_little(first)} to the change of f."
        )
    if first.kind == Breach.FAMILY:
        return (
            f"{shown}: t{prime} = {number(first.size)} in all blocks together (l = {index}), less "
            "than what the update of the stream adds to the change of f."
        )
    letter, whole = ("t", "Δf") if first.kind == Breach.READOUT else ("u", "U")
    beside = "is zero beside" if first.size is ZERO_SIZE else "vanishes beside"
    reason = " (something else explodes: that is what to mend)" if first.is_consequence else ""
    return (
        f"{shown}: {letter}{prime} = {number(first.size)} < {whole} = {number(flow.dh)} "
        f"at l = {index}: its update {beside} the rest{reason}."
    )


def _size(group: Sequence[Violation], shown: str, verdict: Verdict) -> str:
    first = group[0]
    index = span([violation.layer for violation in group])
    if first.excess is None:
        return f"{shown}: h is exactly zero at init (l = {index})."
    word = "grows" if first.excess > 0 else "vanishes"
    if len(group) == 1 and first.layer < verdict.known_heights:
        return (
            f"{shown}: q_{index} = {number(first.size)}, so h ~ {power(first.size)}, which its "
            f"init multiplies by {power(first.excess)}: it {word} with the width."
            if first.size != first.excess
            else f"{shown}: q_{index} = {number(first.size)}, so h ~ {power(first.size)} {word} "
            "with the width."
        )
    return (
        f"{shown}: the init multiplies the size of h by {power(first.excess)} (l = {index}), and "
        "should keep it."
    )


def _still(violation: Violation) -> str:
    if violation.size is ZERO_SIZE:
        return "No update reaches the output: nothing is learnt at any width."
    size = number(violation.size)
    return f"The largest is {size} < 0: a step moves f by {power(violation.size)}, which vanishes."


def _little(violation: Violation) -> str:
    return "nothing" if violation.size is ZERO_SIZE else f"only {power(violation.size)}"
