"""The picture of ``richc scale --over depth``: exponents of L, measured and predicted."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from richc.figures.style import COLORS, INK, MARKERS, TWO_COLUMNS, write
from richc.report.verification_schema import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from richc.report.depth_scale_schema import DepthScaleReport

#: Quantity -> title of its panel.
_PANELS = {
    "h": "Signals at init",
    "dh": "Changes in a step",
    "own": "Each layer's own share of Δh",
    "df": "Each layer's share of Δf",
}


def draw(found: DepthScaleReport, path: Path, *, force: bool = False) -> None:
    """Draw a report into a .png or .svg file.  Raises OutputError."""
    write(partial(figure, found), path, force=force)


def figure(found: DepthScaleReport) -> Figure:
    """A panel a quantity: bars are intervals, dashes what the check predicts."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(TWO_COLUMNS, 6.0), layout="constrained")
    axes = drawn.subplots(2, 2)
    for axis, (kind, title) in zip(axes.flat, _PANELS.items(), strict=True):
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("α, branches ~ L^-α")
        axis.set_ylabel("exponent of L")
        _panel(axis, found, kind)
    # Of all that any panel shows, once.
    marks = {
        label: mark
        for axis in axes.flat
        for mark, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    drawn.legend(
        marks.values(), marks, loc="outside lower center", ncols=4, fontsize=7, frameon=False
    )
    drawn.suptitle(
        f"{found.model}: exponents of L (marks: measured, 95 %; dashes: predicted)", fontsize=9
    )
    return drawn


def _panel(axis: Any, found: DepthScaleReport, kind: str) -> None:
    lines: dict[tuple[str, bool], list[tuple[float, Row]]] = {}
    places = [float(Fraction(p.alpha)) if p.alpha else 0.0 for p in found.points]
    for place, point in zip(places, found.points, strict=True):
        for row in point.rows:
            is_judged = row.step in (0, point.judged_step)
            if row.quantity == kind and is_judged and isinstance(row.measured, float):
                lines.setdefault((row.layer, row.of_bias), []).append((place, row))
    layers = found.points[0].layers
    for (layer, of_bias), rows in lines.items():
        at = layers.index(layer)
        color = INK if at == len(layers) - 1 else COLORS[at % len(COLORS)]
        # Side by side, for equal exponents.
        shift = 0.006 * (at - (len(layers) - 1) / 2)
        x = [place + shift for place, _ in rows]
        axis.errorbar(
            x,
            [row.measured for _, row in rows],
            yerr=[((row.high or 0.0) - (row.low or 0.0)) / 2 for _, row in rows],
            fmt=MARKERS[at % len(MARKERS)],
            color=color,
            markersize=4,
            linewidth=0.8,
            fillstyle="none" if of_bias else "full",
            label=f"{layer} bias" if of_bias else layer,
        )
        known = [
            (place, float(Fraction(row.predicted)))
            for place, (_, row) in zip(x, rows, strict=True)
            if row.predicted not in (None, "-inf")
        ]
        if known:
            axis.plot(*zip(*known, strict=True), "_--", color=color, linewidth=0.8, markersize=9)
    axis.set_xticks(places, [point.alpha or "as declared" for point in found.points])
    if not lines:
        axis.text(0.5, 0.5, "zero or not measured", transform=axis.transAxes, ha="center")
