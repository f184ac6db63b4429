"""What ``richc transfer`` measured: its table, and its picture where matplotlib is installed."""

from __future__ import annotations

from typing import NamedTuple

from markupsafe import Markup

from richc.diagnostics import RichError
from richc.figures import transfer as figures
from richc.page.pictures import pictures
from richc.page.rendering import render
from richc.pipeline import ModelResult
from richc.report.snippet import visible
from richc.report.transfer import (
    WORDS,
    drift,
    loss_words,
    prediction,
    run_words,
    shown_losses,
    verdict,
)
from richc.report.transfer_schema import TransferReport


class _Row(NamedTuple):
    value: str
    #: By width: a loss, and whether it is the best.
    losses: list[tuple[str, bool]]


def transferred(report: TransferReport, name: str) -> Markup:
    """The section about one sweep.  ``name`` begins the ids of its picture."""
    drawn, note = pictures(
        lambda panel: figures.figure([report], only=panel),
        figures.panels(report),
        lambda panel: _told(report, panel),
        name,
    )
    return render(
        "transfer.html",
        report=report,
        verdict=verdict(report),
        run=visible(run_words(report)),
        what=WORDS[report.parameter],
        loss=loss_words(report),
        widths=[best.width for best in report.bests],
        rows=[_Row(f"{value:.5g}", losses) for value, losses in shown_losses(report)],
        pictures=drawn,
        key=figures.key(report),
        note=note,
    )


def _told(report: TransferReport, panel: str) -> str:
    """One panel in words; the table has the numbers."""
    symbol = report.over.symbol
    if panel == "losses":
        bests = ", ".join(f"{best.value:.5g} at {symbol} = {best.width}" for best in report.bests)
        return f"A curve a {report.over}, on logarithmic axes. Lowest at {bests}."
    bests = ", ".join(f"{best.refined:.3g} at {symbol} = {best.width}" for best in report.bests)
    words = prediction(report)
    predicted = "" if words is None else f", predicted {words}"
    return f"{bests}: {drift(report)}{predicted}."


def require_same(report: TransferReport, model: ModelResult) -> None:
    """Raises RichError for a sweep that was of another version of the model."""
    now = {
        "sentence": model.sentence,
        "optimizer": model.spec.optimizer.name,
        "loss": model.spec.loss,
    }
    then = {
        "sentence": report.sentence,
        "optimizer": report.run.optimizer,
        "loss": report.run.loss,
    }
    for key, value in then.items():
        if value != now[key]:
            raise RichError(
                f"it is of another version of model `{report.model}`: `{value}`, now `{now[key]}`"
            )
