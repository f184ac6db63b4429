"""The picture of a sweep: loss over the value, a curve a width, and where the best one goes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from richc.figures.style import COLORS, COLUMN, INK, MARKERS, TWO_COLUMNS, width_ticks, write
from richc.lab.outcome import Outcome
from richc.optimizers import title
from richc.report.transfer import WORDS, by_place, drift, loss_words, prediction, typical
from richc.words import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from richc.report.transfer_schema import Training, TransferReport

_LEGEND = {"handlelength": 1.8, "labelspacing": 0.3, "borderaxespad": 0.3}
#: Octaves above and below the best values.
_ROOM = 1.5
#: What no logarithm shows.
_SMALL = 1e-300


def draw(
    found: TransferReport, path: Path, *, beside: Sequence[TransferReport] = (), force: bool = False
) -> None:
    """Draw a report into a .png or .svg file, right of others.  Raises OutputError."""
    write(partial(figure, [*beside, found], titled=True), path, force=force)


def panels(found: TransferReport) -> dict[str, str]:
    """What there is to draw: panel -> its title."""
    what = WORDS[found.parameter]
    return {
        "losses": f"Training loss over the {what}",
        "bests": f"Best {what} over the {found.over}",
    }


def figure(
    reports: Sequence[TransferReport], only: str | None = None, *, titled: bool = False
) -> Figure:
    """The losses of each sweep over the value, then all best values over the width.

    ``only`` chooses one panel of a single sweep.
    """
    from matplotlib.figure import Figure

    if only is not None:
        drawn = Figure(figsize=(COLUMN * 1.15, 3.3), layout="constrained")
        axis = drawn.subplots()
        if only == "losses":
            _losses(axis, reports[0], reports)
            _key_of_widths(drawn, axis, 3)
        else:
            _bests(axis, reports)
        return drawn
    columns = len(reports) + 1
    width = TWO_COLUMNS * max(1.0, columns / 3)
    drawn = Figure(figsize=(width, 3.3 + (0.4 if titled else 0.0)), layout="constrained")
    ratios = [1.35 if columns == 2 else 1.1] * len(reports) + [1.0]
    *losses, bests = drawn.subplots(1, columns, width_ratios=ratios)
    for axis, report in zip(losses, reports, strict=True):
        _losses(axis, report, reports)
        if titled:
            axis.set_title(_title(report, 60 if columns == 2 else 38), fontsize=8)
    for axis in losses[1:]:
        axis.set_ylabel("")
    _bests(bests, reports)
    _key_of_widths(drawn, max(losses, key=lambda axis: len(axis.lines)), 10)
    return drawn


def _title(found: TransferReport, length: int) -> str:
    """What it is, and how it was measured."""
    import textwrap

    point = found.sentence.partition(": ")[0]
    run = found.run
    measured = f"{title(run.optimizer)}, {counted(run.steps, 'step')} on {run.data}"
    return "\n".join([*textwrap.wrap(f"{found.model}: {point}", length), measured])


def key(found: TransferReport) -> str:
    """What the marks are."""
    return (
        "Losses: geometric means over seeds, bands from the least to the greatest; crosses: some "
        f"diverged; ringed: the best {WORDS[found.parameter]} of each {found.over}. "
        f"Over the {found.over}: the "
        "best one, between the values tried; solid: fitted; dashed: predicted"
    )


def _losses(axis: Any, found: TransferReport, beside: Sequence[TransferReport]) -> None:
    """Of one sweep, on the axes of all that are drawn beside it."""
    places = by_place(found)
    _value_axis(axis.xaxis, axis.set_xscale, beside, most=8 if len(beside) == 1 else 6)
    values = _values(beside)
    axis.set_xlim(_place(found, values[0]) / 1.4, _place(found, values[-1]) * 1.4)
    axis.set_xlabel(WORDS[found.parameter])
    axis.set_ylabel(f"training loss ({loss_words(found)})")
    cap = _cap(found)
    for index, best in enumerate(found.bests):
        style = _style(found, best.width)
        by_value = {v: _capped(ts, cap) for v, ts in sorted(places[best.width].items())}
        x = [_place(found, value) for value in by_value]
        means = [math.exp(fmean(map(math.log, losses))) for losses in by_value.values()]
        axis.plot(x, means, label=f"{found.over.symbol} = {best.width}", **style)
        least, greatest = map(min, by_value.values()), map(max, by_value.values())
        axis.fill_between(
            x, list(least), list(greatest), color=style["color"], alpha=0.18, linewidth=0
        )
        ring = {"markersize": 9, "markerfacecolor": "none", "markeredgewidth": 1.5, "zorder": 4}
        axis.plot(
            [_place(found, best.value)], [best.loss], "o", markeredgecolor=style["color"], **ring
        )
        lost = [v for v, ts in places[best.width].items() if typical(ts) is None]
        _mark_lost(axis, [_place(found, value) for value in lost], index, style["color"])
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(lambda loss, _: f"{loss:g}")
    _limit(axis, beside)
    if found.untrained_loss is not None:
        axis.axhline(cap, color=INK, linewidth=0.8, linestyle=":")
        axis.annotate(
            "untrained", (0.01, cap), xycoords=("axes fraction", "data"), xytext=(0, 2),
            textcoords="offset points", va="bottom", fontsize=6.5,
        )  # fmt: skip


def _key_of_widths(drawn: Figure, axis: Any, columns: int) -> None:
    """Below all panels, where no curve is: widths, and what marks are."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles, labels = axis.get_legend_handles_labels()
    ring = Line2D([], [], color=INK, marker="o", ls="none", markersize=8, markerfacecolor="none")
    cross = Line2D([], [], color=INK, marker="x", ls="none", markersize=3.5)
    handles = [*handles, ring, Patch(color=INK, alpha=0.18, linewidth=0), cross]
    labels = [*labels, "best", "least to greatest of the seeds", "some diverged"]
    columns = min(columns, len(labels))
    drawn.legend(handles, labels, loc="outside lower center", ncols=columns, **_LEGEND)


