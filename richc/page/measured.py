"""What ``richc verify`` measured: its table, and its pictures where matplotlib is installed."""

from __future__ import annotations

from fractions import Fraction

from markupsafe import Markup

from richc.algebra.joint import depth_of, width_of
from richc.algebra.sizes import Size
from richc.calculus.verdict import Verdict
from richc.diagnostics import RichError
from richc.figures import verification as figures
from richc.lab.outcome import Outcome
from richc.page.pictures import pictures
from richc.page.rendering import render
from richc.pipeline import ModelResult
from richc.report.snippet import visible
from richc.report.verification import cells, found, quantity, run_words, size, trust, verdict
from richc.report.verification_schema import Row, VerificationReport


def measured(report: VerificationReport, name: str) -> Markup:
    """The section about one run.  ``name`` begins the ids of its pictures."""
    drawn, note = pictures(
        lambda panel: figures.figure(report, only=panel),
        figures.panels(report),
        lambda panel: _told(report, panel),
        name,
    )
    return render(
        "measured.html",
        report=report,
        agreement=Outcome.of([report.agrees]),
        verdict=verdict(report),
        run=visible(run_words(report)),
        trust=trust(report),
        found=[(kind, visible(words.removeprefix(": "))) for kind, words in found(report)],
        rows=[cells(report, row) for row in report.rows],
        pictures=drawn,
        key=figures.KEY,
        note=note,
    )


def _told(report: VerificationReport, panel: str) -> str:
    """One panel in words; the table has the numbers."""
    rows = [row for row in report.rows if figures.panel_of(row) == panel and report.is_judged(row)]
    words = [f"{_name(report, row)}: {_exponents(row)}" for row in rows]
    over = "width" if rows[0].symbol == "n" else "depth"
    return f"Sizes over the {over} on logarithmic axes. {'; '.join(words)}."


def _name(report: VerificationReport, row: Row) -> str:
    return cells(report, row)[1] + (" bias" if row.of_bias else "")


def _exponents(row: Row) -> str:
    shown = {None: "no exponent", "-inf": "zero"}.get(
        None if row.measured is None else str(row.measured)
    )
    if isinstance(row.measured, float):
        shown = f"measured {row.symbol}^{row.measured:+.2f}"
    predicted = {None: "not predicted", "-inf": "predicted zero"}.get(
        row.predicted, f"predicted {row.symbol}^{row.predicted}"
    )
    return f"{shown}, {predicted}"


def require_same(report: VerificationReport, model: ModelResult) -> None:
    """Raises RichError for a run that was of another version of the model."""
    names = [layer.name for layer in model.spec.layers]
    if report.layers != names:
        raise RichError(
            f"it is of another version of model `{report.model}`, with layers "
            f"{', '.join(report.layers[:6]) or 'none'}"
        )
    for row in report.rows:
        at = names.index(row.layer)
        # On the way to the step that is judged, one phase may run into the other.
        if row.quantity not in ("h", "dh", "own", "df") or not report.is_judged(row):
            continue
        now = _predicted(model.verdict, row, at)
        if row.predicted != now:
            raise RichError(
                f"it is of another version of model `{report.model}`: there the check said "
                f"{_said(row, row.predicted)} of {quantity(row)} of `{row.layer}`, now "
                f"{_said(row, now)}"
            )


def _predicted(verdict: Verdict, row: Row, at: int) -> str | None:
    """What the check says of a row today."""
    size = _size(verdict, row, at)
    if not isinstance(size, Fraction):
        return None if size is None else str(size)
    return str(width_of(size) if row.symbol == "n" else depth_of(size))


def _size(verdict: Verdict, row: Row, at: int) -> Size | None:
    if row.quantity == "h":
        return verdict.flow.later[at].h if at < verdict.known_heights else None
    if verdict.nontrivial is None:
        return None
    flow = (verdict.flow.first if row.step == 1 else verdict.flow.later)[at]
    if row.quantity == "dh":
        return flow.dh
    if row.quantity == "own":
        return flow.bias_own if row.of_bias else flow.own
    return flow.bias_df if row.of_bias else flow.df


def _said(row: Row, exponent: str | None) -> str:
    return "nothing" if exponent is None else size(exponent, row.symbol)
