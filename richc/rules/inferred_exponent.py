"""R503: the exponent that was inferred for a hole, ``n^?``, and why it is that one."""

from __future__ import annotations

from collections.abc import Iterator

from richc.diagnostics import INFO, Diagnostic, Edit
from richc.rules.context import Context
from richc.scaling.formula import rich_exponent


def check(context: Context) -> Iterator[Diagnostic]:
    for hole in context.model.inferred:
        text = rich_exponent(hole.exponent)
        value = text.removeprefix("(").removesuffix(")")
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
