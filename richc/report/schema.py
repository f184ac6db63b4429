"""The JSON report, version 1: pydantic models, which are also its schema.

The keys are a contract with outside tools; they only ever grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Literal

from pydantic import Field

from richc import diagnostics as found
from richc._version import __version__
from richc.algebra.sizes import Size, largest
from richc.pipeline import FileResult, ModelResult
from richc.report import Options
from richc.report.names import FileName
from richc.report.strict import Strict
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
    desideratum: Literal["D0", "D1", "D2", "D3"] | None
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


class Values(Strict):
    """The knobs of a weight, or of a bias, at the declared width, richness and gamma.

    As the file has them, so before what an optimizer multiplies a rate with by itself (Muon's shape
    factor, Adafactor's RMS(W), a schedule).
    """

    scale: float = Field(description="the multiplier M")
    std: float = Field(description="standard deviation of an entry of the initial weights")
    lr: float = Field(description="the optimizer's rate times the layer's; 0 where frozen")
    decay: float
    eps: float | None = Field(
        description="null where the optimizer has none, or Adafactor no floor of RMS(W)"
    )


class Layer(Strict):
    """Exponents of one layer, as rational strings; ``"inf"`` for a zero or frozen knob.

    Multiplier n^-a, init std n^-b, learning rate n^-c; A and C are the gauge invariants; h, dh
    and df are the sizes n^x of the representation at init, of its update, and of the layer's own
    share of the output's change, in the later phase (``"-inf"`` for what is exactly zero, null
    for what is not evaluated).
    """

    name: str
    role: Literal["read-in", "hidden", "read-out"]
    a: str
    b: str
    c: str
    A: str
    C: str
    h: str | None
    dh: str | None
    df: str | None
    optimizer: str = Field(json_schema_extra={"enum": list(OPTIMIZERS)})
    values: Values
    bias_values: Values | None = Field(description="null for a layer without a bias")


class Model(Strict):
    """The verdict on one model."""

    name: str
    verdict: Literal["pass", "fail"]
    stable: bool
    nontrivial: bool | None = Field(description="null where D1 is not evaluated")
    regime: Literal["rich", "lazy", "mixed", "partial", "trivial", "unstable"]
    limit: Literal["feature_learning", "kernel"] | None
    richness: str | None
    equivalent_to: Literal["mup", "ntp"] | None
    gauges: list[Literal["stp", "mup", "rescaling"]]
    point: Literal["mup-lr", "mup", "mfp", "ntp-lr", "ntp"] | None
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
    return Diagnostic.model_validate(
        {
            "code": diagnostic.code,
            "slug": diagnostic.slug,
            "severity": diagnostic.severity,
            "desideratum": diagnostic.desideratum,
            "layer": diagnostic.layer,
            "message": message,
            "span": _span(source, diagnostic.span),
            "notes": list(diagnostic.notes),
            "help": diagnostic.help,
            "edits": [
                Edit(span=_span(source, edit.span), text=edit.text) for edit in diagnostic.edits
            ],
        }
    )


def _inverse(size: Size) -> str:
    """The exponent of n^-x, as theory writes it."""
    return str(-size) if isinstance(size, Fraction) else "inf"


def _model(result: ModelResult) -> Model:
    verdict = result.verdict
    network = result.context.network
    known: dict[int, Values] = {}  # repeated layers share their tensors

    def values(tensor: Tensor) -> Values:
        if id(tensor) not in known:
            known[id(tensor)] = Values(**declared_values.values(result.spec, tensor)._asdict())
        return known[id(tensor)]

    layers = [
        {
            "name": layer.name,
            "role": layer.role,
            "a": _inverse(scale),
            "b": _inverse(std),
            "c": _inverse(rate),
            "A": _inverse(stage.weight.init),
            "C": _inverse(stage.weight.rate),
            "h": str(flow.h) if index < verdict.known_heights else None,
            "dh": str(flow.dh) if verdict.nontrivial is not None else None,
            "df": str(largest(flow.df, flow.bias_df)) if verdict.nontrivial is not None else None,
            "optimizer": result.spec.optimizer.name,
            "values": values(layer.weight),
            "bias_values": None if layer.bias is None else values(layer.bias),
        }
        for index, (layer, stage, (scale, std, rate), flow) in enumerate(
            zip(
                result.spec.layers, network.stages, network.written, verdict.flow.later, strict=True
            )
        )
    ]
    richness = verdict.richness
    return Model.model_validate(
        {
            "name": result.spec.name,
            "verdict": "pass" if result.passes else "fail",
            "stable": verdict.stable,
            "nontrivial": verdict.nontrivial,
            "regime": verdict.regime,
            "limit": verdict.limit,
            "richness": None if richness is None else str(richness),
            "equivalent_to": verdict.equivalent_to,
            "gauges": list(verdict.gauges),
            "point": verdict.point,
            "desiderata": dict(result.statuses),
            "layers": layers,
        }
    )
