"""The rules: one module a diagnostic, imported only when a model gives it something to say.

``TABLE`` is the index: code, slug, module, and what makes the rule apply.  The messages R0xx of
syntax and names live with the stages that find them (richc/syntax/messages.py,
richc/spec/messages.py); ``SLUGS`` lists those codes too, for selection and for documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import NamedTuple

from richc.algebra.monomial import WIDTH
from richc.calculus.verdict import HOLDS, MIXED, Breach
from richc.diagnostics import Diagnostic
from richc.optimizers.law import Epsilon, Law
from richc.rules.context import Context


class Rule(NamedTuple):
    code: str
    slug: str
    module: str
    #: The kind of violation that it reports; None for rules that look at something else.
    violation: tuple[str, Breach] | None = None
    applies: Callable[[Context], bool] | None = None


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
    if not context.is_declared:
        return False
    verdict = context.verdict
    if context.model.is_chain:
        if any(layer.h != 0 for layer in verdict.flow.first[:-1]):
            return False
    elif not verdict.is_decided or any(v.kind in _SIZES for v in verdict.violations):
        return False
    from richc.rules.signal import drifts

    return drifts(context)


#: So few layers without a skip are no reason to look closer.
_SHALLOW = 8


def _is_deep(context: Context) -> bool:
    """Many layers, with signals of order one at the declared width and depth, too."""
    model = context.model
    if len(model.layers) <= _SHALLOW or not (model.is_chain and context.is_declared):
        return False
    return context.verdict.status("D0") == HOLDS and not _signal_drifts(context)


#: log2 of sizes that no format has trouble with, and of steps that are small beside weights.
_HARMLESS, _SMALL_STEP = 20, -18


def _strains_precision(context: Context) -> bool:
    """Whether some number might leave its format: cheap, and true of few files."""
    model = context.model
    if not context.is_declared or (model.is_chain and model.others):
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
    if not context.is_declared or (model.is_chain and model.others):
        return False
    if not _any(context, lambda law: law.eps == Epsilon.GRADIENT):
        return False
    return any("eps" in dict(optimizer.places) for optimizer in model.optimizers) or any(
        layer.weight.place("eps") for layer in model.layers
    )


#: The code of the findings that answer what the file asks.
INFERRED = "R503"

#: Of one model; nobody reads more at once.
MAX_FINDINGS = 100

TABLE: tuple[Rule, ...] = (
    Rule("R101", "representation-size", "representation_size", ("D0", Breach.SIZE)),
    Rule("R102", "output-size", "output_size", ("D0", Breach.OUTPUT)),
    Rule("R103", "update-explodes", "update_explodes", ("D0", Breach.UPDATE)),
    Rule("R104", "exponential-stream", "exponential_stream", ("D0", Breach.EXPONENTIAL)),
    Rule("R201", "output-explodes", "output_explodes", ("D1", Breach.EXPLODES)),
    Rule("R202", "nothing-learnt", "nothing_learnt", ("D1", Breach.STILL)),
    Rule(
        "R203",
        "first-step-readout",
        "first_step_readout",
        applies=lambda context: context.verdict.asleep > 0,
    ),
    Rule("R301", "useless-update", "useless_update", ("D2", Breach.USELESS)),
    Rule("R401", "negligible-update", "negligible_update", ("D3", Breach.WEIGHT)),
    Rule("R402", "negligible-readout", "negligible_readout", ("D3", Breach.READOUT)),
    Rule("R403", "negligible-family", "negligible_family", ("D3", Breach.FAMILY)),
    Rule(
        "R502",
        "requirement-fails",
        "requirement_fails",
        applies=lambda context: bool(context.model.requirements),
    ),
    Rule(
        "R507",
        "mixed-richness",
        "mixed_richness",
        applies=lambda context: context.verdict.regime == MIXED,
    ),
    Rule(
        INFERRED,
        "inferred-exponent",
        "inferred_exponent",
        applies=lambda context: bool(context.model.inferred),
    ),
    Rule(
        "R601",
        "epsilon",
        "epsilon",
        applies=lambda context: _any(context, lambda law: law.eps == Epsilon.GRADIENT),
    ),
    Rule("R602", "weight-decay", "weight_decay", applies=_decays),
    Rule(
        "R603",
        "adafactor-zero",
        "adafactor_zero",
        applies=lambda context: _any(context, lambda law: law.is_relative_to_weight),
    ),
    Rule(
        "R604",
        "adafactor-rate",
        "adafactor_rate",
        applies=lambda context: _any(context, lambda law: law.torch.caps_rate),
    ),
    Rule(
        "R605",
        "decay-beside-kernel",
        "decay_beside_kernel",
        applies=lambda context: (
            context.verdict.limit == "kernel"
            and context.model.is_chain
            and not context.model.optimizer.law.decay_is_normalised
            and _decays(context)
        ),
    ),
    Rule(
        "R606",
        "shape-factor-word",
        "shape_factor_word",
        applies=lambda context: any(
            optimizer.shape_factor == "spectral" for optimizer in context.model.optimizers
        ),
    ),
    Rule("R701", "signal-prefactor", "signal_prefactor", applies=_signal_drifts),
    Rule("R702", "precision-range", "precision_range", applies=_strains_precision),
    Rule(
        "R703",
        "adafactor-floor",
        "adafactor_floor",
        applies=lambda context: (
            _any(context, lambda law: law.eps == Epsilon.WEIGHT) and context.is_declared
        ),
    ),
    Rule(
        "R704",
        "no-base-width",
        "no_base_width",
        applies=lambda context: context.model.base_width is None and context.is_declared,
    ),
    Rule("R705", "epsilon-floor", "epsilon_floor", applies=_writes_epsilon),
    Rule("R706", "plain-depth", "plain_depth", applies=_is_deep),
    Rule("R901", "lazy-branch", "lazy_branch", ("D4", Breach.LAZY)),
    Rule(
        "R902",
        "undecided-depth",
        "undecided_depth",
        applies=lambda context: not context.verdict.is_decided,
    ),
    Rule(
        "R903",
        "grown-stream",
        "grown_stream",
        applies=lambda context: context.verdict.is_grown,
    ),
)

#: Every code and its slug: stable, for `--select`, suppressions and documentation.
SLUGS: dict[str, str] = {
    "R001": "syntax",
    "R002": "no-model",
    "R003": "nesting",
    "R004": "not-in-language",
    "R006": "unreadable",
    "R007": "too-many-errors",
    "R010": "unknown-name",
    "R011": "unknown-word",
    "R012": "reserved-name",
    "R013": "duplicate",
    "R014": "missing-statement",
    "R015": "missing-attribute",
    "R016": "conflict",
    "R017": "bad-value",
    "R018": "misplaced",
    "R019": "shape",
    "R020": "sum",
    "R021": "negative",
    "R022": "zero",
    "R023": "ambiguous-exponent",
    "R024": "overflow",
    "R025": "bad-exponent",
    "R026": "too-many-layers",
    "R501": "no-such-gauge",
    "R504": "undetermined-exponent",
    "R505": "unsolvable-exponents",
    "R506": "undecided-interval",
    "R801": "unused-suppression",
    "R802": "bad-suppression",
    **{rule.code: rule.slug for rule in TABLE},
}

#: Codes of ``richc audit``, whose findings are of PyTorch code, and their slugs: just as stable.
AUDITED: dict[str, str] = {
    "A101": "init-size",
    "A102": "output-at-init",
    "A103": "multiplier-size",
    "A301": "own-update-too-large",
    "A302": "own-update-too-small",
    "A401": "softmax-grows",
    "A402": "attention-grows",
    "A501": "readout-too-large",
    "A502": "readout-update",
    "A503": "lazy-scale",
    "A601": "decay-with-width",
    "A602": "eps-with-width",
    "A603": "schedule-with-width",
    "A701": "read-and-measured",
}

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
