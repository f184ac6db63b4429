"""The rules: one module a diagnostic, imported only when a model gives it something to say.

``TABLE`` is the index: a code, and what makes its rule apply; the module has the name of the slug
(richc/diagnostics.py).  The messages R0xx of syntax and names live with the stages that find them
(richc/syntax/messages.py, richc/spec/messages.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import NamedTuple

from richc.algebra.monomial import WIDTH
from richc.calculus.verdict import HOLDS, MIXED, Breach
from richc.diagnostics import SLUGS, Diagnostic
from richc.optimizers.law import Epsilon, Law
from richc.rules.context import Context


class Rule(NamedTuple):
    code: str
    #: The kind of violation that it reports; None for rules that look at something else.
    violation: tuple[str, Breach] | None = None
    applies: Callable[[Context], bool] | None = None

    @property
    def module(self) -> str:
        return SLUGS[self.code].replace("-", "_")


def _any(context: Context, has: Callable[[Law], bool]) -> bool:
    """Whether some optimizer of the model is such."""
    return any(has(optimizer.law) for optimizer in context.model.optimizers)


def _decays(context: Context) -> bool:
    return any(
        not tensor.decay.is_zero
        for layer in context.model.layers
        for tensor in (layer.weight, layer.bias)
        if tensor is not None
    )


#: Sizes at init that are of another order than they should be.
_SIZES = (Breach.SIZE, Breach.EXPONENTIAL)


def _signal_drifts(context: Context) -> bool:
    """Sizes at init are of order one in n, but not at the declared width and depth."""
    verdict = context.verdict
    if not (context.is_declared and verdict.is_decided):
        return False
    if any(violation.kind in _SIZES for violation in verdict.violations):
        return False
    from richc.rules.signal import first_far

    return first_far(context.passed) is not None


#: So few layers without a skip are no reason to look closer.
_SHALLOW = 8


def _is_deep(context: Context) -> bool:
    """Many layers in a row, with signals of order one at the declared width and depth, too."""
    if not context.is_declared or context.verdict.status("D0") != HOLDS:
        return False
    passed = context.passed
    if len(passed) <= _SHALLOW or any(at.is_joint for at in passed):
        return False
    return not _signal_drifts(context)


#: log2 of sizes that no format has trouble with, and of steps that are small beside weights.
_HARMLESS, _SMALL_STEP = 20, -18


def _strains_precision(context: Context) -> bool:
    """Whether some number might leave its format: cheap, and true of few files."""
    model = context.model
    if not context.is_declared:
        return False
    if model.train.precision == "fp16":
        return True
    # A gradient is hardly smaller than this beside the rest.
    gradient = -1.5 * context.logs[WIDTH]
    for tensor in {id(layer.weight): layer.weight for layer in model.layers}.values():
        if tensor.frozen or tensor.std.is_zero or tensor.lr.is_zero:
            continue
        sizes = [context.log2(value) for value in (tensor.scale, tensor.std, tensor.lr)]
        rate = context.log2(model.optimizer_of(tensor).lr)
        step = rate + sizes[2] + sizes[0] + gradient
        if step - sizes[1] < _SMALL_STEP or any(abs(size) > _HARMLESS for size in sizes):
            return True
    return False


def _writes_epsilon(context: Context) -> bool:
    """What the file does not write is small, and follows the gradient."""
    model = context.model
    if not context.is_declared:
        return False
    if not _any(context, lambda law: law.eps == Epsilon.GRADIENT):
        return False
    return any("eps" in dict(optimizer.places) for optimizer in model.optimizers) or any(
        layer.weight.place("eps") for layer in model.layers
    )


def _has_idle_parts(context: Context) -> bool:
    """Whether something is declared that few networks need."""
    return bool(context.model.others) or context.model.depth is not None


#: The code of the findings that answer what the file asks.
INFERRED = "R503"

#: Of one model; nobody reads more at once.
MAX_FINDINGS = 100

TABLE: tuple[Rule, ...] = (
    Rule("R101", ("D0", Breach.SIZE)),
    Rule("R102", ("D0", Breach.OUTPUT)),
    Rule("R103", ("D0", Breach.UPDATE)),
    Rule("R104", ("D0", Breach.EXPONENTIAL)),
    Rule("R201", ("D1", Breach.EXPLODES)),
    Rule("R202", ("D1", Breach.STILL)),
    Rule("R203", applies=lambda context: context.verdict.asleep > 0),
    Rule("R301", ("D2", Breach.USELESS)),
    Rule("R401", ("D3", Breach.WEIGHT)),
    Rule("R402", ("D3", Breach.READOUT)),
    Rule("R403", ("D3", Breach.FAMILY)),
    Rule("R502", applies=lambda context: bool(context.model.requirements)),
    Rule("R507", applies=lambda context: context.verdict.regime == MIXED),
    Rule(INFERRED, applies=lambda context: bool(context.model.inferred)),
    Rule("R601", applies=lambda context: _any(context, lambda law: law.eps == Epsilon.GRADIENT)),
    Rule("R602", applies=_decays),
    Rule("R603", applies=lambda context: _any(context, lambda law: law.is_relative_to_weight)),
    Rule("R604", applies=lambda context: _any(context, lambda law: law.torch.caps_rate)),
    Rule(
        "R605",
        applies=lambda context: (
            context.verdict.limit == "kernel"
            and context.is_chain
            and not context.model.optimizer.law.decay_is_normalised
            and _decays(context)
        ),
    ),
    Rule(
        "R606",
        applies=lambda context: any(
            optimizer.shape_factor == "spectral" for optimizer in context.model.optimizers
        ),
    ),
    Rule("R701", applies=_signal_drifts),
    Rule("R702", applies=_strains_precision),
    Rule(
        "R703",
        applies=lambda context: (
            _any(context, lambda law: law.eps == Epsilon.WEIGHT) and context.is_declared
        ),
    ),
    Rule("R704", applies=lambda context: context.model.base_width is None and context.is_declared),
    Rule("R705", applies=_writes_epsilon),
    Rule("R706", applies=_is_deep),
    Rule("R803", applies=_has_idle_parts),
    Rule("R901", ("D4", Breach.LAZY)),
    Rule("R902", applies=lambda context: not context.verdict.is_decided),
    Rule("R903", applies=lambda context: context.verdict.is_grown),
)

#: They leave a model without a verdict: no option and no comment silences them.
LASTING = frozenset({*(c for c in SLUGS if c[1] == "0"), "R501", "R504", "R505"})


def applicable(context: Context) -> Iterator[tuple[Rule, Callable[[Context], list[Diagnostic]]]]:
    """The rules that have something to look at in a model, with their checks."""
    violations = context.verdict.violations
    kinds = {(v.desideratum, v.kind) for v in violations if not v.is_consequence}
    for rule in TABLE:
        if rule.violation in kinds if rule.violation else rule.applies and rule.applies(context):
            yield rule, import_module(f"richc.rules.{rule.module}").check


def run(context: Context) -> list[Diagnostic]:
    """Everything that the rules have to say of one model."""
    found: list[Diagnostic] = []
    for _, check in applicable(context):
        found += check(context)
    if context.verdict.violations:
        from richc.rules.recognise import with_notes

        found = with_notes(context, found)
    # What was inferred is an answer: nobody wants a part of it.
    answers = [d for d in found if d.code == INFERRED]
    found = [d for d in found if d.code != INFERRED]
    if len(found) > MAX_FINDINGS:
        found.sort(key=lambda d: (d.severity, d.span))  # errors first
        rest = f"{len(found) - MAX_FINDINGS:,} more findings on this model are not shown"
        found = found[:MAX_FINDINGS]
        found[-1] = found[-1]._replace(notes=(*found[-1].notes, rest))
    return [d._replace(model=context.model.name) for d in (*found, *answers)]
