"""R502: a ``require`` statement is not true of the model."""

from __future__ import annotations

from collections.abc import Iterator

from richc.diagnostics import ERROR, Diagnostic
from richc.rules.context import Context
from richc.rules.sentence import describe, gauge_words, point_name
from richc.spec.model import Requirement


def check(context: Context) -> Iterator[Diagnostic]:
    verdict = context.verdict
    for requirement in context.model.requirements:
        if _is_true(context, requirement):
            continue
        if requirement.kind == "point":
            richness = requirement.richness
            assert richness is not None
            wanted = point_name(richness)
            message = f"this model is not {wanted}"
        elif requirement.kind == "gauge":
            message = f"this model is not in the {gauge_words((requirement.value,))}"
        else:
            message = f"the regime of this model is not `{requirement.value}`"
        notes = []
        if requirement.kind == "gauge" and verdict.richness is None:
            notes.append("gauges have names on the richness scale only; first mend the desiderata")
        yield Diagnostic(
            "R502",
            "requirement-fails",
            ERROR,
            message,
            requirement.place,
            label=f"it is {describe(verdict)}"
            if requirement.kind != "regime"
            else f"it is `{verdict.regime}`",
            notes=tuple(notes),
        )


def _is_true(context: Context, requirement: Requirement) -> bool:
    verdict = context.verdict
    if requirement.kind == "gauge":
        return requirement.value in verdict.gauges
    if requirement.kind == "regime":
        return requirement.value == verdict.regime
    return verdict.richness is not None and verdict.richness == requirement.richness
