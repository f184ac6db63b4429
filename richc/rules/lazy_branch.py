"""R901: inside a block, a weight's update vanishes beside what reaches it from before (D4).

The block is then linear in the updates of its weights: Dey et al. 2025 (arXiv 2505.01618), section
3, on what tells CompleteP from Depth-muP.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from richc.algebra.formula import power
from richc.calculus.verdict import POINTS, Breach
from richc.diagnostics import ERROR, INFO, WARNING, Diagnostic, Severity
from richc.rules.common import blocked, cases, rate_place
from richc.rules.context import Context
from richc.spec.model import Claim

_HALF = Fraction(1, 2)


def check(context: Context) -> Iterator[Diagnostic]:
    severity = _severity(context)
    for case in cases(context, "D4", Breach.LAZY):
        yield Diagnostic(
            "R901",
            f"inside a block the update of {case.shown} vanishes beside what comes from before "
            "(D4)",
            rate_place(case),
            label=f"its own update of what follows ~ {power(case.violation.size)}",
            desideratum="D4",
            layer=case.name,
            notes=("each block is linear in the updates of its weights: it does not learn inside",),
            help=blocked(case) or (None if severity == INFO else _help(context)),
            severity=severity,
        )


def _help(context: Context) -> str:
    """Both points, of the width that the model is at."""
    richness = context.verdict.richness
    point = "mup" if richness is None else POINTS.get(richness, f"rich(r = {richness})")
    complete = "CompleteP: branches ~ L^-1, with rates to go with them "
    complete += f"(`parameterization {point}, depth = 1`)"
    if len(context.verdict.depth_exponents) > 1:  # of branches that differ there is no point
        return complete
    return f"{complete}; Depth-μP is this by choice: `require depth(1/2)`"


def _severity(context: Context) -> Severity:
    """A choice where it is declared, an error where the opposite is required."""
    powers = {r.alpha for r in context.model.requirements if r.kind == Claim.DEPTH}
    if 1 in powers:
        return ERROR
    return INFO if context.model.depth_exponent == _HALF or _HALF in powers else WARNING
