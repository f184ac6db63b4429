"""The picture of the richness scale: what training changes over r, the width and gamma."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from richc.figures.style import (
    COLORS,
    INK,
    MARKERS,
    TWO_COLUMNS,
    log_scale,
    power_through,
    width_ticks,
    write,
)
from richc.lab.outcome import Outcome
from richc.report.scale import LOSSES
from richc.report.scale_schema import number
from richc.words import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from richc.report.scale_schema import Row, ScaleReport, Spot

#: Quantity -> title of its panels, and label of their axis.
_PANELS = {
    "features": ("Features", "change of h, relative"),
    "kernel": ("Kernel h hᵀ", "change, relative"),
    "distance": ("Distance to own kernel", "of f, relative to its change"),
}
#: The same by gamma, in one panel.
_BY_GAMMA = {
    "features": "features",
    "kernel": "kernel h hᵀ",
    "tangent_kernel": "tangent kernel",
    "distance": "distance",
}
_LEGEND = {"handlelength": 2.2, "borderaxespad": 0.0, "labelspacing": 0.35, "alignment": "left"}


def draw(found: ScaleReport, path: Path, *, force: bool = False) -> None:
    """Draw a report into a .png or .svg file.  Raises OutputError."""
    write(partial(figure, found), path, force=force)


def figure(found: ScaleReport) -> Figure:
    """Panels over r, over the width, and of losses and gamma, with a key in the last place."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(TWO_COLUMNS, 7.0), layout="constrained")
    axes = drawn.subplots(3, 3)
    for column, quantity in enumerate(_PANELS):
        title, label = _PANELS[quantity]
        for axis in axes[:2, column]:
            axis.set_ylabel(label)
            log_scale(axis)
        axes[0, column].set_title(title)
        _over_r(axes[0, column], found, quantity)
        _over_width(axes[1, column], found, quantity)
    _losses(axes[2, 0], found)
    _over_gamma(axes[2, 1], found)
    _key(axes[2, 2], found)
    sign = f"{found.verdict.sign} " if found.verdict is Outcome.UNDECIDED else ""
    drawn.suptitle(
        f"{sign}{found.model}: {counted(found.run.steps, 'step')} on "
        f"{counted(found.run.examples, 'example')} of {found.run.data}, "
        f"{counted(found.run.seeds, 'network')} a point (bars: least to greatest)",
        fontsize=9,
    )
    return drawn


def _over_r(axis: Any, found: ScaleReport, quantity: str) -> None:
    for width, spots in _by(found.spots, "width").items():
        _line(axis, [number(s.richness) for s in spots], spots, quantity, _of_width(found, width))
    _richness_axis(axis, found)
    _finish(axis, found, quantity, found.spots)


def _over_width(axis: Any, found: ScaleReport, quantity: str) -> None:
    rows = {row.richness: row for row in found.rows if row.quantity == quantity}
    for richness, spots in _by(found.spots, "richness").items():
        style = _of_richness(found, richness)
        _line(axis, [s.width for s in spots], spots, quantity, style | {"linestyle": "none"})
        if richness in rows:
            _slope(axis, rows[richness], spots, quantity, style["color"])
    widths = _widths(found)
    axis.set_xscale("log", base=2)
    width_ticks(axis, widths)
    axis.set_xlabel("width n")
    _finish(axis, found, quantity, found.spots)


def _slope(axis: Any, row: Row, spots: Sequence[Spot], quantity: str, color: Any) -> None:
    """The predicted slope, or dotted the fitted one, through the middle of the wider points."""
    known = {s.width: size for s in spots if (size := _typical(s, quantity))}
    exponent = row.measured if row.predicted is None else number(row.predicted)
    if len(known) < 2 or not isinstance(exponent, float):
        return
    sizes = power_through(known, exponent)
    axis.plot(
        list(known), sizes, ":" if row.predicted is None else "--", color=color, linewidth=1.1
    )


def _losses(axis: Any, found: ScaleReport) -> None:
    axis.set_title("Loss at the end")
    axis.set_ylabel(LOSSES[found.run.loss])
    log_scale(axis)
    for width, spots in _by(found.spots, "width").items():
        style = _of_width(found, width)
        places = [number(s.richness) for s in spots]
        _line(axis, places, spots, "held_out_loss", style)
        hollow = {"linestyle": "--", "markerfacecolor": "white"}
        _line(axis, places, spots, "train_loss", style | hollow)
    _richness_axis(axis, found)


def _over_gamma(axis: Any, found: ScaleReport) -> None:
    spots = found.prefactors
    at = f", n = {spots[0].width}" if spots else ""
    axis.set_title(f"By gamma{at}")
    axis.set_xlabel("gamma, prefactor of alpha")
    axis.set_ylabel("change or distance, relative")
    if not spots:
        _say(axis, found.no_gammas or "no gamma was asked for")
        return
    places = [number(s.gamma) for s in spots]
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    for index, (quantity, label) in enumerate(_BY_GAMMA.items()):
        color = COLORS[(1, 3, 4, 5)[index]]
        style = {"color": color, "marker": MARKERS[index], "label": label, "linestyle": "-"}
        _line(axis, places, spots, quantity, style)
    axis.set_xticks(places, [s.gamma for s in spots])
    axis.xaxis.minorticks_off()
    lost = [place for place, s in zip(places, spots, strict=True) if s.diverged]
    if lost:
        axis.plot(
            lost, [0.03] * len(lost), "x", color=INK, transform=axis.get_xaxis_transform(),
            label="some diverged",
        )  # fmt: skip
    axis.legend(loc="upper left", **(_LEGEND | {"handlelength": 1.6, "borderaxespad": 0.2}))


