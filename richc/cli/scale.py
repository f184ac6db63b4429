"""``richc scale``: train one network from the lazy end of the richness scale to the rich one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

import click

from richc.cli.choosing import model_option
from richc.cli.color import color_option
from richc.cli.common_options import (
    data_option,
    format_option,
    over_option,
    plot_option,
    quiet_option,
    target_option,
)
from richc.cli.completing import rich_files
from richc.cli.number_types import DEPTHS, WIDTHS, rationals
from richc.cli.repeating import again
from richc.cli.training import Measuring, measuring, whole_widths
from richc.diagnostics import RichError

if TYPE_CHECKING:
    from richc.cli.progress import Progress

_HALF = Fraction(1, 2)


@click.command("scale", short_help="Train from the lazy end of the richness scale to the rich one.")
@click.argument("file", type=click.Path(), shell_complete=rich_files)
@model_option
@click.option(
    "--points",
    type=rationals(Fraction(0), Fraction(1)),
    help="Values of r; over depth, of alpha.",
    show_default="those of 0,1/8,1/4,3/8,1/2 that FILE is for; of alpha 1/2,3/4,1",
)
@over_option("What the networks differ in; depths where branches are times L^-alpha.")
@click.option("--depths", type=DEPTHS, help="With --over depth.", show_default="4,8,16,32,64")
@click.option("--widths", type=WIDTHS, help="Widths to train at.", show_default="64,128,256,512")
@click.option(
    "--gammas",
    type=rationals(Fraction(1, 2**20), Fraction(2**20)),
    help="Prefactors of alpha, at FILE's base width or else the smallest.",
    show_default="1/4 to 8 by factors of 2",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    help="Networks at every place.",
    show_default="3; over depth as many as the risk of error asks for",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is random."
)
@click.option(
    "--steps",
    type=click.IntRange(1, 100_000),
    help="Training steps.",
    show_default="100; over depth 4",
)
@click.option(
    "--examples",
    type=click.IntRange(2, 100_000),
    help="Of FILE's data, all in every step.",
    show_default="128",
)
@click.option(
    "--lr",
    type=click.FloatRange(0, min_open=True),
    help="The optimizer's learning rate.",
    show_default="what FILE says",
)
@data_option("what FILE says, else random data")
@target_option
@format_option
@plot_option
@click.option("--force", is_flag=True, help="Overwrite a plot that richc did not draw.")
@quiet_option
@color_option
def command(
    points: tuple[Fraction, ...] | None,
    over: str,
    depths: tuple[int, ...] | None,
    widths: tuple[int, ...] | None,
    gammas: tuple[Fraction, ...] | None,
    seeds: int | None,
    seed: int,
    steps: int | None,
    examples: int | None,
    lr: float | None,
    **_: object,
) -> None:
    """Train the model in FILE (- for standard input) at several r and widths.

    Measured are the changes of features and kernels in training, how far the network ends from
    what it predicts when linearised at init (the lazy limit; with SGD), and the losses. At a base
    width n0 all r are the same network. Batches are full, rates constant. The last line says
    whether features change as n^(r - 1/2).

    Over depth the power alpha of L^-alpha that branches are times is the scale: from 1/2, Depth-μP,
    to 1, CompleteP. The exponents of L are measured at each as `richc verify` does, beside those
    that the check predicts; at the declared point only where branches have a `scale` of their own.

    Exit codes: 0 they do, 1 they do not, 2 wrong usage, bad data, or a file that is not on the
    scale at each r, 4 undecided (sign ?), with the command that would decide it.
    """
    low, high = (Fraction(0), _HALF) if over == "width" else (_HALF, Fraction(1))
    for wrong in (point for point in points or () if not low <= point <= high):
        raise click.BadParameter(f"{wrong} is not from {low} to {high}", param_hint="--points")
    others = (
        {"--depths": depths}
        if over == "width"
        else {"--widths": widths, "--gammas": gammas, "--examples": examples}
    )
    for option in (option for option, value in others.items() if value is not None):
        raise RichError(f"{option} is not for --over {over}")
    asked = measuring()
    if over == "depth":
        _over_depth(asked, points, depths, seeds, seed, steps, lr)
        return
    chosen = asked.chosen
    from richc.figures.scale import draw
    from richc.lab import scale as defaults
    from richc.lab.scale import ScaleSettings, scale
    from richc.report.scale import render
    from richc.report.scale_schema import report

    settings = ScaleSettings(
        points=points,
        widths=whole_widths(chosen.spec, widths) or tuple(chosen.spec.fitting(defaults.WIDTHS)),
        gammas=gammas,
        seeds=seeds or defaults.SEEDS,
        seed=seed,
        steps=steps or defaults.STEPS,
        examples=examples or defaults.EXAMPLES,
        lr=lr,
        data=asked.data,
        target=asked.target,
    )
    with _training(asked) as progress:
        measured = scale(chosen, settings, progress)

    decisive = measured.decisive
    rate = None if decisive is None or decisive.lr is None else f"{decisive.lr:.3g}"
    decide = again(decisive, "widths", "seeds", lr=rate)
    asked.tell(report(asked.shown, measured, decide), render, draw)


@contextmanager
def _training(asked: Measuring) -> Iterator[Progress]:
    """Progress while networks train; what keeps them from it is one line.  Raises RichError."""
    from richc.cli.progress import Progress
    from richc.lab.scale import NoScale

    try:
        with Progress(asked.given["quiet"]) as progress:
            yield progress
    except NoScale as error:
        raise RichError(f"{asked.given['file']}: {error}") from None


def _over_depth(
    asked: Measuring,
    alphas: tuple[Fraction, ...] | None,
    depths: tuple[int, ...] | None,
    seeds: int | None,
    seed: int,
    steps: int | None,
    lr: float | None,
) -> None:
    """Exponents of L by alpha.  Raises RichError."""
    from richc.figures.depth_scale import draw
    from richc.lab.depth_scale import depth_scale
    from richc.lab.verify import STEPS, VerifySettings
    from richc.report.depth_scale import render
    from richc.report.depth_scale_schema import report

    settings = VerifySettings(
        depths=depths,
        seeds=seeds,
        seed=seed,
        steps=steps or STEPS,
        lr=lr,
        data=asked.data,
        target=asked.target,
    )
    with _training(asked) as progress:
        measured = depth_scale(asked.chosen, alphas, settings, progress)
    decide = again(measured.decisive, "depths", "seeds")
    asked.tell(report(asked.shown, measured, decide), render, draw)
