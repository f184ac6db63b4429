"""R601: Adam's epsilon outgrows the gradient that it is added to.

At large width such a layer is trained by SGD with rate eta / eps, not by Adam: see Everett et al.
2024 (arXiv 2407.05872), section 4.3, on epsilon underflow, of which this is the exact form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from richc.algebra.formula import power
from richc.algebra.joint import depth_of, width_of
from richc.calculus.verdict import NOT_EVALUATED
from richc.diagnostics import WARNING, Diagnostic
from richc.optimizers.law import Epsilon
from richc.rules.attributes import kept_at_base
from richc.rules.common import grown, trained
from richc.rules.context import Context
from richc.rules.knobs import KnobFinding, findings, named, remedies


def check(context: Context) -> Iterator[Diagnostic]:
    if context.verdict.status("D1") == NOT_EVALUATED:
        return  # The gradient's size is not known either.
    excesses = dict(_parts(context))

    def diagnose(parts: Sequence[KnobFinding]) -> Diagnostic:
        where = grown(max(excesses[part] for part in parts)).replace("the ", "")
        message = (
            f"epsilon outgrows the gradient of {named(parts)}: "
            f"at large {where} Adam becomes SGD there"
        )
        help = f"write {remedies(parts)}"
        if not parts[0].edits:
            help = f"leave `eps` out, and it follows each layer's gradient; or {help}"
        return Diagnostic("R601", message, parts[0].place, help=help, severity=WARNING)

    yield from findings(excesses, diagnose)


def _parts(context: Context) -> Iterator[tuple[KnobFinding, Fraction]]:
    """What is found of each tensor, and by how much its epsilon is too large."""
    seen: set[tuple[str, bool]] = set()
    for item in trained(context):
        tensor, gradient = item.tensor, item.gradient(context)
        law = context.model.optimizer_of(tensor).law
        if (
            law.eps != Epsilon.GRADIENT
            or tensor.eps is None
            or not isinstance(gradient, Fraction)
            or item.statement in seen
        ):
            continue
        eps = context.size(tensor.eps)
        if eps <= gradient:
            continue
        seen.add(item.statement)
        assert isinstance(eps, Fraction)  # What is larger than another size is not zero.
        excess = eps + -gradient
        written = kept_at_base(context, item.layer, tensor, ("eps", "eps"), -excess)
        part = KnobFinding(
            item,
            tensor.place("eps") or context.model.optimizer_of(tensor).located("eps"),
            f"eps ~ {power(eps)}, the gradient ~ {power(gradient)}",
            _words(context, gradient) if written is None else f"`{written.words}`",
            () if written is None else written.edits,
        )
        yield part, excess


def _words(context: Context, gradient: Fraction) -> str:
    model, depth = context.model, depth_of(gradient)
    of_depth = f" * {model.depth.symbol}^({depth})" if model.depth is not None and depth else ""
    return f"`eps = ... * {model.width_symbol}^({width_of(gradient)}){of_depth}`"
