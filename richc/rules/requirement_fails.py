"""R502: a ``require`` statement is not true of the model."""

from __future__ import annotations

from collections.abc import Iterator

from richc.algebra.exponent import ONE
from richc.calculus.verdict import HOLDS
from richc.diagnostics import Diagnostic
from richc.rules.context import Context
from richc.rules.sentence import depth_words, describe, gauge_words, point_name
from richc.spec.model import Claim, Requirement


def check(context: Context) -> Iterator[Diagnostic]:
    verdict = context.verdict
    for requirement in context.model.requirements:
        if requirement.kind == Claim.EQUIVALENT:
            from richc.rules.requirement_equivalent import check as compare  # reads a file

            yield from compare(context, requirement)
            continue
        if is_true(context, requirement):
            continue
        if requirement.richness is not None and verdict.is_decided:
            message = f"this model is not {point_name(requirement.richness)}"
            yield _failure(requirement, message, f"it is {describe(verdict)}")
            continue
        notes = []
        if not verdict.is_decided:
            message = f"whether this model is `{requirement.value}` is not decided"
            label = verdict.reason
        elif requirement.alpha is not None:
            message = f"this model is not {depth_words(requirement.alpha)} in the depth"
            label = f"it is {describe(verdict)}"
        elif requirement.kind == Claim.GAUGE:
            message = f"this model is not in the {gauge_words((requirement.value,))}"
            label = f"it is {describe(verdict)}"
            if verdict.richness is None:
                notes.append(
                    "gauges have names on the richness scale only; first mend the desiderata"
                )
        else:
            message = f"the regime of this model is not `{requirement.value}`"
            label = f"it is `{verdict.regime}`"
        yield _failure(requirement, message, label)._replace(notes=tuple(notes))


def _failure(requirement: Requirement, message: str, label: str) -> Diagnostic:
    return Diagnostic("R502", message, requirement.place, label=label)


def is_true(context: Context, requirement: Requirement) -> bool:
    """Whether a model is as required."""
    verdict = context.verdict
    if requirement.kind == Claim.DEPTH:
        holds = all(status == HOLDS for name, status in verdict.statuses if name != "D4")
        powers = [min(power, ONE) for power in verdict.depth_exponents]
        needs_all = requirement.alpha == 1 and dict(verdict.statuses).get("D4") != HOLDS
        return holds and not needs_all and powers == [requirement.alpha]
    if requirement.kind == Claim.GAUGE:
        return requirement.value in verdict.gauges
    if requirement.kind == Claim.REGIME:
        return requirement.value == verdict.regime
    return verdict.richness is not None and verdict.richness == requirement.richness
