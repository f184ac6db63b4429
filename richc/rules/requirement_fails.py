"""R502: a ``require`` statement is not true of the model."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from richc.diagnostics import ERROR, Diagnostic
from richc.rules.context import Context
from richc.rules.sentence import describe, gauge_words, point_name
from richc.spec.model import Requirement


def check(context: Context) -> Iterator[Diagnostic]:
    verdict = context.verdict
    points: dict[Fraction, Diagnostic] = {}
    for requirement in context.model.requirements:
        if requirement.kind == "equivalent":
            from richc.rules.requirement_equivalent import check as compare  # reads a file

            yield from compare(context, requirement)
            continue
        if is_true(context, requirement):
            continue
        richness = requirement.richness
        if richness is not None:
            if richness not in points:
                points[richness] = _point(context, requirement, richness)
            yield points[richness]._replace(span=requirement.place)
            continue
        notes = []
        if requirement.kind == "gauge":
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


def _point(context: Context, requirement: Requirement, richness: Fraction) -> Diagnostic:
    """A point of the richness scale, and the one change that leads there, if one does."""
    from richc.rules.nearest import faults  # of no use to a model that is as required

    message = f"this model is not {point_name(richness)}"
    failure = _failure(requirement, message, f"it is {describe(context.verdict)}")
    for fault in faults(context, richness):
        return failure._replace(
            layer=fault.name,
            labels=(fault.label,),
            help=fault.mend.help,
            edits=fault.mend.edits,
        )
    return failure


def _failure(requirement: Requirement, message: str, label: str) -> Diagnostic:
    return Diagnostic("R502", "requirement-fails", ERROR, message, requirement.place, label=label)


def is_true(context: Context, requirement: Requirement) -> bool:
    """Whether a model is as required."""
    verdict = context.verdict
    if requirement.kind == "gauge":
        return requirement.value in verdict.gauges
    if requirement.kind == "regime":
        return requirement.value == verdict.regime
    return verdict.richness is not None and verdict.richness == requirement.richness
