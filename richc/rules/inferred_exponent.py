"""R503: the exponent that was inferred for a hole, ``n^?``, and why it is that one."""

from __future__ import annotations

from collections.abc import Iterator

from richc.diagnostics import INFO, Diagnostic, Edit
from richc.rules.context import Context
from richc.scaling.formula import exponent_words


def check(context: Context) -> Iterator[Diagnostic]:
    for hole in context.model.inferred:
        value = exponent_words(hole.exponent)
        text = value if hole.exponent.const.denominator == 1 else f"({value})"
        # `n^-1 / 2` could be read in two ways.
        if hole.exponent.slope or _is_divided(context.text, hole.place.end):
            text = f"({value})"
        if hole.exponent.slope:
            value += f" = {hole.exponent.at(context.richness)}"
        reason = hole.reason + ("; a smaller one would do as well" if hole.is_bound else "")
        yield Diagnostic(
            "R503",
            "inferred-exponent",
            INFO,
            f"`{hole.attribute}` of {hole.subject}: the exponent is {value}",
            hole.place,
            label=f"= {value}: {reason}",
            layer=hole.layer,
            help="`richc fix` writes it",
            notes=(reason,),
            edits=(Edit(hole.place, text),),
        )


def _is_divided(text: str, end: int) -> bool:
    """Whether a division follows a place in the text."""
    return text[end:].lstrip(" \t").startswith("/")
