"""The picture of a map: each prism with its models as numbered marks, and a legend below."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from richc.algebra.exponent import HALF, ZERO
from richc.calculus.verdict import named_point
from richc.figures.labels import Box, Paper
from richc.figures.style import COLORS, COLUMN, GRID, INK, TWO_COLUMNS, write
from richc.report.map_entries import (
    BEYOND,
    TICKS,
    Entry,
    Panel,
    clamped,
    depth,
    depths,
    panels,
    short,
    tags,
)
from richc.rules.sentence import DEPTH_NAMES, GAUGE_NAMES, POINT_NAMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Points in an inch.
_INCH = 72.0
#: Inches: of one panel, of what is outside its prism, of a line of the legend.
_PANEL, _OUTSIDE, _LINE = 1.95, 0.85, 0.145
#: Inches: of the margins beside the scale, and of the height of the prism.
_LEFT, _RIGHT, _HIGH = 0.62, 0.80, 1.12
#: Inches below the prism: of the axis, and of the first line outside.
_AXIS, _FIRST = 0.24, 0.42
#: Sizes of type, and of a mark, in points.
_NAME, _SMALL, _MARK = 7.0, 6.0, 5.5
#: Of a legend: who has more models reads the list in the terminal.
_MOST = 60

#: What the corners of a prism are, each in a line of the legend.
_CORNERS = (
    "left: r = 0, lazy (NTP); right: r = 1/2, rich (μP)",
    "STP gauge: every multiplier is 1",
    "μP gauge: every layer's own rate is 1",
    "rescaling gauge: every std is 1, or its gain",
    "μP-lr, μP, MFP train alike; so do NTP-lr and NTP",
)

_ON, _NEAR, _OFF = COLORS[0], COLORS[2], COLORS[5]
_FACES = ("#eaf2f8", "#d6e6f2")
_EDGE, _HIDDEN, _SECTION = "#444444", "#999999", "#7a7a7a"


def draw(entries: Sequence[Entry], path: Path, *, force: bool = False) -> None:
    """Draw a map into a .png or .svg file.  Raises OutputError."""
    write(partial(figure, entries), path, force=force)


def figure(entries: Sequence[Entry]) -> Figure:
    """A panel a prism, in one column or, from three on, in two; and the legend."""
    from matplotlib.figure import Figure

    found: list[tuple[type[_Panel], Panel]] = []
    for panel in panels(entries):
        found.append((_Panel, panel))
        if (deep := depths(panel)) is not None:
            found.append((_Depths, deep))
    columns = 1 if len(found) < 3 else 2
    width = COLUMN if columns == 1 else TWO_COLUMNS
    rows = [found[at : at + columns] for at in range(0, len(found), columns)]
    heights = [_PANEL + _OUTSIDE * any(_has_outside(panel) for _, panel in row) for row in rows]
    lines = _legend_lines(entries)
    per_column = -(-len(lines) // columns)
    legend = _LINE * per_column + 0.1
    total = sum(heights) + legend
    drawn = Figure(figsize=(width, total))
    top = total
    for row, height in zip(rows, heights, strict=True):
        top -= height
        for column, (kind, panel) in enumerate(row):
            part = width / columns
            axes = drawn.add_axes(
                (column / columns, top / total, 1 / columns, height / total), frameon=False
            )
            kind(axes, part, height, panel).draw()
    for at, line in enumerate(lines):
        axes = drawn.add_axes((at // per_column / columns, 0, 1 / columns, legend / total))
        _legend_line(axes, line, width / columns, legend, at % per_column)
    return drawn


def _has_outside(panel: Panel) -> bool:
    return any(not entry.place.on_scale for entry in panel.entries)


class _Panel:
    """One prism.  Everything is placed in points from the lower left corner."""

    def __init__(self, axes: Any, width: float, height: float, panel: Panel) -> None:
        self.axes, self.panel, self.prism = axes, panel, panel.prism
        self.width, self.height = width * _INCH, height * _INCH
        axes.set_axis_off()
        axes.set_xlim(0, self.width)
        axes.set_ylim(0, self.height)
        self.paper = Paper(Box(0, 0, self.width, self.height))
        # The μP edge ends to the right of the scale, by a sixth of it.
        self.scale = (self.width - (_LEFT + _RIGHT) * _INCH) * 6 / 7
        self.base = self.height - (0.34 + _HIGH) * _INCH

    def at(self, x: Fraction, y: Fraction = ZERO) -> tuple[float, float]:
        return _LEFT * _INCH + float(x) * self.scale, self.base + float(y) * _HIGH * _INCH

    def draw(self) -> None:
        self.write(4, self.height - 8, self.panel.title, 8, align="left", weight="bold")
        self.body()
        self.vertices()
        self.richness_axis()
        if _has_outside(self.panel):
            self.outside()
        self.marks()

    def write(
        self, x: float, y: float, text: str, size: float, *, align: str = "center", **style: Any
    ) -> None:
        style = {"color": INK, "zorder": 6} | style
        self.axes.text(x, y, text, fontsize=size, ha=align, va="center", **style)
        self.paper.text(x, y, text, size, align=align)

    def line(self, points: Sequence[tuple[float, float]], **style: Any) -> None:
        xs, ys = zip(*points, strict=True)
        self.axes.plot(xs, ys, **{"color": _EDGE, "linewidth": 0.9, "zorder": 2} | style)

    def body(self) -> None:
        ends = [
            {g: self.at(*self.prism.vertex(g, end)) for g in self.prism.gauges} for end in (0, 1)
        ]
        lazy, rich = ends
        pairs = [("stp", "mup"), ("rescaling", "mup")] if self.prism.has_mup else []
        for (one, other), color in zip(pairs or [("stp", "rescaling")], _FACES, strict=False):
            corners = [lazy[one], rich[one], rich[other], lazy[other]]
            self.axes.fill(*zip(*corners, strict=True), color=color, linewidth=0, zorder=1)
        for gauge in self.prism.gauges:
            self.line([lazy[gauge], rich[gauge]])
            self.paper.line(lazy[gauge], rich[gauge])
        for end, corners_of in enumerate(ends):
            for one, other in combinations(self.prism.gauges, 2):
                # The μP edge is in front: it hides the far side of the rich end.
                hidden = end == 1 and "mup" not in (one, other) and self._is_solid(end)
                style = {"color": _HIDDEN, "linestyle": (0, (3, 2)), "linewidth": 0.7}
                self.line([corners_of[one], corners_of[other]], **(style if hidden else {}))
                self.paper.line(corners_of[one], corners_of[other])

    def _is_solid(self, end: int) -> bool:
        return self.prism.has_mup and self.prism.on_line[end] is None

    def vertices(self) -> None:
        for end, richness in enumerate((ZERO, HALF)):
            named: dict[tuple[float, float], tuple[str, str]] = {}
            for gauge in self.prism.gauges:
                point = named_point(richness, (gauge,))
                assert point is not None
                name, word = POINT_NAMES[point], f"{GAUGE_NAMES[gauge]} gauge"
                where = self.at(*self.prism.vertex(gauge, end))
                # Where gauges meet, the first names the point.
                if where in named:
                    name, word = named[where][0], f"{named[where][1]}s"
                named[where] = name, word
            for (x, y), (name, word) in named.items():
                self.vertex(x, y)
                side, align = (7, "left") if end else (-7, "right")
                self.write(x + side, y + (3.5 if end else 0), name, _NAME, align=align)
                if end:
                    gauge_word = word.split(" gauge")[0] + " gauge"
                    grey = {"color": "#555555"}
                    self.write(x + side, y - 3.8, gauge_word, _SMALL, align=align, **grey)

    def vertex(self, x: float, y: float) -> None:
        self.axes.plot(
            [x], [y], "o", markersize=3, markerfacecolor="white",
            markeredgecolor=_EDGE, markeredgewidth=0.8, zorder=4,
        )  # fmt: skip
        self.paper.take(x, y, 5, 5)

    def richness_axis(self) -> None:
        y = self.base - _AXIS * _INCH
        start, end = self.at(ZERO)[0], self.at(Fraction(1))[0]
        self.line([(start, y), (end, y)], color=INK, linewidth=0.7)
        for tick, text in ((ZERO, "0"), (Fraction(1, 2), "1/4"), (Fraction(1), "1/2")):
            x = self.at(tick)[0]
            self.line([(x, y - 2), (x, y + 2)], color=INK, linewidth=0.7)
            self.write(x, y - 8, text, _SMALL)
        self.write(start - 7, y, "lazy", _SMALL, align="right", style="italic")
        self.write(end + 7, y, "rich", _SMALL, align="left", style="italic")
        self.write((start + self.at(HALF)[0]) / 2, y - 8, "richness r", _SMALL)
        self.paper.take((start + end) / 2, y, end - start, 3)

    def level(self, share: Fraction) -> float:
        """The height of what is this far outside."""
        top = self.base - _FIRST * _INCH
        return top - float(share) * (top - 8)

    def outside(self) -> None:
        left, right = self.at(-BEYOND)[0], self.at(1 + BEYOND)[0]
        levels = [(tick / (1 + tick), f"$n^{{{tick}}}$") for tick in TICKS]
        for share, text in [*levels, (Fraction(1), "zero")]:
            y = self.level(share)
            self.line([(left, y), (right, y)], color=GRID, linewidth=0.6, zorder=0)
            self.axes.text(right + 8, y, text, fontsize=_SMALL, va="center", color=INK)
            self.paper.take(right + 18, y, 26, _SMALL)
        grey = {"color": "#555555"}
        self.write(right + 8, self.level(Fraction(0)) - 3, "off by", _SMALL, align="left", **grey)

    def marks(self) -> None:
        places: dict[tuple[float, float], list[Entry]] = {}
        for entry in self.panel.entries:
            places.setdefault(self.spot(entry), []).append(entry)
        for (x, y), those in places.items():
            for entry in those:
                self.section(entry)
            _mark(self.axes, x, y, those)
            self.paper.take(x, y, _MARK + 1, _MARK + 1)
        for (x, y), those in places.items():
            spot, text = self.paper.label(x, y, tags(those), _NAME, _MARK)
            if spot.is_far:
                self.line([(x, y), (spot.x, spot.y)], color=INK, linewidth=0.4, zorder=3)
            halo = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
            style: dict[str, Any] = {"weight": "bold"} if those[0].place.on_scale else {}
            self.axes.text(
                spot.x, spot.y, text, fontsize=_NAME, ha="center", va="center_baseline",
                color=INK, zorder=7, bbox=halo if spot.is_far else None, **style,
            )  # fmt: skip

    def spot(self, entry: Entry) -> tuple[float, float]:
        place = entry.place
        if place.on_scale:
            return self.at(*self.prism.point(place.richness, place.shares))
        return self.at(clamped(place.richness))[0], self.level(depth(place))

    def section(self, entry: Entry) -> None:
        """The triangle that a mark inside is in: without it, one could not tell how deep it is."""
        place = entry.place
        if not place.on_scale or place.richness in (ZERO, HALF) or len(place.shares) == 1:
            return
        corners = [self.at(*self.prism.corner(g, place.richness)) for g in self.prism.gauges]
        for one, other in combinations(corners, 2):
            self.paper.line(one, other)
        self.line([*corners, corners[0]], color=_SECTION, linewidth=0.5, linestyle=(0, (1, 1.5)))


class _Depths(_Panel):
    """Richness beside the power of L that the branches of L blocks are small by."""

    def draw(self) -> None:
        title = f"{self.panel.title}: branches ~ $L^{{-\\alpha}}$"
        self.write(4, self.height - 8, title, 8, align="left", weight="bold")
        self.body()
        self.vertices()
        self.richness_axis()
        self.marks()

    def level_of(self, alpha: Fraction) -> Fraction:
        return 2 * alpha - 1

    def body(self) -> None:
        corners = [self.at(Fraction(x), Fraction(y)) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))]
        self.axes.fill(*zip(*corners, strict=True), color=_FACES[0], linewidth=0, zorder=1)
        for one, other in zip(corners, [*corners[1:], corners[0]], strict=True):
            self.line([one, other])
            self.paper.line(one, other)

    def vertices(self) -> None:
        for alpha in (HALF, Fraction(3, 4), Fraction(1)):
            x, y = self.at(ZERO, self.level_of(alpha))
            self.line([(x - 2, y), (x + 2, y)], color=INK, linewidth=0.7)
            self.write(x - 7, y, f"$\\alpha$ = {alpha}", _SMALL, align="right")
            if alpha in DEPTH_NAMES:
                x, y = self.at(Fraction(1), self.level_of(alpha))
                self.vertex(x, y)
                self.write(x + 7, y, DEPTH_NAMES[alpha], _NAME, align="left")

    def spot(self, entry: Entry) -> tuple[float, float]:
        alpha = entry.place.depth
        assert alpha is not None
        return self.at(clamped(entry.place.richness), self.level_of(alpha))

    def section(self, entry: Entry) -> None:
        """There is no depth of a picture here."""


def _mark(axes: Any, x: float, y: float, entries: Sequence[Entry]) -> None:
    on = entries[0].place.on_scale
    exact = any(entry.place.is_exact for entry in entries)
    shape, color = ("o", _ON) if exact else ("D", _NEAR) if on else ("X", _OFF)
    fill = "white" if on and not exact else color
    axes.plot(
        [x], [y], shape, markersize=_MARK - (shape == "D"), markerfacecolor=fill,
        markeredgecolor=color if fill == "white" else "white",
        markeredgewidth=1.2 if fill == "white" else 0.5, zorder=5,
    )  # fmt: skip


def _legend_lines(entries: Sequence[Entry]) -> list[Entry | str]:
    lines: list[Entry | str] = [*_CORNERS, *entries[:_MOST]]
    if len(entries) > _MOST:
        lines.append(f"and {len(entries) - _MOST:,} more")
    return lines


def _legend_line(axes: Any, line: Entry | str, width: float, height: float, at: int) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, width * _INCH)
    axes.set_ylim(0, height * _INCH)
    y = height * _INCH - (at + 0.5) * _LINE * _INCH
    style = {"fontsize": _SMALL + 0.5, "va": "center_baseline", "color": INK}
    if isinstance(line, str):
        axes.text(24, y, line, **style)
        return
    _mark(axes, 19, y, [line])
    axes.text(13, y, str(line.number), ha="right", weight="bold", **style)
    where = short(line.place)
    letters = int((width * _INCH - 30) / (0.56 * (_SMALL + 0.5)))
    name = cut(os.path.basename(line.name), max(8, letters - len(where) - 2))
    # A dollar is a dollar here, not the begin of a formula.
    axes.text(26, y, f"{name}: {where}".replace("$", r"\$"), **style)


def cut(text: str, most: int) -> str:
    """The text with its middle left out, where it is too long."""
    if len(text) <= most:
        return text
    start = most // 2
    return f"{text[:start]}…{text[start + 1 - most :]}"
