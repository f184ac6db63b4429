"""The picture of a sweep: loss over the value, a curve a width, and where the best one goes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from richc.figures.style import COLUMN, INK, MARKERS, TWO_COLUMNS, write
from richc.report.transfer import WORDS, by_place, drift, loss_words, prediction, typical
from richc.rules.sentence import OPTIMIZER_NAMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from richc.report.transfer_schema import Training, TransferReport

_LEGEND = {"handlelength": 1.8, "labelspacing": 0.3, "borderaxespad": 0.3}
#: Octaves above and below the best values.
_ROOM = 1.5
#: What no logarithm shows.
_SMALL = 1e-300


def draw(found: TransferReport, path: Path, *, force: bool = False) -> None:
    """Draw a report into a .png or .svg file.  Raises FigureProblem."""
    run = found.run
    title = (
        f"{found.model}: {found.sentence}\n{len(found.trainings)} trainings of {run.steps} steps "
        f"on {run.data}, {OPTIMIZER_NAMES.get(run.optimizer, run.optimizer)}"
    )
    write(partial(figure, found, title), path, force=force)


def panels(found: TransferReport) -> dict[str, str]:
    """What there is to draw: panel -> its title."""
    what = WORDS[found.parameter]
    return {"losses": f"Training loss over the {what}", "bests": f"Best {what} over the width"}


def figure(found: TransferReport, title: str | None = None, only: str | None = None) -> Figure:
    """The losses over the value beside the best value over the width, or one of both."""
    from matplotlib.figure import Figure

    if only is not None:
        drawn = Figure(figsize=(COLUMN * 1.15, 3.1), layout="constrained")
        (_losses if only == "losses" else _bests)(drawn.subplots(), found)
        return drawn
    drawn = Figure(figsize=(TWO_COLUMNS, 3.1 + (0.3 if title else 0.0)), layout="constrained")
    losses, bests = drawn.subplots(1, 2, width_ratios=(1.35, 1.0))
    _losses(losses, found)
    _bests(bests, found)
    if title is not None:
        drawn.suptitle(title, fontsize=9)
    return drawn


def key(found: TransferReport) -> str:
    """What the marks are."""
    return (
        "Losses: geometric means over seeds, bands from the least to the greatest; crosses: some "
        f"diverged; ringed: the best {WORDS[found.parameter]} of each width. Over the width: the "
        "best one, between the values tried; solid: fitted; dashed: predicted"
    )


def _losses(axis: Any, found: TransferReport) -> None:
    places = by_place(found)
    values = sorted({training.value for training in found.trainings})
    _value_axis(axis.xaxis, axis.set_xscale, found)
    axis.set_xlim(_place(found, values[0]) / 1.4, _place(found, values[-1]) * 1.4)
    axis.set_xlabel(WORDS[found.parameter])
    axis.set_ylabel(f"training loss ({loss_words(found)})")
    cap = _cap(found)
    drawn: list[float] = []
    for index, best in enumerate(found.bests):
        style = _style(found, best.width)
        by_value = {v: _capped(ts, cap) for v, ts in sorted(places[best.width].items())}
        x = [_place(found, value) for value in by_value]
        means = [math.exp(fmean(map(math.log, losses))) for losses in by_value.values()]
        drawn += means
        axis.plot(x, means, label=f"n = {best.width}", **style)
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
    # A decade where nothing was learnt at all.
    low, lines = min(*drawn, cap / 10), len(found.bests)
    # Room for the crosses above, and for the key below where curves begin high.
    axis.set_ylim(low / (cap / low) ** 0.08, cap * (cap / low) ** (0.04 + 0.03 * lines))
    if found.untrained_loss is not None:
        axis.axhline(cap, color=INK, linewidth=0.8, linestyle=":")
        axis.annotate(
            "untrained", (0.01, cap), xycoords=("axes fraction", "data"), xytext=(0, 2),
            textcoords="offset points", va="bottom", fontsize=6.5,
        )  # fmt: skip
    axis.legend(loc="lower left", **_LEGEND)


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


def _bests(axis: Any, found: TransferReport) -> None:
    axis.set_xscale("log", base=2)
    _value_axis(axis.yaxis, axis.set_yscale, found)
    axis.set_xlabel("width n")
    axis.set_ylabel(f"best {WORDS[found.parameter]}")
    widths = [best.width for best in found.bests]
    for best in found.bests:
        style = _style(found, best.width) | {"linestyle": "none"}
        axis.plot([best.width], [_place(found, best.refined)], **(style | {"markersize": 6}))
    places = [_place(found, best.refined) for best in found.bests]
    low, high = min(places) / 2**_ROOM, max(places) * 2**_ROOM
    axis.set_ylim(low, high)
    measured = f"fitted: {drift(found)}".replace("^", "$^{").replace(" ±", "}$ ±")
    _slope(axis, widths, places, found.drift.measured, "-", measured)
    words = prediction(found)
    if found.drift.predicted_low is not None and words is not None:
        ends = {found.drift.predicted_low, found.drift.predicted_high or "0"}
        for index, end in enumerate(sorted(ends)):
            label = None if index else f"predicted: {_typeset(words)}"
            _slope(axis, widths, places, float(Fraction(end)), "--", label)
    axis.set_xticks(widths, [str(n) for n in widths], rotation=45 if len(widths) > 5 else 0)
    axis.xaxis.minorticks_off()
    axis.legend(loc="best", **_LEGEND)


def _typeset(words: str) -> str:
    return " to ".join(
        f"n$^{{{word.removeprefix('n^')}}}$" if word.startswith("n^") else word
        for word in words.split(" to ")
    )


def _slope(
    axis: Any, widths: Sequence[int], places: Sequence[float], exponent: float, line: str,
    label: str | None,
) -> None:  # fmt: skip
    """A power of n through the middle of the points."""
    middle = math.fsum(map(math.log, widths)) / len(widths)
    height = math.fsum(map(math.log, places)) / len(places)
    sizes = [math.exp(height + exponent * (math.log(n) - middle)) for n in widths]
    axis.plot(widths, sizes, line, color=INK, linewidth=1.1, label=label)


def _value_axis(axis: Any, set_scale: Any, found: TransferReport) -> None:
    """Octaves; a momentum m by 1 / (1 - m), labelled as m."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    set_scale("log", base=2)
    values = sorted({training.value for training in found.trainings})
    step = -(-len(values) // 8)
    first = values.index(found.bests[-1].value) % step
    ticks = [_place(found, v) for v in values[first::step]]
    names = {_place(found, v): v for v in values}
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda place, _: f"{names.get(place, place):.3g}"))
    axis.set_minor_locator(NullLocator())


def _place(found: TransferReport, value: float) -> float:
    return 1.0 / (1.0 - value) if found.parameter == "momentum" else value


def _style(found: TransferReport, width: int) -> dict[str, Any]:
    """From dark to light in a scale that any colour vision orders, narrow to wide."""
    from matplotlib import colormaps

    widths = [best.width for best in found.bests]
    place = widths.index(width)
    shade = colormaps["viridis"](0.88 * place / max(1, len(widths) - 1))
    return {
        "color": shade, "marker": MARKERS[place % len(MARKERS)], "linestyle": "-", "markersize": 3.5
    }  # fmt: skip
