"""``richc verify``: train what the file says at several widths, and hold the check to it."""

from __future__ import annotations

import click

from richc.cli.choosing import model_option
from richc.cli.color import color_option
from richc.cli.common_options import (
    data_option,
    format_option,
    plot_option,
    quiet_option,
    target_option,
)
from richc.cli.completing import rich_files
from richc.cli.number_types import DEPTHS, SEEDS, WIDTHS
from richc.cli.repeating import again
from richc.cli.training import measuring, whole_widths
from richc.diagnostics import RichError


@click.command("verify", short_help="Measure what the check claims, by training.")
@click.argument("file", type=click.Path(), shell_complete=rich_files)
@model_option
@click.option(
    "--widths",
    type=WIDTHS,
    help="Widths to train at.",
    show_default="layers of 64 to 4096 units by factors of 2; with Muon, to 1024",
)
@click.option(
    "--depths",
    type=DEPTHS,
    help="Depths to train at, of a model with a depth.",
    show_default="4,8,16,32,64",
)
@click.option(
    "--seeds",
    type=SEEDS,
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
    if depths is not None and chosen.spec.depth is None:
        raise RichError(f"--depths: `{chosen.spec.name}` declares no depth")
    from richc.cli.progress import Progress
    from richc.figures.verification import draw
    from richc.lab.verify import VerifySettings, verify

    settings = VerifySettings(
        widths=whole_widths(chosen.spec, widths),
        depths=depths,
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

    decide = again(verification.decisive, "widths", "depths", "seeds")
    asked.tell(
        report(asked.shown, verification, decide),
        lambda path, found, **how: render(path, chosen.sentence, found, **how),
        lambda found, **how: draw(found, chosen.sentence, **how),
    )
