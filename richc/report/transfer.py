"""What ``richc transfer`` prints: losses by width and value, the best ones, and one verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import fmean
from typing import TYPE_CHECKING

from richc.report.style import Style
from richc.scaling.formula import power

if TYPE_CHECKING:
    from richc.lab.sweep.transfer import Transfer

#: What is swept, in words.
WORDS = {"lr": "learning rate", "init": "init factor", "gamma": "gamma", "momentum": "momentum"}


def render(path: str, transfer: Transfer, *, color: bool, quiet: bool) -> Iterator[str]:
    """Lines for people.  ``quiet`` leaves the table out."""
    style = Style(color)
    name = style.strong(transfer.result.spec.name)
    if not quiet:
        yield f"{path}: {name}: {transfer.result.sentence}"
        yield f"  {_run(transfer)}"
        yield ""
        yield from _table(transfer)
        yield ""
    mark = style.good("✓") if transfer.passes else style.severity("error", "✗")
    yield f"{mark} {path}: {name}: {verdict(transfer)}"


def verdict(transfer: Transfer) -> str:
    """One line: whether the best value stays, and whether that is as predicted."""
    measured, what = transfer.measured, f"the best {WORDS[transfer.job.parameter]}"
    if measured.carries_over is None:
        said = f"whether {what} stays is undecided: more seeds, widths or values"
    elif measured.carries_over:
        said = f"{what} carries over to every width"
    else:
        said = f"{what} moves with the width"
    drift = f"n^{measured.drift:+.2f} ± {measured.half_width:.2f}"
    return f"{said}: {drift}, {_predicted(transfer)}"


def _predicted(transfer: Transfer) -> str:
    predicted = transfer.predicted
    if predicted is None:
        return "nothing is predicted"
    low, high = power(predicted.low), power(predicted.high)
    words = low if predicted.low == predicted.high else f"{low} to {high}"
    mark = {True: "as predicted", False: "not as predicted", None: "predicted"}[transfer.agrees]
    return f"{mark} ({words})"


def _run(transfer: Transfer) -> str:
    job, runs = transfer.job, transfer.runs
    kept = f", {transfer.kept} of them from before" if transfer.kept else ""
    return (
        f"{len(runs)} trainings of {job.steps} steps on {job.path.name}{kept}, "
        f"{transfer.seconds:.1f} s; training loss, geometric mean over seeds, best marked *"
    )


def _table(transfer: Transfer) -> Iterator[str]:
    """A row a value, a column a width."""
    found: dict[tuple[float, int], list[float]] = {}
    for run in transfer.runs:
        found.setdefault((run.point.value, run.point.width), []).append(run.loss)
    bests = {best.width: best for best in transfer.measured.bests}
    values = sorted({value for value, _ in found})
    yield "  " + "".join([f"{WORDS[transfer.job.parameter]:>14}", *(f"{n:>11}" for n in bests)])
    for value in values:
        cells = [f"{value:>14.5g}"]
        for width, best in bests.items():
            losses = found.get((value, width))
            mark = "*" if value == best.value else " "
            cells.append(f"{'' if losses is None else _loss(losses):>10}{mark}")
        yield ("  " + "".join(cells)).rstrip()


def _loss(losses: list[float]) -> str:
    if not all(map(math.isfinite, losses)):
        return "diverged"
    return f"{math.exp(fmean(math.log(max(loss, 1e-300)) for loss in losses)):.4g}"
