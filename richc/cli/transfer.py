"""``richc transfer``: does the best value of a hyperparameter stay where it is as n grows?"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
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
from richc.cli.number_types import DEPTHS, POSITIVE, VALUES, WIDTHS
from richc.cli.repeating import again
from richc.cli.stopping import resumable
from richc.cli.training import measuring, whole_widths
from richc.diagnostics import RichError
from richc.lab.growth import Growth

if TYPE_CHECKING:
    from richc.report.transfer_schema import TransferReport

_POSITIVE = click.IntRange(min=1)


@click.command(
    "transfer", short_help="Sweep a hyperparameter over widths: does its best value stay?"
)
@click.argument("file", type=click.Path(), shell_complete=rich_files)
@model_option
@click.option(
    "--param",
    "parameter",
    type=click.Choice(("lr", "init", "gamma", "momentum")),
    default="lr",
    show_default=True,
    help="What to sweep.",
)
@over_option("What the networks differ in; depths at FILE's own width.")
@click.option("--depths", type=DEPTHS, help="With --over depth.", show_default="2,4,8,16,32")
@click.option(
    "--widths",
    type=WIDTHS,
    help="Widths to train at.",
    show_default="64 to 1024 by factors of 2",
)
@click.option(
    "--count", "number", type=click.IntRange(3, 40), help="How many values.", show_default="12"
)
@click.option("--values", type=VALUES, help="Which values, three or more, instead of --count.")
@click.option("--seeds", type=_POSITIVE, default=3, show_default=True, help="Trainings a point.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The first.")
@click.option("--steps", type=_POSITIVE, help="Training steps.", show_default="what FILE says")
@click.option("--batch", type=_POSITIVE, help="Rows a step.", show_default="what FILE says")
@click.option(
    "--lr",
    type=POSITIVE,
    help="The optimizer's learning rate: fixed, or the middle of what is tried.",
    show_default="what FILE says",
)
@data_option("what FILE says")
@target_option
@click.option(
    "-o", "--output", type=click.Path(), metavar="RUNS.jsonl",
    help="Keep results, a JSON line each; the same command goes on where it was interrupted.",
)  # fmt: skip
@click.option("--parquet", type=click.Path(), help="Write all results as one Parquet table.")
@format_option
@plot_option
@click.option(
    "--beside",
    type=click.Path(),
    multiple=True,
    metavar="SWEEP.json",
    help="Draw what --format json printed of another sweep left of it; may be repeated.",
)
@click.option(
    "--device", type=click.Choice(("cpu", "cuda")), default="cpu", show_default=True,
    help="Where to train.",
)  # fmt: skip
@click.option(
    "--workers", type=_POSITIVE, help="Processes.", show_default="one a core; on a GPU, one"
)
@click.option(
    "--ray", is_flag=False, flag_value="", metavar="[ADDRESS]",
    help="Train on a Ray cluster; without ADDRESS, on one of --workers begun here.  After FILE.",
)  # fmt: skip
@click.option(
    "--force", is_flag=True,
    help="Empty the file of another sweep; overwrite a plot or table that richc did not write.",
)  # fmt: skip
@quiet_option
@color_option
@resumable
def command(
    parameter: str,
    over: str,
    widths: tuple[int, ...] | None,
    depths: tuple[int, ...] | None,
    number: int | None,
    values: tuple[float, ...] | None,
    seeds: int,
    seed: int,
    steps: int | None,
    batch: int | None,
    lr: float | None,
    output: str | None,
    parquet: str | None,
    beside: tuple[str, ...],
    device: str,
    workers: int | None,
    ray: str | None,
    force: bool,
    quiet: bool,
    **_: object,
) -> None:
    """Train the model in FILE (- for standard input) at several widths or depths, values and seeds.

    Values differ by factors of 2 around FILE's own; where the best is the first or last one, more
    are tried. Each training is that of `richc train` with its width, seed and value.

    Exit codes: 0 the best value stays, 1 it moves, 2 wrong usage or bad data, 4 undecided (sign ?),
    with the command that would decide it.
    """
    _refuse_conflicts(parameter, number, values, lr)
    growth = Growth(over)
    _refuse_sizes(growth, widths, depths)
    asked = measuring([("-o", output), ("--parquet", parquet)], beside, needs_data=True)
    chosen, has_figure = asked.chosen, asked.figure is not None
    others = _others(beside, parameter, growth, chosen.spec.loss, drawn=has_figure)
    from richc.cli.progress import SweepProgress
    from richc.figures.transfer import draw
    from richc.lab.sweep.deciding import decisive
    from richc.lab.sweep.parquet import check_target, write_parquet
    from richc.lab.sweep.store import Store
    from richc.lab.sweep.transfer import (
        TransferSettings,
        head_of,
        prepare,
        transfer,
        workers_of,
    )
    from richc.report.transfer import render
    from richc.report.transfer_schema import report

    settings = TransferSettings(
        parameter=parameter,
        over=growth,
        widths=whole_widths(chosen.spec, widths) or depths,
        values=values,
        number=number,
        seeds=seeds,
        seed=seed,
        steps=steps,
        batch=batch,
        lr=lr,
        data=asked.data,
        target=asked.target,
        device=device,
        workers=workers,
        ray=ray,
    )
    table = None if parquet is None else Path(parquet)
    if table is not None:
        check_target(table, force=force)
    job = prepare(chosen, settings)
    store = None if output is None else Store(Path(output), head_of(job), force=force)
    progress = SweepProgress(job, workers_of(settings), quiet)
    with store or nullcontext(), progress:
        swept = transfer(chosen, settings, job, store, progress.begin, progress.done)
    if table is not None:
        write_parquet(table, swept.runs, head_of(job), force=force)

    further = decisive(swept, settings)
    sizes = {f"{growth}s": further and further.widths}
    decide = again(further, "values", "number", "seeds", "lr", **sizes)
    asked.tell(report(asked.shown, swept, decide), render, partial(draw, beside=others))


def _others(
    paths: tuple[str, ...], parameter: str, over: Growth, loss: str, *, drawn: bool
) -> list[TransferReport]:
    """The sweeps to be drawn beside.  Raises RichError."""
    if not paths:
        return []
    from richc.cli.json_reports import read_report
    from richc.report.transfer_schema import TransferReport

    if not drawn:
        raise RichError("--beside is for --plot")
    found = [read_report(path, "--beside", "transfer", TransferReport) for path in paths]
    for path, other in zip(paths, found, strict=True):
        if other.over != over:
            raise RichError(f"--beside: {path}: it goes over the {other.over}, not the {over}")
        if (other.parameter, other.run.loss) != (parameter, loss):
            raise RichError(
                f"--beside: {path}: it is of {other.parameter} under {other.run.loss}, not of "
                f"{parameter} under {loss}"
            )
    return found


def _refuse_conflicts(
    parameter: str,
    number: int | None,
    values: tuple[float, ...] | None,
    lr: float | None,
) -> None:
    """Raises UsageError."""
    context = click.get_current_context()
    if values is not None and number is not None:
        raise click.UsageError("--values and --count: one of the two", context)
    if values is not None and parameter == "lr" and lr is not None:
        raise click.UsageError("--values says which rates: --lr has nothing to say", context)
    if values is not None and parameter == "momentum" and max(values) >= 1:
        raise click.BadParameter("a momentum is below 1", context, param_hint="--values")
    if values is not None and parameter != "momentum" and min(values) == 0:
        raise click.BadParameter("0 is not positive", context, param_hint="--values")


def _refuse_sizes(
    over: Growth, widths: tuple[int, ...] | None, depths: tuple[int, ...] | None
) -> None:
    """Raises UsageError."""
    context = click.get_current_context()
    if over is Growth.DEPTH and widths is not None:
        raise click.UsageError("--widths: --over depth has one width, FILE's own", context)
    if over is Growth.WIDTH and depths is not None:
        raise click.UsageError("--depths are for --over depth", context)
