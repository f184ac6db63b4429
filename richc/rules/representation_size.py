"""R101: a representation is not of order one at init (D0)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from richc.activations import HOMOGENEOUS
from richc.algebra.formula import power
from richc.algebra.sizes import ZERO_SIZE, Zero
from richc.calculus.verdict import NOT_EVALUATED, Breach, Violation
from richc.diagnostics import Diagnostic
from richc.rules.common import FaultCase, cases, excess, grown
from richc.rules.context import Context


def check(context: Context) -> Iterator[Diagnostic]:
    for case in cases(context, "D0", Breach.SIZE):
        violation, layer = case.violation, case.layer
        if violation.excess is None:
            message = f"the representation after `{case.name}` is exactly zero at init (D0)"
        else:
            word = "grows" if excess(case) > 0 else "vanishes"
            with_what = grown(excess(case))
            message = f"the representation after `{case.name}` {word} with {with_what} at init (D0)"
        notes = [*_under_eps(context, violation)]
        if context.verdict.status("D1") == NOT_EVALUATED:
            last = context.verdict.statuses[-1][0]
            notes.append(
                f"D1-{last} are not evaluated: away from order one only positively homogeneous "
                f"networks ({HOMOGENEOUS}, no biases) have exact exponents"
            )
        yield Diagnostic(
            "R101",
            message,
            context.place(layer, case.tensor, "std", "var", "scale"),
            label=_label(violation),
            desideratum="D0",
            layer=case.name,
            notes=tuple(notes),
            help=_help(case),
        )


def _under_eps(context: Context, violation: Violation) -> Iterator[str]:
    """The first norm that hands such a size on, since its eps is larger."""
    for layer, flow in zip(context.model.layers, context.verdict.flow.first, strict=True):
        eps = ZERO_SIZE if layer.floor is None else context.size(layer.floor)
        if isinstance(eps, Zero) or isinstance(violation.size, Zero):
            continue
        root = eps * Fraction(1, 2)
        if root > violation.size == flow.h + root:
            yield f"`{layer.name}` does not make it of order one: its eps outgrows what it reads"
            return


def _label(violation: Violation) -> str:
    if violation.excess is None or violation.excess == violation.size:
        return f"h ~ {power(violation.size)}, should be n^0"
    return f"it multiplies the size of h by {power(violation.excess)}, and should keep it"


def _help(case: FaultCase) -> str | None:
    if case.violation.excess is not None:
        return None
    fan_in = "1 / sqrt(fan_in)" if case.layer.fan_in.wide else "1"
    return f"only a read-out or a bias may start at zero: `std = {fan_in}`"
