"""What ``richc verify`` measured: its table, and its pictures where matplotlib is installed."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from richc.figures import verification as pictures
from richc.figures.inline import inline
from richc.figures.style import FigureProblem
from richc.report.page.rendering import PageProblem, render
from richc.report.verification import cells, found, run_words, verdict
from richc.report.verification_schema import Row, VerificationReport


def measured(report: VerificationReport, name: str) -> Markup:
    """The section about one run.  ``name`` begins the ids of its pictures."""
    try:
        drawn = [
            Markup(inline(partial(pictures.figure, report, only=q), f"{name}-{q}", title, told))  # noqa: S704 - an XML writer's
            for q, title in pictures.panels(report).items()
            for told in [_told(report, q)]
        ]
        note = ""
    except FigureProblem as error:
        drawn, note = [], str(error)
    return render(
        "measured.html",
        report=report,
        verdict=verdict(report),
        run=run_words(report),
        found=[(kind, words.removeprefix(": ")) for kind, words in found(report)],
        rows=[cells(report, row) for row in report.rows],
        pictures=drawn,
        key=pictures.KEY,
        note=note,
    )


def _told(report: VerificationReport, quantity: str) -> str:
    """One panel in words; the table has the numbers."""
    rows = [row for row in report.rows if row.quantity == quantity]
    rows = [row for row in rows if row.step in (0, report.run.judged_step)]
    words = [f"{_name(report, row)}: {_exponents(row)}" for row in rows]
    return f"Sizes over the width on logarithmic axes. {'; '.join(words)}."


def _name(report: VerificationReport, row: Row) -> str:
    return cells(report, row)[1] + (" bias" if row.of_bias else "")


def _exponents(row: Row) -> str:
    shown = {None: "no exponent", "-inf": "zero"}.get(
        None if row.measured is None else str(row.measured)
    )
    if isinstance(row.measured, float):
        shown = f"measured n^{row.measured:+.2f}"
    predicted = {None: "not predicted", "-inf": "predicted zero"}.get(
        row.predicted, f"predicted n^{row.predicted}"
    )
    return f"{shown}, {predicted}"


def require_same(report: VerificationReport, names: list[str]) -> None:
    """Raises PageProblem where a run was of a model with other layers."""
    if report.layers != names:
        raise PageProblem(
            f"it is of another version of model `{report.model}`, with layers "
            f"{', '.join(report.layers[:6]) or 'none'}"
        )
