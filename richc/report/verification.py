"""What ``richc verify`` prints: a table of exponents, what training breaks, and one verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from richc.report.style import Style
from richc.rules.sentence import point_name
from richc.scaling.formula import power

if TYPE_CHECKING:
    from richc.lab.findings import Fault
    from richc.lab.verify import Row, Verification

#: Quantity -> words; {} is the layer.
WORDS = {
    "h": "h at init",
    "dh": "Δh, step {}",
    "own": "own share of Δh",
    "df": "share of Δf",
    "kernel": "Δ(h hᵀ), relative",
    "state": "optimizer's state",
}
_HEADER = ("quantity", "layer", "predicted", "measured", "95 %", "")


def render(path: str, verification: Verification, *, color: bool, quiet: bool) -> Iterator[str]:
    """Lines for people.  ``quiet`` leaves the table out."""
    style = Style(color)
    name = style.strong(verification.result.spec.name)
    if not quiet:
        yield f"{path}: {name}: {verification.result.sentence}"
        yield f"  {_run(verification)}"
        yield ""
        yield from _table(verification, style)
        yield ""
    for finding in verification.findings.broken:
        if finding.is_consequence:
            continue
        at = f" at `{finding.layer}`" if finding.layer else ""
        yield f"  {style.severity('error', finding.desideratum)}{at}: {finding.message}"
    for words in verification.unmet:
        yield f"  {style.severity('error', 'require')}: {words}"
    if verification.fault:
        yield f"  {style.strong('one fault')}: {_fault(verification.fault)}"
    mark = style.good("✓") if verification.passes else style.severity("error", "✗")
    yield f"{mark} {path}: {name}: {verdict(verification)}"


def quantity(row: Row) -> str:
    """What a row is about, without its layer."""
    words = WORDS[row.key.quantity].format(row.key.step)
    return f"{words}, bias" if row.key.of_bias else words


def place(row: Row) -> str:
    """The layer, or f for the output."""
    is_output = row.key.quantity in ("h", "dh") and row.is_output
    return "f" if is_output else row.layer


def verdict(verification: Verification) -> str:
    """One line: whether the check is right, and what training is like."""
    judged = [row for row in verification.rows if row.predicted is not None]
    agreeing = sum(row.agrees is True for row in judged)
    wrong, undecided = len(verification.disagreeing), len(verification.open_rows)
    if wrong:
        agreement = f"training contradicts the check in {wrong} of {len(judged)} exponents"
    elif undecided:
        agreement = f"{undecided} of {len(judged)} exponents are undecided: more seeds or widths"
    else:
        agreement = f"training agrees with the check in {agreeing} of {len(judged)} exponents"
    return f"{agreement}; {_shown(verification)}; {_risk(verification.risk)}"


def _shown(verification: Verification) -> str:
    findings = verification.findings
    if findings.broken:
        names = ", ".join(sorted({finding.desideratum for finding in findings.broken}))
        return f"it breaks {names} ({findings.regime})"
    if verification.open_rows:
        return "no desideratum is seen broken"
    shown = f"D0-D3 hold, r = {findings.richness:.2f} ({findings.regime})"
    return shown if not verification.unmet else f"{shown}, which is not what is required"


def _risk(risk: float) -> str:
    if risk < 1e-6:
        return "such a run errs in less than 1 of 1,000,000"
    # Of a sum of risks: it bounds, and near 1 says nothing.
    return f"such a run errs in less than {'half' if risk > 0.5 else f'1 of {int(1 / risk):,}'}"


def _fault(fault: Fault) -> str:
    size = f"n^{abs(fault.excess)} too {'large' if fault.excess > 0 else 'small'}"
    knob = {"init": "init (multiplier x std)", "rate": "learning rate"}[fault.knob]
    return f"the {knob} of `{fault.layer}` is {size} for {point_name(fault.richness)}"


def _run(verification: Verification) -> str:
    counts = verification.counts
    networks = sum(counts.values())
    seeds = " ".join(f"{width}:{count}" for width, count in counts.items())
    return (
        f"{networks} networks (width:number {seeds}), {verification.steps} steps on "
        f"{verification.data} at {verification.rate:.3g} x the file's rates, "
        f"{verification.seconds:.1f} s"
    )


def _table(verification: Verification, style: Style) -> Iterator[str]:
    rows = [_HEADER, *(_cells(row) for row in verification.rows)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(_HEADER))]
    for index, cells in enumerate(rows):
        padded = [f"{text:<{width}}" for text, width in zip(cells, widths, strict=True)]
        # The mark is coloured, so its escapes must not count.
        mark = padded.pop().rstrip()
        if index:
            mark = style.good(mark) if mark == "✓" else style.severity("error", mark)
        yield f"  {'  '.join(padded)}  {mark}".rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    predicted = "" if row.predicted is None else power(row.predicted)
    measured = interval = ""
    if row.fit is not None and row.fit.is_zero:
        measured = "0"
    elif row.fit is not None:
        measured = f"n^{row.fit.exponent:+.3f}"
        interval = f"± {row.fit.half_width(0.95):.3f}"
    elif row.fit is None:
        measured = "no exponent"
    mark = {True: "✓", False: "✗", None: "" if row.predicted is None else "?"}[row.agrees]
    return quantity(row), place(row), predicted, measured, interval, mark
