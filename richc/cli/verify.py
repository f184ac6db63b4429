"""``richc verify``: train what the file says at several widths, and hold the check to it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from richc.cli.color import color_option
from richc.cli.common_options import (
    data_option,
    format_option,
    plot_option,
    quiet_option,
    target_option,
)
from richc.cli.compile import model_option
from richc.cli.completing import rich_files
from richc.cli.repeating import again, listed
from richc.cli.training import measuring
from richc.diagnostics import RichError
from richc.syntax.source import printable

if TYPE_CHECKING:
    from richc.spec.model import Model


class Widths(click.ParamType[tuple[int, ...]]):
    """Several widths: ``64,128,256``."""

    name = "n,n,..."
    what, too, most = "widths", "wide", 10**6

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            widths = sorted({int(word) for word in str(value).replace(",", " ").split()})
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 64,256,1024", param, ctx)
        if len(widths) < 2 or widths[0] < 2:
            self.fail(f"an exponent needs two {self.what} or more, of 2 or more each", param, ctx)
        if widths[-1] > self.most:
            self.fail(f"{widths[-1]} is too {self.too}", param, ctx)
        return tuple(widths)


class Depths(Widths):
    """Several depths: ``4,8,16``."""

    name = "L,L,..."
    what, too, most = "depths", "deep", 10**4


def known_depths(spec: Model, depths: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The depths that are asked for, of a model that has one.  Raises RichError."""
    if depths is not None and spec.depth is None:
        raise RichError(f"--depths: `{spec.name}` declares no depth")
    return depths


def whole_widths(spec: Model, widths: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The widths that are asked for, if all dimensions are whole there.  Raises RichError."""
    multiple = spec.multiple
    wrong = next((width for width in widths or () if width % multiple), None)
    if wrong is not None:
        raise RichError(f"--widths: {wrong} is no multiple of {multiple}, as dimensions ask for")
    return widths


class Seeds(click.ParamType[int | tuple[int, ...]]):
    """How many, at every width or by width: ``12`` or ``48,24,12``."""

    name = "k[,k,...]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | tuple[int, ...]:
        if isinstance(value, int | tuple):
            return value
        number: Any = click.IntRange(1, 10_000)
        counts = tuple(int(number(word, param, ctx)) for word in str(value).split(","))
        return counts[0] if len(counts) == 1 else counts


@click.command("verify", short_help="Measure what the check claims, by training.")
@click.argument("file", type=click.Path(), shell_complete=rich_files)
@model_option
@click.option(
    "--widths",
    type=Widths(),
    help="Widths to train at.",
    show_default="layers of 64 to 4096 units by factors of 2; with Muon, to 1024",
)
@click.option(
    "--depths",
    type=Depths(),
    help="Depths to train at, of a model with a depth.",
    show_default="4,8,16,32,64",
)
@click.option(
    "--seeds",
    type=Seeds(),
    help="Networks at every width and depth, or a number for each of --widths and --depths.",
    show_default="as many as the risk of error asks for, fewer the wider they are",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is random."
)
@click.option(
    "--steps", type=click.IntRange(1, 1000), default=4, show_default=True, help="Steps to measure."
)
@click.option(
    "--lr",
    type=click.FloatRange(0, min_open=True),
    help="The optimizer's learning rate at FILE's own width.",
    show_default="what makes moderate steps",
)
@data_option("what FILE says, else random data")
@target_option
@click.option(
    "--optimizer-state", is_flag=True, help="Measure the optimizer's memory of gradients, too."
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 0.5, min_open=True),
    help="How far off a fitted exponent may be.",
    show_default="1/8; 1/16 where FILE's are eighths, 1/4 for blocks where they are halves",
)
@format_option
@plot_option
@click.option("--force", is_flag=True, help="Overwrite a plot that richc did not draw.")
@quiet_option
@color_option
def command(
    widths: tuple[int, ...] | None,
    depths: tuple[int, ...] | None,
    seeds: int | tuple[int, ...] | None,
    seed: int,
    steps: int,
    lr: float | None,
    optimizer_state: bool,
    tolerance: float | None,
    quiet: bool,
    **_: object,
) -> None:
    """Train the model in FILE (- for standard input) at several widths, whatever its verdict.

    A model with a depth trains at several depths, too. Every exponent that the check predicts is
    measured: signals at init, their changes in a step, each layer's own share in these and in the
    output's change, the kernel's change. The last line says whether training agrees with the check,
    and whether it keeps the desiderata and what FILE requires.

    Exit codes: 0 all agrees and holds, 1 something does not, 2 wrong usage or bad data, 4 undecided
    (sign ?), with the command that would decide it.
    """
    if isinstance(seeds, tuple) and len(seeds) != len((*(widths or ()), *(depths or ()))):
        raise click.BadParameter(
            "name one number, or one for each of --widths and --depths", param_hint="--seeds"
        )
    asked = measuring()
    chosen = asked.chosen
    from richc.cli.progress import Progress
    from richc.figures.verification import draw
    from richc.lab.verify import VerifySettings, verify

    settings = VerifySettings(
        widths=whole_widths(chosen.spec, widths),
        depths=known_depths(chosen.spec, depths),
        seeds=seeds,
        seed=seed,
        steps=steps,
        lr=lr,
        data=asked.data,
        target=asked.target,
        with_state=optimizer_state,
        tolerance=tolerance,
    )
    with Progress(quiet) as progress:
        verification = verify(chosen, settings, progress)

    from richc.report.verification import render
    from richc.report.verification_schema import report

    decisive = verification.decisive
    decide = None
    if decisive is not None:
        lists = {"widths": decisive.widths, "depths": decisive.depths, "seeds": decisive.seeds}
        decide = again({name: listed(value) for name, value in lists.items()})
    found = report(asked.shown, verification, decide)
    asked.tell(
        found,
        verification.outcome,
        partial(render, printable(asked.shown), chosen.sentence, found),
        partial(draw, found, chosen.sentence),
    )
