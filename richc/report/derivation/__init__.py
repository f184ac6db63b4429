"""A verdict derived step by step, as a student would on paper: ``richc explain FILE``."""

from __future__ import annotations

from collections.abc import Sequence

from richc.pipeline import ModelResult
from richc.report.derivation.conclusion import conclusion, symmetry
from richc.report.derivation.given import given
from richc.report.derivation.passes import backward, contribution, forward, update
from richc.report.derivation.sheet import Sheet
from richc.report.style import Style


def derivation(result: ModelResult, only: Sequence[int] | None, *, color: bool) -> str:
    """The whole text, or what concerns the layers ``only``; ends with a newline."""
    spec = result.spec
    if not spec.is_chain or spec.others or spec.depth is not None:
        from richc.report.derivation.blocks import of_blocks  # most models are plain chains

        return of_blocks(result, only, color=color)
    sheet = Sheet(result, only, Style(color))
    sheet.title(f"{sheet.spec.name}: {result.sentence}")
    if len(sheet.only) <= sheet.last:
        sheet.say(f"Only what concerns {sheet.named(sorted(sheet.only))}.")
    sheet.say(
        "A size n^x is written as its exponent x. A product of sizes adds exponents, a sum has "
        "the largest of them. A sum over n entries adds 1/2 where they are independent (random "
        "weights) and 1 where they are aligned (an update and what it was made from)."
    )
    given(sheet)
    forward(sheet)
    first, later = sheet.derived.first, sheet.derived.later
    if first is not None and later is not None:
        backward(sheet, first, later)
        update(sheet, later)
        contribution(sheet, first, later)
        if result.verdict.function_richness is not None:
            symmetry(sheet, result.verdict.function_richness)
    conclusion(sheet)
    return "\n".join(sheet.lines) + "\n"