def _limit(axis: Any, beside: Sequence[TransferReport]) -> None:
    """From below the lowest loss to above an untrained network's, with room for crosses and key."""
    lowest = min(best.loss for report in beside for best in report.bests)
    cap, lines = max(map(_cap, beside)), max(len(report.bests) for report in beside)
    # A decade where nothing was learnt at all.
    low = max(min(lowest, cap / 10), _SMALL)
    axis.set_ylim(low / (cap / low) ** 0.08, cap * (cap / low) ** (0.04 + 0.03 * lines))


def _cap(found: TransferReport) -> float:
    """What a training that diverged counts as; where that is unknown, the worst of the others."""
    if found.untrained_loss is not None:
        return found.untrained_loss
    return max((t.train_loss for t in found.trainings if t.train_loss is not None), default=1.0)


def _capped(trainings: Sequence[Training], cap: float) -> list[float]:
    """Their losses, as the best value is judged by them."""
    losses = (cap if t.train_loss is None else t.train_loss for t in trainings)
    return [max(min(loss, cap), _SMALL) for loss in losses]


def _mark_lost(axis: Any, places: Sequence[float], index: int, color: Any) -> None:
    """Crosses above the curves where trainings of a width diverged, a line a width."""
    heights = [0.985 - 0.028 * index] * len(places)
    axis.plot(
        places, heights, "x", color=color, markersize=3.5, markeredgewidth=1.2,
        transform=axis.get_xaxis_transform(),
    )  # fmt: skip


