"""The picture of a verification: sizes over widths, fitted and predicted slopes, per quantity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from richc.figures.style import COLORS, INK, MARKERS, write
from richc.scaling.formula import power

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from richc.lab.verify import Row, Verification

#: Quantity -> title of its panel, and label of its axis.
_PANELS = {
    "h": ("Signals at init", "RMS of h, f"),
    "dh": ("Changes in a step", "RMS of Δh, Δf"),
    "own": ("Each layer's own share of Δh", "RMS"),
    "df": ("Each layer's share of Δf", "RMS"),
    "kernel": ("Change of the kernel h hᵀ", "relative, Frobenius"),
    "state": ("Optimizer's memory of gradients", "RMS"),
}


def draw(verification: Verification, path: Path, *, force: bool = False) -> None:
    """Draw a verification into a .png or .svg file.  Raises FigureProblem."""
    write(partial(figure, verification), path, force=force)


def figure(verification: Verification) -> Figure:
    """One panel a quantity."""
    from matplotlib.figure import Figure

    quantities = [q for q in _PANELS if any(row.key.quantity == q for row in verification.rows)]
    columns = min(3, len(quantities))
    lines = -(-len(quantities) // columns)
    drawn = Figure(figsize=(4.4 * columns, 3.6 * lines + 0.9), layout="constrained")
    axes = drawn.subplots(lines, columns, squeeze=False)
    for axis, quantity in zip(axes.flat, quantities, strict=False):
        rows = [row for row in verification.rows if _is_drawn(row, quantity, verification.step)]
        _panel(axis, quantity, rows, verification)
    for axis in axes.flat[len(quantities) :]:
        axis.set_axis_off()
    spec = verification.result.spec
    mark = "agrees with" if not verification.disagreeing else "contradicts"
    drawn.suptitle(
        f"{spec.name}: {verification.result.sentence}\nTraining {mark} the check.  "
        "Points: means over networks; lines: fitted; dashed: predicted slope",
        fontsize=10,
    )
    drawn.align_ylabels()
    return drawn


def _is_drawn(row: Row, quantity: str, step: int) -> bool:
    """Of the changes only those of the step that is judged."""
    return row.key.quantity == quantity and row.key.step in (0, step)


def _panel(axis: Any, quantity: str, rows: Sequence[Row], verification: Verification) -> None:
    title, label = _PANELS[quantity]
    axis.set_title(title, fontsize=10)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xlabel("width n")
    axis.set_ylabel(label)
    nothing: list[str] = []
    drawn: list[float] = []
    for row in rows:
        sizes = {n: math.exp(size) for n, size in row.sizes.items() if -690 < size < 690}
        if not sizes or row.fit is None or row.fit.is_zero:
            nothing.append(row.layer)
            continue
        drawn += sizes.values()
        style = _style(row)
        marker = {"markersize": 4.5, "fillstyle": style["fill"], "color": style["color"]}
        axis.plot(list(sizes), list(sizes.values()), style["marker"], **marker)
        _slopes(axis, row, sizes, style["color"])
        axis.plot([], [], style["marker"] + "-", label=_label(row), **marker)
    widths = sorted(verification.counts)
    axis.set_xlim(widths[0] / 1.3, widths[-1] * 1.3)
    axis.set_xticks(widths, [str(n) for n in widths], rotation=45 if len(widths) > 5 else 0)
    axis.xaxis.minorticks_off()
    axis.tick_params(labelsize=8)
    if nothing:
        axis.text(0.02, 0.02, f"zero: {', '.join(nothing)}", transform=axis.transAxes, fontsize=8)
    if drawn:
        _limit(axis, drawn, legend_lines=-(-len(drawn) // (2 * len(widths))))
        axis.legend(fontsize=7, frameon=False, loc="upper left", ncols=2, handlelength=1.6)


def _limit(axis: Any, values: Sequence[float], legend_lines: int) -> None:
    """Two decades at least, so that noise looks like noise, and room for the legend above."""
    low, high = math.log10(min(values)), math.log10(max(values))
    spare = max(0.0, 2.0 - (high - low)) / 2
    low, high = low - spare - 0.1, high + spare + 0.1
    room = (high - low) * 0.075 * legend_lines
    axis.set_ylim(10**low, 10 ** (high + room))


def _slopes(axis: Any, row: Row, sizes: dict[int, float], color: str) -> None:
    """The fitted line, and the predicted slope: both through the middle of the wider points."""
    assert row.fit is not None
    widths = sorted(sizes)
    wider = widths[len(widths) // 2 :]
    middle = sum(map(math.log, wider)) / len(wider)
    height = sum(math.log(sizes[n]) for n in wider) / len(wider)

    def line(exponent: float) -> list[float]:
        return [math.exp(height + exponent * (math.log(n) - middle)) for n in widths]

    axis.plot(widths, line(row.fit.exponent), "-", color=color, linewidth=1.2)
    if isinstance(row.predicted, Fraction):
        predicted = line(float(row.predicted))
        axis.plot(widths, predicted, "--", color=color, linewidth=1.2, dashes=(4, 3))


def _label(row: Row) -> str:
    assert row.fit is not None
    name = "f" if row.is_output and row.key.quantity in ("h", "dh") else row.layer
    bias = " bias" if row.key.of_bias else ""
    predicted = "" if row.predicted is None else f" ({power(row.predicted)})"
    mark = "  ✗" if row.agrees is False else ""
    return f"{name}{bias}  {row.fit.exponent:+.2f}{predicted}{mark}"


def _style(row: Row) -> dict[str, str]:
    """One colour and marker a layer, black for the read-out; biases are hollow."""
    place = row.key.layer
    color = INK if row.is_output else COLORS[place % len(COLORS)]
    marker = "s" if row.is_output else MARKERS[place % len(MARKERS)]
    return {"color": color, "marker": marker, "fill": "none" if row.key.of_bias else "full"}
