"""The JSON report, version 1: pydantic models, which are also its schema.

The keys are a contract with outside tools; they only ever grow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Literal

from pydantic import Field

from richc import diagnostics as found
from richc._version import __version__
from richc.algebra.joint import depth_of, width_of
from richc.algebra.sizes import Size, largest
from richc.calculus.ops import Parameter
from richc.calculus.run import LayerFlow
from richc.calculus.verdict import DESIDERATA, HOLDS, Verdict
from richc.pipeline import FileResult, ModelResult
from richc.report import Options
from richc.report.strict import FileName, Strict
from richc.spec import declared_values
from richc.spec.model import Tensor
from richc.syntax.source import Source
from richc.words import OPTIMIZERS

Status = Literal["holds", "violated", "not_evaluated"]


class Span(Strict):
    """A place in a file: 1-based lines and columns (in characters), end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Edit(Strict):
    """Replace the text at ``span``."""

    span: Span
    text: str


class Diagnostic(Strict):
    """One finding."""

    code: str
    slug: str
    severity: Literal["error", "warning", "info"]
    desideratum: Literal["D0", "D1", "D2", "D3", "D4"] | None
    layer: str | None
    message: str
    span: Span
    notes: list[str]
    help: str | None
    edits: list[Edit]


class Desiderata(Strict):
    D0: Status
    D1: Status
    D2: Status
    D3: Status
    D4: Status | None = Field(None, description="null without residual blocks")


class DepthExponents(Strict):
    """What ``Layer`` has of n, of L: a family's exponents in the depth."""

    a: str
    b: str
    c: str
    A: str
    C: str
    h: str | None
    dh: str | None
    df: str | None


class DepthSymbol(Strict):
    symbol: str
    value: int
    base: int | None


class Values(Strict):
    """The knobs of a weight, or of a bias, at the declared width, richness and gamma.

    As the file has them, so before what an optimizer multiplies a rate with by itself (a shape
    factor, RMS(W), a schedule).
    """

    scale: float = Field(description="the multiplier M")
    std: float = Field(description="standard deviation of an entry of the initial weights")
    lr: float = Field(description="the optimizer's rate times the layer's; 0 where frozen")
    decay: float
    eps: float | None = Field(
        description="null where the optimizer has none, or no floor of RMS(W)"
    )


class Layer(Strict):
    """Exponents of one layer, as rational strings; ``"inf"`` for a zero or frozen knob.

    Multiplier n^-a, init std n^-b, learning rate n^-c; A and C are the gauge invariants; h, dh
    and df are the sizes n^x of the representation at init, of its update, and of the layer's own
    share of the output's change, in the later phase (``"-inf"`` for what is exactly zero, null
    for what is not evaluated).
    """

    name: str
    role: Literal["read-in", "hidden", "read-out", "branch", "branch-last", "vector"]
    a: str
    b: str
    c: str
    A: str
    C: str
    h: str | None
    dh: str | None
    df: str | None
    optimizer: str = Field(json_schema_extra={"enum": list(OPTIMIZERS)})
    L: DepthExponents | None = Field(None, description="null in a model without a depth")
    values: Values
    bias_values: Values | None = Field(description="null for a layer without a bias")


class Model(Strict):
    """The verdict on one model."""

    name: str
    verdict: Literal["pass", "fail", "undecided"]
    stable: bool
    nontrivial: bool | None = Field(description="null where D1 is not evaluated")
    regime: Literal["rich", "lazy", "mixed", "partial", "trivial", "unstable"]
    limit: Literal["feature_learning", "kernel"] | None
    richness: str | None
    equivalent_to: Literal["mup", "ntp"] | None
    gauges: list[Literal["stp", "mup", "rescaling"]]
    point: Literal["mup-lr", "mup", "mfp", "ntp-lr", "ntp"] | None
    depth: DepthSymbol | None = None
    depth_point: Literal["completep", "depth-mup"] | None = None
    desiderata: Desiderata
    layers: list[Layer]


class File(Strict):
    path: FileName
    diagnostics: list[Diagnostic]
    models: list[Model]


class Report(Strict):
    """What ``richc check --format json`` prints."""

    version: Literal[1] = 1
    richc: str
    files: list[File]