def _bests(axis: Any, reports: Sequence[TransferReport]) -> None:
    """The best values of all sweeps, and how they go with the width."""
    axis.set_xscale("log", base=2)
    _value_axis(axis.yaxis, axis.set_yscale, reports, most=20)
    axis.set_xlabel(f"{reports[0].over} {reports[0].over.symbol}")
    axis.set_ylabel(f"best {WORDS[reports[0].parameter]}")
    reach: list[float] = []
    for index, report in enumerate(reports):
        color = INK if len(reports) == 1 else COLORS[index % len(COLORS)]
        widths = [best.width for best in report.bests]
        places = [_place(report, best.refined) for best in report.bests]
        reach += places
        name = "" if len(reports) == 1 else f"{report.model}: "
        sign = f"  {report.verdict.sign}" if report.verdict is Outcome.UNDECIDED else ""
        label = f"{name}{_typeset(drift(report))}{sign}"
        marker = MARKERS[index % len(MARKERS)]
        _slope(axis, widths, places, report.drift.measured, "-", color)
        axis.plot(widths, places, marker, color=color, markersize=5)
        axis.plot([], [], f"{marker}-", color=color, label=label)
        ends = {report.drift.predicted_low, report.drift.predicted_high} - {None}
        for end in ends:
            # Predictions are of large widths.
            half = len(widths) // 2
            _slope(axis, widths, places, float(Fraction(end or 0)), "--", color, half)
        words = prediction(report)
        if words is not None:
            axis.plot([], [], "--", color=color, label=f"  predicted {_typeset(words)}")
    # Room for the key.
    room = 2 ** (_ROOM + 0.55 * len(reports))
    axis.set_ylim(min(reach) / 2**_ROOM, max(reach) * room)
    widths = sorted({best.width for report in reports for best in report.bests})
    width_ticks(axis, widths)
    axis.legend(loc="upper right", **_LEGEND)


def _typeset(words: str) -> str:
    """With exponents raised."""
    return re.sub(r"([nL])\^([-+0-9./]+)", r"\1$^{\2}$", words)


def _slope(
    axis: Any, widths: Sequence[int], places: Sequence[float], exponent: float, line: str,
    color: str, start: int = 0,
) -> None:  # fmt: skip
    """A power of n through the middle of the points, from ``start`` on."""
    middle = fmean(map(math.log, widths[start:]))
    height = fmean(map(math.log, places[start:]))
    sizes = [math.exp(height + exponent * (math.log(n) - middle)) for n in widths[start:]]
    axis.plot(widths[start:], sizes, line, color=color, linewidth=1.1)


def _values(reports: Sequence[TransferReport]) -> list[float]:
    return sorted({training.value for report in reports for training in report.trainings})


def _value_axis(axis: Any, set_scale: Any, reports: Sequence[TransferReport], most: int) -> None:
    """Octaves; a momentum m by 1 / (1 - m), labelled as m.  At most so many labels of 5 letters."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    set_scale("log", base=2)
    values = _values(reports)
    longest = max(len(f"{value:.3g}") for value in values)
    step = -(-len(values) * max(5, longest) // (5 * most))
    # The best one is labelled.
    first = values.index(reports[-1].bests[-1].value) % step
    names = {_place(reports[-1], v): v for v in values}
    axis.set_major_locator(FixedLocator(list(names)[first::step]))
    axis.set_major_formatter(FuncFormatter(lambda place, _: f"{names.get(place, place):.3g}"))
    axis.set_minor_locator(NullLocator())


def _place(found: TransferReport, value: float) -> float:
    return 1.0 / (1.0 - value) if found.parameter == "momentum" else value


def _style(found: TransferReport, width: int) -> dict[str, Any]:
    """Narrow to wide in a scale that any colour vision orders, seen on white and on black."""
    from matplotlib import colormaps

    widths = [best.width for best in found.bests]
    place = widths.index(width)
    shade = colormaps["viridis"](0.28 + 0.57 * place / max(1, len(widths) - 1))
    return {
        "color": shade, "marker": MARKERS[place % len(MARKERS)], "linestyle": "-", "markersize": 3.5
    }  # fmt: skip
