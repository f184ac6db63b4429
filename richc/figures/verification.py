"""The picture of a verification: sizes over widths, fitted and predicted slopes, per quantity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from richc.figures.style import COLORS, INK, MARKERS, log_scale, power_through, width_ticks, write
from richc.lab.outcome import Outcome
from richc.report.verification import place, size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from richc.report.verification_schema import Row, VerificationReport

#: Quantity -> title of its panel, and label of its axis.
_PANELS = {
    "h": ("Signals at init", "RMS of h, f"),
    "dh": ("Changes in a step", "RMS of Δh, Δf"),
    "own": ("Each layer's own share of Δh", "RMS"),
    "df": ("Each layer's share of Δf", "RMS"),
    "kernel": ("Change of the kernel h hᵀ", "relative, Frobenius"),
    "state": ("Optimizer's memory of gradients", "RMS"),
}

#: What is below, or above its inverse, is no point of a picture.
_SMALL = 1e-300

#: What the marks are.
KEY = "Points: means over networks; lines: fitted; dashed: predicted slope"


def draw(report: VerificationReport, sentence: str, path: Path, *, force: bool = False) -> None:
    """Draw a verification into a .png or .svg file, under the check's ``sentence``.

    Raises OutputError.
    """
    said = {
        Outcome.PASS: "Training agrees with the check",
        Outcome.FAIL: "Training contradicts the check",
        Outcome.UNDECIDED: "Whether training agrees with the check is undecided",
    }[Outcome.of([report.agrees])]
    title = f"{report.model}: {sentence}\n{said}.  {KEY}"
    write(partial(figure, report, title), path, force=force)


def panels(report: VerificationReport) -> dict[str, str]:
    """What there is to draw: panel -> its title."""
    measured = {panel_of(row) for row in report.rows if report.is_judged(row) and _drawable(row)}
    titles = {quantity: title for quantity, (title, _) in _PANELS.items()}
    over_depth = {_over_depth(q): f"{title}, over the depth" for q, title in titles.items()}
    return {panel: title for panel, title in (titles | over_depth).items() if panel in measured}


def panel_of(row: Row) -> str:
    """Where a row is drawn: the quantity's panel, or that over the depth."""
    return row.quantity if row.symbol == "n" else _over_depth(row.quantity)


def _over_depth(quantity: str) -> str:
    return f"{quantity} over L"


