"""What ``richc verify`` prints: a table of exponents, what training breaks, and one verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

from richc.calculus.verdict import NOT_EVALUATED
from richc.lab.outcome import Outcome
from richc.report.style import Style
from richc.report.verification_schema import Fault, Row, VerificationReport
from richc.rules.sentence import point_name
from richc.words import counted

#: Quantity -> words; {} is the layer.
WORDS = {
    "h": "h at init",
    "dh": "Δh, step {}",
    "own": "own share of Δh",
    "df": "share of Δf",
    "kernel": "Δ(h hᵀ), relative",
    "state": "optimizer's state",
}
HEADER = ("quantity", "layer", "predicted", "measured", "95 %", "")


class Layered(Protocol):
    """A report with rows about layers."""

    @property
    def layers(self) -> list[str]: ...


def render(
    path: str, sentence: str, report: VerificationReport, *, color: bool, quiet: bool
) -> Iterator[str]:
    """Lines for people, under the check's ``sentence``.  ``quiet`` leaves the table out."""
    style = Style(color)
    name = style.strong(report.model)
    if not quiet:
        yield f"{path}: {name}: {sentence}"
        yield f"  {run_words(report)}"
        yield ""
        yield from _table(report, style)
        yield ""
        assumed = trust(report)
        if assumed is not None:
            yield from textwrap.wrap(assumed, 98, initial_indent="  ", subsequent_indent="  ")
            yield ""
    for kind, words in found(report):
        shown = style.strong(kind) if kind == "one fault" else style.severity("error", kind)
        yield f"  {shown}{words}"
    if report.decide is not None:
        yield f"  to decide it: {report.decide}"
    yield f"{style.sign(report.verdict.sign)} {path}: {name}: {verdict(report)}"


def found(report: VerificationReport) -> Iterator[tuple[str, str]]:
    """What training breaks: a desideratum or a kind, and what is said of it."""
    measured = report.measured
    for finding in measured.broken:
        if not finding.is_consequence:
            at = f" at `{finding.layer}`" if finding.layer else ""
            yield finding.desideratum, f"{at}: {finding.message}"
    for words in measured.unmet:
        yield "require", f": {words}"
    if measured.fault:
        yield "one fault", f": {_fault(measured.fault)}"


def quantity(row: Row) -> str:
    """What a row is about, without its layer."""
    words = WORDS[row.quantity].format(row.step)
    return f"{words}, bias" if row.of_bias else words


def place(report: Layered, row: Row) -> str:
    """The layer, or f for the output."""
    is_output = row.quantity in ("h", "dh") and row.layer == report.layers[-1]
    return "f" if is_output else row.layer


def verdict(report: VerificationReport) -> str:
    """One line: whether the check is right, and what training is like."""
    if report.nothing_predicted:
        return f"the check predicts no exponent; {_shown(report)}"
    judged = [row for row in report.rows if row.predicted is not None]
    agreeing = sum(row.agrees is True for row in judged)
    wrong = sum(row.agrees is False for row in judged)
    undecided = sum(row.agrees is None for row in judged)
    if wrong:
        agreement = f"training contradicts the check in {wrong} of {len(judged)} exponents"
    elif undecided:
        agreement = f"{undecided} of {len(judged)} exponents are undecided"
    else:
        agreement = f"training agrees with the check in {agreeing} of {len(judged)} exponents"
    said = f"{agreement}; {_shown(report)}"
    return said if report.verdict is Outcome.UNDECIDED else f"{said}; {_risk(report.run.risk)}"


