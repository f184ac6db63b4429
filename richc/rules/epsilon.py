"""R601: Adam's epsilon outgrows the gradient that it is added to.

At large width such a layer is trained by SGD with rate eta / eps, not by Adam: see Everett et al.
2024 (arXiv 2407.05872), section 4.3, on epsilon underflow, of which this is the exact form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from richc.algebra.formula import power
from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.verdict import NOT_EVALUATED
from richc.diagnostics import WARNING, Diagnostic
from richc.optimizers.law import Epsilon
from richc.rules.attributes import WrittenAttribute, kept_at_base
from richc.rules.common import Trained, trained
from richc.rules.context import Context
from richc.rules.knobs import KnobFinding, findings, named, remedies


def check(context: Context) -> Iterator[Diagnostic]:
    if context.verdict.status("D1") == NOT_EVALUATED:
        return  # The gradient's size is not known either.
    yield from findings(_parts(context), _diagnose)


def _parts(context: Context) -> Iterator[KnobFinding]:
    seen: set[tuple[str, bool]] = set()
    for item in trained(context):
        tensor, gradient = item.tensor, item.gradient(context)
        law = context.model.optimizer_of(tensor).law
        if (
            law.eps != Epsilon.GRADIENT
            or tensor.eps is None
            or gradient is ZERO_SIZE
            or item.statement in seen
        ):
            continue
        eps = context.size(tensor.eps)
        if eps <= gradient:
            continue
        seen.add(item.statement)
        written = _written(context, item, eps, gradient)
        yield KnobFinding(
            item,
            tensor.place("eps") or context.model.optimizer_of(tensor).located("eps"),
            f"eps ~ {power(eps)}, the gradient ~ {power(gradient)}",
            _words(context, gradient) if written is None else f"`{written.words}`",
            () if written is None else written.edits,
        )


def _words(context: Context, gradient: Size) -> str:
    if context.model.is_chain:
        return f"`eps = ... * {context.model.width_symbol}^({gradient})`"
    return f"an `eps` ~ {power(gradient)}"


def _diagnose(parts: Sequence[KnobFinding]) -> Diagnostic:
    first = parts[0]
    message = (
        f"epsilon outgrows the gradient of {named(parts)}: at large width Adam becomes SGD there"
    )
    left_out = "" if first.edits else "leave `eps` out, and it follows each layer's gradient; or "
    help = f"{left_out}write {remedies(parts)}"
    return Diagnostic("R601", message, first.place, help=help, severity=WARNING)


def _written(context: Context, item: Trained, eps: Size, gradient: Size) -> WrittenAttribute | None:
    if not isinstance(eps, Fraction) or not isinstance(gradient, Fraction):
        return None
    return kept_at_base(context, item.layer, item.tensor, ("eps", "eps"), gradient - eps)
