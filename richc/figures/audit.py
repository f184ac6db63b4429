"""The picture of an audit: every parameter's own update with its interval."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from richc.figures.style import COLORS, GRID, INK, write
from richc.report.audit import verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from richc.report.audit_schema import AuditReport

#: Inches of a row.
_ROW = 0.16


def draw(report: AuditReport, path: Path, *, force: bool = False) -> None:
    """Draw an audit into a .png or .svg file.  Raises OutputError."""
    write(partial(figure, report), path, force=force)


def figure(report: AuditReport) -> Figure:
    """A row a parameter: measured with its interval, read as a tick, faults in another colour."""
    from matplotlib.figure import Figure

    rows = [p for p in report.parameters if p.own.read or isinstance(p.own.measured, float)]
    wrong = {n for f in report.findings if f.severity == "error" for n in f.parameters}
    drawn = Figure(figsize=(7.2, 1.4 + _ROW * max(4, len(rows))), layout="constrained")
    axis = drawn.subplots()
    axis.axvspan(-0.25, 0.25, color=GRID, alpha=0.5, linewidth=0)
    for at, row in enumerate(rows):
        color = COLORS[5] if row.name in wrong else COLORS[0]
        if isinstance(row.own.measured, float):
            half = [row.own.interval or 0.0]
            axis.errorbar([row.own.measured], [at], xerr=half, fmt="o", color=color, markersize=3)
        if row.own.read is not None:
            axis.plot([float(Fraction(row.own.read))], [at], "|", color=INK, markersize=7)
    axis.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=6)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel("own update, relative to the representation: power of n (ticks: read)")
    axis.set_title(f"{report.factory}\n{verdict(report)}", fontsize=8)
    return drawn
