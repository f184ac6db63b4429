"""What ``richc scale --over depth`` prints: a table of exponents of L by alpha, and one verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from richc.lab.outcome import Outcome
from richc.report.style import Style
from richc.report.verification import HEADER, cells
from richc.words import counted

if TYPE_CHECKING:
    from richc.report.depth_scale_schema import AlphaPoint, DepthScaleReport


def render(path: str, found: DepthScaleReport, *, color: bool, quiet: bool) -> Iterator[str]:
    """Lines for people.  ``quiet`` leaves the table out.  ``path`` is fit for a terminal."""
    style = Style(color)
    name = style.strong(found.model)
    if not quiet:
        yield f"{path}: {name}: exponents of L where branches are times L^-α"
        yield f"  {_run(found)}"
        yield ""
        rows: list[tuple[str, ...]] = [("α", *HEADER)]
        for point in found.points:
            rows += [(point.alpha or "-", *cells(point, row)) for row in point.rows]
        yield from style.marked(rows)
        yield ""
    if found.decide is not None:
        yield f"  to decide it: {found.decide}"
    yield f"{style.sign(found.verdict.sign)} {path}: {name}: {verdict(found)}"


def verdict(found: DepthScaleReport) -> str:
    """One line: whether exponents of L are as predicted at every alpha."""
    judged = [r for point in found.points for r in point.rows if r.predicted is not None]
    if not judged:
        return "the check predicts no exponent of L"
    if found.verdict is Outcome.PASS:
        at = counted(len(found.points), "value")
        return f"training agrees with the check in {len(judged)} exponents of L, at {at} of α"
    those = [point for point in found.points if point.verdict is found.verdict]
    shown = ", ".join(_count(point) for point in those)
    if found.verdict is Outcome.FAIL:
        return f"training contradicts the check in exponents of L: {shown}"
    return f"exponents of L are undecided: {shown}"


def _count(point: AlphaPoint) -> str:
    wanted = False if point.verdict is Outcome.FAIL else None
    judged = [row for row in point.rows if row.predicted is not None]
    count = sum(row.agrees is wanted for row in judged)
    return f"{count} of {len(judged)} at α = {point.alpha or '-'}"


def _run(found: DepthScaleReport) -> str:
    networks = sum(sum(point.networks.values()) for point in found.points)
    depths = sorted({depth for point in found.points for depth in point.networks})
    return (
        f"{counted(networks, 'network')} of width {found.width}, depths "
        f"{', '.join(map(str, depths))}; {counted(found.steps, 'step')} on {found.data}, "
        f"{found.seconds:.1f} s"
    )