def _key(axis: Any, found: ScaleReport) -> None:
    """What colours and lines mean."""
    from matplotlib.lines import Line2D

    axis.set_axis_off()
    by_width = [Line2D([], [], label=f"n = {n}", **_of_width(found, n)) for n in _widths(found)]
    held_out = Line2D([], [], color=INK, marker="o", label="held out")
    train = Line2D([], [], color=INK, marker="o", ls="--", markerfacecolor="white", label="train")
    by_r = [
        Line2D([], [], label=f"r = {r}", **(_of_richness(found, r) | {"linestyle": "none"}))
        for r in _by(found.spots, "richness")
    ]
    words = "predicted slope:\n$n^{r-1/2}$, kernel $n^{2r-1}$"
    dashed = Line2D([], [], color=INK, ls="--", lw=1.1, label=words)
    dotted = Line2D([], [], color=INK, ls=":", lw=1.1, label="fitted, no prediction")
    first = axis.legend(
        handles=[*by_width, held_out, train], title="over r", loc="upper left",
        bbox_to_anchor=(-0.12, 1.05), **_LEGEND,
    )  # fmt: skip
    axis.add_artist(first)
    second = axis.legend(
        handles=by_r, title="over n", loc="upper left", bbox_to_anchor=(0.52, 1.05), **_LEGEND
    )
    axis.add_artist(second)
    axis.legend(handles=[dashed, dotted], loc="lower left", bbox_to_anchor=(-0.12, 0.05), **_LEGEND)


def _line(
    axis: Any, places: Sequence[float], spots: Sequence[Spot], quantity: str, style: Any
) -> None:
    """Typical sizes of the spots that have one, with bars from the least to the greatest."""
    known = [
        (place, size, values)
        for place, spot in zip(places, spots, strict=True)
        if (size := _typical(spot, quantity)) and (values := getattr(spot, quantity).values)
    ]
    if not known:
        return
    axis.plot([place for place, _, _ in known], [size for _, size, _ in known], **style)
    for place, _, values in known:
        axis.plot([place, place], [min(values), max(values)], color=style["color"], lw=0.7)


def _typical(spot: Spot, quantity: str) -> float | None:
    """None for what is not evaluated, and for zero, which no logarithm shows."""
    values = getattr(spot, quantity)
    return None if values is None else values.typical or None


def _finish(axis: Any, found: ScaleReport, quantity: str, spots: Iterable[Spot]) -> None:
    if all(_typical(spot, quantity) is None for spot in spots):
        _say(axis, found.no_kernel or "every network diverged")


def _say(axis: Any, reason: str) -> None:
    """Words in an empty panel."""
    import textwrap

    axis.set_yscale("linear")
    axis.set_xticks([])
    axis.set_yticks([])
    words = textwrap.fill(f"not evaluated: {reason}", 30)
    axis.text(0.5, 0.5, words, transform=axis.transAxes, ha="center", va="center", fontsize=7)


def _richness_axis(axis: Any, found: ScaleReport) -> None:
    """From lazy to rich, whatever part of it was trained at."""
    names = {Fraction(0): "0\nlazy, NTP", Fraction(1, 2): "1/2\nrich, μP"}
    points = sorted({Fraction(spot.richness) for spot in found.spots} | set(names))
    shown = [names.get(r, str(r)) for r in points]
    if len(points) > 6:
        shown = [names.get(r, "") for r in points]
    axis.set_xlim(-0.03, 0.53)
    axis.set_xticks([float(r) for r in points], shown)
    axis.set_xlabel("richness r", labelpad=-5)


def _by(spots: Iterable[Spot], key: str) -> dict[Any, list[Spot]]:
    """Spots in their order, by one of their fields."""
    found: dict[Any, list[Spot]] = {}
    for spot in spots:
        found.setdefault(getattr(spot, key), []).append(spot)
    return found


def _widths(found: ScaleReport) -> list[int]:
    return sorted({spot.width for spot in found.spots})


def _of_width(found: ScaleReport, width: int) -> dict[str, Any]:
    """A shade of grey and a shape: hues are for r, and for quantities."""
    widths = _widths(found)
    place = widths.index(width)
    shade = 0.65 * (1 - place / max(1, len(widths) - 1))
    return {
        "color": INK if not shade else (shade, shade, shade),
        "marker": MARKERS[place % len(MARKERS)],
        "linestyle": "-",
    }


def _of_richness(found: ScaleReport, richness: str) -> dict[str, Any]:
    """From dark to light in a scale that any colour vision orders."""
    from matplotlib import colormaps

    points = list(_by(found.spots, "richness"))
    place = points.index(richness)
    shade = colormaps["viridis"](0.85 * place / max(1, len(points) - 1))
    return {"color": shade, "marker": "o", "linestyle": "-"}
