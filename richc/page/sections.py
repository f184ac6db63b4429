"""What a model's part of the page holds, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from markupsafe import Markup

from richc.algebra.formula import rich_formula
from richc.algebra.sizes import Size
from richc.calculus.verdict import NOT_EVALUATED, VIOLATED
from richc.diagnostics import Suppressed
from richc.optimizers.shape_factor import SHAPE_FACTORS
from richc.page.diagram import diagram
from richc.page.measured import measured
from richc.page.rendering import render
from richc.page.signals import Signal, signals
from richc.page.snippets import findings
from richc.page.transferred import transferred
from richc.pipeline import FileResult, ModelResult
from richc.report.derivation import derivation
from richc.report.derivation.faults import faults
from richc.report.derivation.formulas import number
from richc.report.table import KnobCell, group_name, groups, knobs
from richc.report.transfer import WORDS as WORDS_OF_VALUES
from richc.report.transfer_schema import TransferReport
from richc.report.verification_schema import VerificationReport
from richc.rules.sentence import DEPTH_NAMES, gauge_words, point_name
from richc.spec.declared_values import place, values
from richc.spec.model import Tensor
from richc.syntax.source import Source

#: The desiderata in words.
WORDS = {
    "D0": "Signals keep their size: every representation is of order one at init, and its "
    "updates do not outgrow it.",
    "D1": "Each step changes the output by order one.",
    "D2": "The update of every representation contributes to that change.",
    "D3": "The update of every weight contributes to the representation that follows.",
    "D4": "Inside a block, the update of every weight contributes to what follows it there.",
}

_LIMITS = {"feature_learning": "features learn", "kernel": "kernel machine"}
_LOSSES = {"mse": "mean squared error", "cross_entropy": "cross-entropy"}


#: What richc measured of a model.
Run: TypeAlias = VerificationReport | TransferReport


class PageSection(NamedTuple):
    """One part, under a heading of its own."""

    anchor: str
    title: str
    html: Markup


def sections(
    result: FileResult,
    model: ModelResult,
    anchor: str,
    runs: Sequence[Run],
) -> list[PageSection]:
    """Every section about one model, and its ``runs``.  ``anchor`` begins the ids of all."""

    def section(name: str, title: str, html: Markup) -> PageSection:
        return PageSection(f"{anchor}-{name}", title, html)

    found = [
        section("desiderata", "Desiderata", _desiderata(model, anchor)),
        section("findings", "Findings", _findings(result, model)),
    ]
    if model.spec.is_chain or model.verdict.known_heights:
        found.append(section("signals", "Signals", _signals(model, f"{anchor}-signals")))
    found.append(section("layers", "Layers", _layers(model)))
    for at, run in enumerate(runs, start=1):
        name = "training" if at == 1 else f"training-{at}"
        found.append(section(name, *_shown(run, f"{anchor}-{name}")))
    if model.spec.is_chain:
        found.append(section("derivation", "Derivation", _derivation(model)))
    return found


def _shown(run: Run, name: str) -> tuple[str, Markup]:
    """A title, and what was measured."""
    if isinstance(run, TransferReport):
        what = WORDS_OF_VALUES[run.parameter]
        return f"Transfer of the {what} over {run.over}s", transferred(run, name)
    return "What training shows", measured(run, name)


class _Desideratum(NamedTuple):
    name: str
    words: str
    status: str
    reasons: list[str]


def _desiderata(model: ModelResult, name: str) -> Markup:
    judged = [
        _Desideratum(name, WORDS[name], status, list(_reasons(model, name, status)))
        for name, status in model.statuses
    ]
    return render(
        "desiderata.html",
        desiderata=judged,
        facts=list(_facts(model)),
        plane=_plane(model),
        name=name,
    )


class _Plane(NamedTuple):
    """A place between lazy and rich, and between Depth-μP and CompleteP; 0 to 1 along each."""

    across: float
    up: float
    words: str


def _plane(model: ModelResult) -> _Plane | None:
    """None off the richness scale, and for what has no one power of the depth."""
    richness, alpha = model.verdict.richness, model.verdict.depth_exponent
    if richness is None or alpha is None:
        return None
    return _Plane(float(2 * richness), float(2 * alpha - 1), f"r = {richness}, α = {alpha}")


def _reasons(model: ModelResult, name: str, status: str) -> Iterator[str]:
    verdict = model.verdict
    violations = [v for v in verdict.violations if v.desideratum == name]
    yield from faults(violations, verdict, model.spec.layers)
    if status == VIOLATED and not violations:
        yield f"Not at r = {model.spec.richness}, but elsewhere in the interval: see the findings."
    if status == NOT_EVALUATED and verdict.reason and not model.spec.is_chain:
        yield f"Not evaluated: {verdict.reason}."
    elif status == NOT_EVALUATED:
        yield (
            "Nothing is learnt, so there is no change to contribute to."
            if verdict.nontrivial is False
            else "Signals depend on the width at init, and exponents do not say what follows."
        )


def _facts(model: ModelResult) -> Iterator[tuple[str, str]]:
    """What the model is: a term, and what is said of it."""
    spec, verdict = model.spec, model.verdict
    width = f"{spec.width_symbol} = {spec.width:,}"
    if spec.base_width is not None:
        width += f", base {spec.base_symbol or ''} = {spec.base_width:,}".replace("  ", " ")
    yield "Width", width
    if spec.depth is not None:
        base = "" if spec.depth.base is None else f", base {spec.depth.base_symbol}"
        base += f" = {spec.depth.base}" if base else ""
        yield "Depth", f"{spec.depth.symbol} = {spec.depth.value}{base}"
    for optimizer in spec.optimizers:
        rate = rich_formula(optimizer.lr, spec.symbols)
        yield "Optimizer", f"{optimizer.law.title}, rate `{rate}`"
    yield "Loss", _LOSSES[spec.loss]
    if spec.richness is not None:
        low_high = "" if spec.interval is None else f" in [{spec.interval[0]}, {spec.interval[1]}]"
        yield "Declared richness", f"r = {spec.richness}{low_high}"
    yield "Regime", verdict.regime
    if verdict.limit is not None:
        yield "Limit of width", _LIMITS[verdict.limit]
    if verdict.richness is not None:
        yield "On the richness scale", point_name(verdict.richness)
        yield "Gauge", gauge_words(verdict.gauges) if verdict.gauges else "without a name"
    if verdict.depth_exponents:
        powers = " and ".join(f"L^{-alpha}" for alpha in verdict.depth_exponents)
        alpha = verdict.depth_exponent
        name = None if alpha is None else DEPTH_NAMES.get(alpha)
        yield "Branches", f"small as {powers}, beside their stream{f': {name}' if name else ''}"


class _Silenced(NamedTuple):
    code: str
    slug: str
    message: str
    line: int
    reason: str


def _findings(result: FileResult, model: ModelResult) -> Markup:
    source = result.source
    own = set(model.diagnostics)
    return render(
        "findings.html",
        # In order of place.
        findings=findings(source, [d for d in result.diagnostics if d in own]),
        suppressed=[_silenced(source, one) for one in model.suppressed],
        level=4,
    )


def _silenced(source: Source, suppressed: Suppressed) -> _Silenced:
    found = suppressed.diagnostic
    line = source.position(found.span.start).line
    return _Silenced(found.code, found.slug, found.message, line, suppressed.reason or "")


def _signals(model: ModelResult, name: str) -> Markup:
    found = signals(model)
    return render(
        "signals.html", signals=found, diagram=diagram(found), name=name, input=Signal("n^0")
    )


class _LayerRow(NamedTuple):
    name: str
    role: str
    is_bias: bool
    knobs: tuple[KnobCell, KnobCell, KnobCell]
    #: The gauge invariants A and C.
    init: str
    rate: str
    #: scale, std, lr, decay and eps as numbers.
    values: tuple[str, ...]


def _layers(model: ModelResult) -> Markup:
    rows: list[_LayerRow] = []
    stages = dict(
        zip((x.name for x in model.spec.layers), model.context.network.stages, strict=True)
    )
    for group in groups(model.spec.layers):
        first = group[0]
        stage = stages[first.name]

        def row(tensor: Tensor, name: str, init: Size, rate: Size, role: str) -> _LayerRow:
            exponents = number(init, inverse=True), number(rate, inverse=True)
            words = values(model.spec, tensor).words
            return _LayerRow(name, role, role == "bias", knobs(model, tensor), *exponents, words)

        # A norm without a gain has no knobs.
        if not (first.kind.is_norm and first.weight.frozen):
            rows.append(row(first.weight, group_name(group), *stage.weight, first.role))
        if first.bias is not None and stage.bias is not None:
            rows.append(row(first.bias, group_name(group), *stage.bias, "bias"))
    shape = model.spec.optimizer.shape_factor
    return render(
        "layers.html",
        rows=rows,
        place=place(model.spec),
        is_deep=not model.spec.is_chain,
        shape=shape,
        factor=SHAPE_FACTORS[shape] if shape is not None else None,
    )


def _derivation(model: ModelResult) -> Markup:
    return render(
        "derivation.html", text=derivation(model, None, color=False), name=model.spec.name
    )
