"""R502 for ``require equivalent "other.rich"``: a model that another file holds.

The other file's own requirements are not evaluated, so files may require each other.  What it
holds is not shown, whatever it is: a path may point anywhere.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator

from richc.diagnostics import ERROR, WARNING, Diagnostic, Severity, Span
from richc.gauge.differences import Names, constant_words, difference_words, structure_words
from richc.gauge.equivalence import CONSTANTS, DIFFERENT, compare
from richc.rules.context import Context
from richc.rules.model_reference import NoOther, load, split
from richc.rules.sentence import describe
from richc.spec.model import Requirement
from richc.syntax import tree
from richc.words import quotable

#: Differences that are listed; `richc equiv` lists all.
_MOST = 8


def check(context: Context, requirement: Requirement) -> Iterator[Diagnostic]:
    path, name = split(requirement.value)
    place = _string(context, requirement)
    shown = f'"{quotable(requirement.value)}"'
    try:
        other = load(os.path.join(os.path.dirname(context.path), path), name)
    except NoOther as error:
        yield _finding(f"{shown} cannot be compared: {error}", place, ERROR)
        return
    found = compare(context.model, other.model)
    names = Names("this one", "the other")
    advice = "`richc equiv` compares two files"
    if found.status == DIFFERENT:
        if found.structure:
            first = structure_words(found.structure[0], names)
        else:
            difference = found.first_difference
            assert difference is not None
            first = difference_words(difference, context.model, names)
        yield _finding(f"this model does not train as {shown}", place, ERROR)._replace(
            label=first,
            notes=(
                f"this one is {describe(context.verdict)}",
                f"the other is {describe(other.verdict)}",
            ),
            help=advice,
        )
    elif found.status == CONSTANTS:
        words = constant_words(found, context.model, names)
        more = (f"and {len(words) - _MOST:,} more",) if len(words) > _MOST else ()
        message = f"this model trains as {shown} up to constants only"
        yield _finding(message, place, WARNING)._replace(
            notes=(*words[:_MOST], *more, *found.notes), help=advice
        )


def _finding(message: str, place: Span, severity: Severity) -> Diagnostic:
    return Diagnostic("R502", message, place, severity=severity)


def _string(context: Context, requirement: Requirement) -> Span:
    """Where the other file is named."""
    statements = context.node.statements
    at = bisect_left(statements, requirement.place.start, key=lambda s: s.span.start)
    statement = statements[at]
    assert isinstance(statement, tree.Require)
    assert statement.value is not None
    return statement.value.span
