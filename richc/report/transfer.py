"""What ``richc transfer`` prints: losses by width and value, the best ones, and one verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from statistics import fmean
from typing import TYPE_CHECKING

from richc.lab.growth import Growth
from richc.report.scale import LOSSES
from richc.report.style import Style
from richc.words import counted

if TYPE_CHECKING:
    from richc.report.transfer_schema import Training, TransferReport

#: What is swept, in words.
WORDS = {"lr": "learning rate", "init": "init factor", "gamma": "gamma", "momentum": "momentum"}


def render(path: str, found: TransferReport, *, color: bool, quiet: bool) -> Iterator[str]:
    """Lines for people.  ``quiet`` leaves the table out.  ``path`` is fit for a terminal."""
    style = Style(color)
    name = style.strong(found.model)
    if not quiet:
        yield f"{path}: {name}: {found.sentence}"
        yield f"  {run_words(found)}; training loss, geometric mean over seeds, best marked *"
        yield ""
        yield from _table(found)
        yield ""
    if found.decide is not None:
        yield f"  to decide it: {found.decide}"
    yield f"{style.sign(found.verdict.sign)} {path}: {name}: {verdict(found)}"


def verdict(found: TransferReport) -> str:
    """One line: whether the best value stays, and whether that is as predicted."""
    what = f"the best {WORDS[found.parameter]}"
    if found.carries_over is None:
        said = f"whether {what} stays is undecided"
    elif found.carries_over:
        said = f"{what} carries over to every {found.over}"
    else:
        said = f"{what} moves with the {found.over}"
    return f"{said}: {drift(found)}, {_predicted(found)}"


def drift(found: TransferReport) -> str:
    """The measured exponent with its interval."""
    low, high = found.drift.low, found.drift.high
    half = "∞" if low is None or high is None else f"{(high - low) / 2:.2f}"
    return f"{found.over.symbol}^{found.drift.measured:+.2f} ± {half}"


def prediction(found: TransferReport) -> str | None:
    """The predicted exponents; None where there are none."""
    if found.drift.predicted_low is None or found.drift.predicted_high is None:
        return None
    low, high = Fraction(found.drift.predicted_low), Fraction(found.drift.predicted_high)
    least, most = (f"{found.over.symbol}^{exponent}" for exponent in (low, high))
    return least if low == high else f"{least} to {most}"


def by_place(found: TransferReport) -> dict[int, dict[float, list[Training]]]:
    """Trainings by width and value, each over its seeds."""
    places: dict[int, dict[float, list[Training]]] = {}
    for training in found.trainings:
        places.setdefault(training.width, {}).setdefault(training.value, []).append(training)
    return places


def typical(trainings: Sequence[Training]) -> float | None:
    """The geometric mean of their training losses; None where one of them diverged."""
    losses = [training.train_loss for training in trainings]
    known = [loss for loss in losses if loss is not None]
    if len(known) < len(losses):
        return None
    return math.exp(fmean(math.log(max(loss, 1e-300)) for loss in known))


def _predicted(found: TransferReport) -> str:
    words = prediction(found)
    if words is None:
        return "nothing is predicted"
    if found.drift.approaches:
        larger = {Growth.WIDTH: "wider", Growth.DEPTH: "deeper"}[found.over]
        wide = f"{found.over.symbol}^{found.drift.wide:+.2f}"
        return f"{wide} over the {larger} half, towards what is predicted ({words})"
    mark = {True: "as predicted", False: "not as predicted", None: "predicted"}
    if found.drift.agrees is False and _is_short(found):
        return f"short of what is predicted ({words})"
    return f"{mark[found.drift.agrees]} ({words})"


def _is_short(found: TransferReport) -> bool:
    """Whether the best value moves the predicted way, but less: as before the limit of width."""
    ends = (found.drift.predicted_low, found.drift.predicted_high)
    return all(0 < found.drift.measured / float(Fraction(end or 0) or math.inf) < 1 for end in ends)


def run_words(found: TransferReport) -> str:
    """How it was measured."""
    run = found.run
    kept = f", {run.kept} of them from before" if run.kept else ""
    trained = counted(len(found.trainings), "training")
    return f"{trained} of {counted(run.steps, 'step')} on {run.data}{kept}, {run.seconds:.1f} s"


def loss_words(found: TransferReport) -> str:
    """The loss, with its unit."""
    return LOSSES[found.run.loss]


def shown_losses(found: TransferReport) -> Iterator[tuple[float, list[tuple[str, bool]]]]:
    """For every value tried: by width its loss, "" where there is none, and whether it is best."""
    places = by_place(found)
    for value in sorted({training.value for training in found.trainings}):
        yield (
            value,
            [(_loss(places[best.width].get(value)), value == best.value) for best in found.bests],
        )


def _table(found: TransferReport) -> Iterator[str]:
    """A row a value, a column a width, or a depth."""
    heads = (f"{best.width:>11}" for best in found.bests)
    yield "  " + "".join([f"{WORDS[found.parameter]:>14}", *heads])
    for value, losses in shown_losses(found):
        cells = (f"{loss:>10}{'*' if is_best else ' '}" for loss, is_best in losses)
        yield "  " + "".join([f"{value:>14.5g}", *cells]).rstrip()


def _loss(trainings: Sequence[Training] | None) -> str:
    if trainings is None:
        return ""
    loss = typical(trainings)
    return "diverged" if loss is None else f"{loss:.4g}"