def report(results: Iterable[FileResult]) -> Report:
    """The report on checked texts."""
    return Report(richc=__version__, files=[_file(result) for result in results])


def render(results: Iterable[FileResult], _: Options) -> Iterator[str]:
    """One JSON document."""
    yield report(results).model_dump_json(indent=2) + "\n"


def _file(result: FileResult) -> File:
    return File(
        path=result.source.path,
        diagnostics=[_diagnostic(result.source, d) for d in result.diagnostics],
        models=[_model(model) for model in result.models],
    )


def _span(source: Source, span: found.Span) -> Span:
    start, end = source.position(span.start), source.position(span.end)
    return Span(line=start.line, column=start.column, end_line=end.line, end_column=end.column)


def _diagnostic(source: Source, diagnostic: found.Diagnostic) -> Diagnostic:
    message = diagnostic.message
    if diagnostic.label:
        message += f": {diagnostic.label}"
    return Diagnostic.of(
        diagnostic,
        message=message,
        span=_span(source, diagnostic.span),
        edits=[Edit(span=_span(source, edit.span), text=edit.text) for edit in diagnostic.edits],
    )


def _inverse(size: Size, of: Callable[[Fraction], Fraction] = width_of) -> str:
    """The exponent of n^-x, as theory writes it; or of L^-x."""
    return str(-of(size)) if isinstance(size, Fraction) else "inf"


def _shown(size: Size, of: Callable[[Fraction], Fraction] = width_of) -> str:
    return str(of(size)) if isinstance(size, Fraction) else "-inf"


def _exponents(
    written: tuple[Size, Size, Size],
    judged: Parameter,
    flow: LayerFlow,
    verdict: Verdict,
    index: int,
    of: Callable[[Fraction], Fraction],
) -> dict[str, str | None]:
    """What ``Layer`` and ``DepthExponents`` say, in the powers of one symbol."""
    scale, std, rate = (_inverse(size, of) for size in written)
    evaluated = verdict.nontrivial is not None
    return {
        "a": scale,
        "b": std,
        "c": rate,
        "A": _inverse(judged.init, of),
        "C": _inverse(judged.rate, of),
        "h": _shown(flow.h, of) if index < verdict.known_heights else None,
        "dh": _shown(flow.dh, of) if evaluated else None,
        "df": _shown(largest(flow.df, flow.bias_df), of) if evaluated else None,
    }


def _model(result: ModelResult) -> Model:
    verdict = result.verdict
    network = result.context.network
    known: dict[int, Values] = {}  # repeated layers share their tensors

    def values(tensor: Tensor) -> Values:
        if id(tensor) not in known:
            known[id(tensor)] = Values.of(declared_values.values(result.spec, tensor))
        return known[id(tensor)]

    parts = zip(
        result.spec.layers, network.stages, network.written, verdict.flow.later, strict=True
    )
    layers = []
    for index, (layer, stage, written, flow) in enumerate(parts):
        if layer.is_bare:
            continue
        of_depth = None
        if result.spec.depth is not None:
            of_depth = _exponents(written, stage.weight, flow, verdict, index, depth_of)
        layers.append(
            {
                "name": layer.shown,
                "role": layer.role,
                **_exponents(written, stage.weight, flow, verdict, index, width_of),
                "optimizer": result.spec.optimizer_of(layer.weight).name,
                "L": of_depth,
                "values": values(layer.weight),
                "bias_values": None if layer.bias is None else values(layer.bias),
            }
        )
    return Model.of(
        verdict,
        name=result.spec.name,
        verdict=_word(result),
        depth=result.spec.depth,
        depth_point=_depth_point(result),
        desiderata=dict(result.statuses),
        layers=layers,
    )


def _word(result: ModelResult) -> str:
    if not result.verdict.is_decided:
        return "undecided"
    return "pass" if result.passes else "fail"


def _depth_point(result: ModelResult) -> str | None:
    """CompleteP where D4 holds as well, Depth-μP where branches are small by the root of L."""
    statuses = dict(result.statuses)
    alpha = result.verdict.depth_exponent
    if alpha is None or any(statuses[name] != HOLDS for name in DESIDERATA):
        return None
    if statuses["D4"] == HOLDS:
        return "completep"
    return "depth-mup" if alpha == Fraction(1, 2) else None