def _shown(report: VerificationReport) -> str:
    measured = report.measured
    if measured.desiderata.D0 == NOT_EVALUATED:
        return "desiderata are not judged where nothing is decided"
    if measured.broken:
        names = ", ".join(sorted({finding.desideratum for finding in measured.broken}))
        return f"it breaks {names} ({measured.regime})"
    if NOT_EVALUATED in measured.desiderata.model_dump().values() or any(
        row.predicted is not None and row.agrees is None for row in report.rows
    ):
        return "no desideratum is seen broken"
    point = "" if measured.richness is None else f", r = {measured.richness:.2f}"
    last = "D3" if measured.desiderata.D4 is None else "D4"
    shown = f"D0-{last} hold{point} ({measured.regime})"
    return shown if not measured.unmet else f"{shown}, which is not what is required"


def _risk(risk: float) -> str:
    # Of a sum of risks: it bounds, and near 1 says nothing.
    if risk > 0.5:
        return "too few networks to say how likely that is wrong"
    return f"the chance that this is wrong is below 1 in {int(1 / max(risk, 1e-6)):,}"


def trust(report: VerificationReport) -> str | None:
    """What the chance of a wrong verdict is of, and what it assumes; None where there is none."""
    if report.verdict is Outcome.UNDECIDED or report.run.risk > 0.5:
        return None
    judged = [row for row in report.rows if row.predicted is not None]
    usual = min((row.tolerance for row in judged), default=0.0)
    return (
        f"wrong would be: one of these {len(judged)} exponents is in truth off by more than "
        f"{Fraction(usual).limit_denominator(1000)} (kernels twice that) from what was fitted. "
        "Assumed is that logarithms of sizes scatter normally from network to network, and bend "
        f"with the width by corrections in n^(-1/2) and 1/n{_in_depth(report)} of the usual size"
    )


def _in_depth(report: VerificationReport) -> str:
    return "" if report.run.depth is None else ", and with the depth in L^(-1/2) and 1/L,"


def _fault(fault: Fault) -> str:
    excess = Fraction(fault.excess)
    size = f"n^{abs(excess)} too {'large' if excess > 0 else 'small'}"
    knob = {"init": "init (multiplier x std)", "rate": "learning rate"}[fault.knob]
    return f"the {knob} of `{fault.layer}` is {size} for {point_name(Fraction(fault.richness))}"


def run_words(report: VerificationReport) -> str:
    """How it was measured."""
    run = report.run
    counts = run.networks
    networks = sum(counts.values())
    seeds = _by_size(counts)
    depth = ""
    if run.depth is not None:
        networks += sum(run.depth.networks.values())
        depth = f"; depth:number at width {run.depth.width} {_by_size(run.depth.networks)}"
    rates = f"{run.rate:.3g}" + ("" if run.depth is None else f" and {run.depth.rate:.3g}")
    return (
        f"{counted(networks, 'network')} (width:number {seeds}{depth}), "
        f"{counted(run.steps, 'step')} on {run.data} at {rates} x the file's rates, "
        f"{run.seconds:.1f} s"
    )


def _by_size(counts: dict[int, int]) -> str:
    return " ".join(f"{size}:{count}" for size, count in counts.items())


def _table(report: VerificationReport, style: Style) -> Iterator[str]:
    yield from style.marked([HEADER, *(cells(report, row) for row in report.rows)])


def cells(report: Layered, row: Row) -> tuple[str, ...]:
    """One row of the table, in the columns of ``HEADER``."""
    interval = ""
    if row.measured is None:
        measured = "no exponent"
    elif isinstance(row.measured, str):
        measured = "0"
    else:
        measured = f"{row.symbol}^{row.measured:+.3f}"
        if row.low is not None and row.high is not None:
            interval = f"± {(row.high - row.low) / 2:.3f}"
    predicted = "" if row.predicted is None else size(row.predicted, row.symbol)
    mark = "" if row.predicted is None else Outcome.of([row.agrees]).sign
    return quantity(row), place(report, row), predicted, measured, interval, mark


def size(exponent: str, symbol: str) -> str:
    """``n^-1/2``, or ``0`` for what is exactly zero."""
    return "0" if exponent == "-inf" else f"{symbol}^{exponent}"