def figure(report: VerificationReport, title: str | None = None, only: str | None = None) -> Figure:
    """One panel a quantity, or that of one only."""
    from matplotlib.figure import Figure

    quantities = list(panels(report)) if only is None else [only]
    columns = 2 if len(quantities) == 4 else min(3, len(quantities))
    lines = -(-len(quantities) // columns)
    drawn = Figure(
        figsize=(4.4 * columns, 3.6 * lines + (0.9 if title else 0.0)), layout="constrained"
    )
    axes = drawn.subplots(lines, columns, squeeze=False)
    titles = panels(report)
    for axis, panel in zip(axes.flat, quantities, strict=False):
        # Of the changes only those of the step that is judged.
        rows = [row for row in report.rows if panel_of(row) == panel and report.is_judged(row)]
        _panel(axis, titles[panel], rows, report)
    for axis in axes.flat[len(quantities) :]:
        axis.set_axis_off()
    if title is not None and len(quantities) < axes.size:
        _key(axes.flat[len(quantities)])
    if title is not None:
        drawn.suptitle(title, fontsize=10)
    drawn.align_ylabels()
    return drawn


def _key(axis: Any) -> None:
    """What marks and lines are, where a panel has room for it."""
    from matplotlib.lines import Line2D

    marks = {
        "mean over networks": Line2D([], [], color=INK, marker="o", linestyle="none"),
        "of a bias": Line2D([], [], color=INK, marker="o", linestyle="none", fillstyle="none"),
        "fitted slope, the number in a legend": Line2D([], [], color=INK),
        "predicted slope, in brackets": Line2D([], [], color=INK, dashes=(4, 3)),
    }
    axis.legend(marks.values(), marks, loc="center left", fontsize=9, frameon=False)


def _drawable(row: Row) -> dict[int, float]:
    """The sizes that a logarithm shows, of a row that a slope was fitted to."""
    if not isinstance(row.measured, float):
        return {}
    return {n: value for n, value in row.sizes.items() if value and _SMALL < value < 1 / _SMALL}


def _panel(axis: Any, title: str, rows: Sequence[Row], report: VerificationReport) -> None:
    _, label = _PANELS[rows[0].quantity]
    of_depth = report.run.depth if rows[0].symbol == "L" else None
    axis.set_title(title, fontsize=10)
    axis.set_xscale("log", base=2)
    log_scale(axis)
    axis.set_xlabel("width n" if of_depth is None else "depth L")
    axis.set_ylabel(label)
    nothing: list[str] = []
    drawn: list[float] = []
    for row in rows:
        sizes, exponent = _drawable(row), row.measured
        if not sizes or not isinstance(exponent, float):
            nothing.append(row.layer)
            continue
        drawn += sizes.values()
        at = report.layers.index(row.layer)
        style = _style(row, at, at == len(report.layers) - 1)
        marker = {"markersize": 4.5, "fillstyle": style["fill"], "color": style["color"]}
        axis.plot(list(sizes), list(sizes.values()), style["marker"], **marker)
        _slopes(axis, row, exponent, sizes, style["color"])
        axis.plot([], [], style["marker"] + "-", label=_label(report, row, exponent), **marker)
    widths = sorted((of_depth or report.run).networks)
    axis.set_xlim(widths[0] / 1.3, widths[-1] * 1.3)
    width_ticks(axis, widths)
    axis.tick_params(labelsize=8)
    if nothing:
        axis.text(0.02, 0.02, f"zero: {', '.join(nothing)}", transform=axis.transAxes, fontsize=8)
    if drawn:
        _limit(axis, drawn, legend_lines=-(-len(drawn) // (2 * len(widths))))
        axis.legend(fontsize=7, frameon=False, loc="upper left", ncols=2, handlelength=1.6)


def _limit(axis: Any, values: Sequence[float], legend_lines: int) -> None:
    """What there is, on half a decade at least, so that noise looks like noise; and the legend."""
    low, high = math.log10(min(values)), math.log10(max(values))
    spare = max(0.0, 0.5 - (high - low)) / 2
    low, high = low - spare - 0.05, high + spare + 0.05
    room = (high - low) * 0.09 * legend_lines
    axis.set_ylim(10**low, 10 ** (high + room))


def _slopes(axis: Any, row: Row, fitted: float, sizes: dict[int, float], color: str) -> None:
    """The fitted line, and the predicted slope: both through the middle of the wider points."""
    widths = sorted(sizes)
    axis.plot(widths, power_through(sizes, fitted), "-", color=color, linewidth=1.2)
    if row.predicted not in (None, "-inf"):
        predicted = power_through(sizes, float(Fraction(row.predicted)))
        axis.plot(widths, predicted, "--", color=color, linewidth=1.2, dashes=(4, 3))


def _label(report: VerificationReport, row: Row, fitted: float) -> str:
    bias = " bias" if row.of_bias else ""
    predicted = "" if row.predicted is None else f" ({size(row.predicted, row.symbol)})"
    sign = Outcome.of([row.agrees]).sign
    mark = "" if row.predicted is None or row.agrees else f"  {sign}"
    return f"{place(report, row)}{bias}  {fitted:+.2f}{predicted}{mark}"


def _style(row: Row, at: int, is_output: bool) -> dict[str, str]:
    """One colour and marker a layer, black for the read-out; biases are hollow."""
    color = INK if is_output else COLORS[at % len(COLORS)]
    marker = "s" if is_output else MARKERS[at % len(MARKERS)]
    return {"color": color, "marker": marker, "fill": "none" if row.of_bias else "full"}
