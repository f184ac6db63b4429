"""R503: the exponent that was inferred for a hole, ``n^?``, and why it is that one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from richc.algebra.formula import exponent_words
from richc.diagnostics import INFO, Diagnostic, Edit
from richc.rules.context import Context
from richc.spec.model import Inferred

#: What follows a hole and makes an exponent without parentheses ambiguous.
_DIVISION = re.compile(r"[ \t]*/")


def value_of(hole: Inferred, richness: Fraction) -> str:
    """``-1/2``; with the value at one r behind it where there is an r: ``2*r - 1 = 0``."""
    value = exponent_words(hole.exponent)
    return f"{value} = {hole.exponent.at(richness)}" if hole.exponent.slope else value


def reason_of(hole: Inferred) -> str:
    """Why it is that one, and whether another one would do."""
    return f"{hole.reason}; a smaller one would do as well" if hole.is_bound else hole.reason


def check(context: Context) -> Iterator[Diagnostic]:
    for hole in context.model.inferred:
        value, reason = value_of(hole, context.richness), reason_of(hole)
        yield Diagnostic(
            "R503",
            f"`{hole.attribute}` of {hole.subject}: the exponent is {value}",
            hole.place,
            label=f"= {value}: {reason}",
            layer=hole.layer,
            help="`richc fix` writes it",
            notes=(reason,),
            edits=(Edit(hole.place, _written(hole, context.text)),),
            severity=INFO,
        )


def _written(hole: Inferred, text: str) -> str:
    """The exponent as it may stand behind ``^``: `n^-1 / 2` could be read in two ways."""
    words = exponent_words(hole.exponent)
    is_whole = not hole.exponent.slope and hole.exponent.const.denominator == 1
    return words if is_whole and not _DIVISION.match(text, hole.place.end) else f"({words})"
