"""``richc transfer``: does the best value of a hyperparameter stay where it is as n grows?"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from richc.cli.color import color_option
from richc.cli.compile import chosen_model
from richc.cli.completing import models, rich_files
from richc.cli.errors import Unusable
from richc.cli.inputs import STDIN
from richc.cli.training import plot_target, plotting, prepare_torch
from richc.cli.verify import Widths
from richc.syntax.source import printable

if TYPE_CHECKING:
    from richc.report.transfer_schema import TransferReport

_POSITIVE = click.IntRange(min=1)


@click.command(
    "transfer", short_help="Sweep a hyperparameter over widths: does its best value stay?"
)
@click.argument("file", type=click.Path(), shell_complete=rich_files)
@click.option(
    "--model",
    "name",
    metavar="NAME",
    shell_complete=models,
    help="Which model, where FILE holds several.",
)
@click.option(
    "--param",
    "parameter",
    type=click.Choice(("lr", "init", "gamma", "momentum")),
    default="lr",
    show_default=True,
)
@click.option("--widths", type=Widths(), help="Default: 64 to 1024 by factors of 2.")
@click.option(
    "--count", "number", type=click.IntRange(3, 40), help="How many values.  Default: 12."
)
@click.option("--seeds", type=_POSITIVE, default=3, show_default=True, help="Trainings a point.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The first.")
@click.option("--steps", type=_POSITIVE, help="Default: what FILE says.")
@click.option("--batch", type=_POSITIVE, help="Default: what FILE says.")
@click.option("--lr", type=click.FloatRange(0, min_open=True), help="Default: what FILE says.")
@click.option("--data", type=click.Path(), help="Default: what FILE says.")
@click.option("--target", help="The labels' column or key.")
@click.option(
    "-o", "--output", type=click.Path(), metavar="RUNS.jsonl",
    help="Keep results, a JSON line each; the same command goes on where it was interrupted.",
)  # fmt: skip
@click.option(
    "--format", "output_format", type=click.Choice(("text", "json")), default="text",
    show_default=True,
)  # fmt: skip
@click.option("--plot", type=click.Path(), help="Draw it: a .png or .svg file.")
@click.option(
    "--beside",
    type=click.Path(),
    multiple=True,
    metavar="SWEEP.json",
    help="Draw what --format json printed of another sweep left of it; may be repeated.",
)
@click.option("--workers", type=_POSITIVE, help="Processes.  Default: one a core.")
@click.option(
    "--force", is_flag=True, help="Empty the file of another sweep; overwrite a foreign plot."
)
@click.option("-q", "--quiet", is_flag=True, help="No table, no progress.")
@color_option
def command(
    file: str,
    name: str | None,
    parameter: str,
    widths: tuple[int, ...] | None,
    number: int | None,
    seeds: int,
    seed: int,
    steps: int | None,
    batch: int | None,
    lr: float | None,
    data: str | None,
    target: str | None,
    output: str | None,
    output_format: str,
    plot: str | None,
    beside: tuple[str, ...],
    workers: int | None,
    force: bool,
    quiet: bool,
    color: str,
) -> None:
    """Train the model in FILE (- for standard input) at several widths, values and seeds.

    Values differ by factors of 2 around FILE's own; where the best is the first or last one, more
    are tried. Each training is that of `richc train` with its width, seed and value.

    Exit codes: 0 the best value stays, 1 it moves, or that is undecided, 2 wrong usage or bad data.
    """
    from richc.cli.color import use_color

    chosen = chosen_model(file, name, allow_violations=True)
    prepare_torch()
    figure = plot_target(plot, force=force)
    others = _others(beside, parameter, chosen.spec.loss, drawn=figure is not None)
    from richc.cli.progress import SweepProgress
    from richc.lab.program import DataProblem
    from richc.lab.sweep.engines import EngineProblem
    from richc.lab.sweep.store import Store, StoreProblem
    from richc.lab.sweep.transfer import Settings, TransferProblem, head_of, prepare, transfer
    from richc.report.transfer_schema import report

    settings = Settings(
        parameter=parameter,
        widths=widths,
        number=number,
        seeds=seeds,
        seed=seed,
        steps=steps,
        batch=batch,
        lr=lr,
        data=_data(file, data, chosen.spec.train.data),
        target=target if target is not None or data is not None else chosen.spec.train.target,
        workers=workers,
    )
    try:
        job = prepare(chosen, settings)
        store = None if output is None else Store(Path(output), head_of(job), force=force)
        with store or nullcontext():
            progress = SweepProgress(job, quiet)
            try:
                swept = transfer(chosen, settings, job, store, progress.begin, progress.done)
            finally:
                progress.end()
    except (DataProblem, EngineProblem, StoreProblem, TransferProblem) as error:
        raise Unusable(str(error)) from None
    except KeyboardInterrupt:
        kept = f"; the same command goes on from {printable(output)}" if output else ""
        click.echo(f"interrupted{kept}", err=True)
        raise SystemExit(130) from None

    shown = "<stdin>" if file == STDIN else file
    found = report(shown, swept)
    if output_format == "json":
        click.echo(found.model_dump_json(indent=2))
    else:
        from richc.report.transfer import render

        colored = use_color(color, sys.stdout)
        for line in render(printable(shown), found, color=colored, quiet=quiet):
            click.echo(line, color=colored)
    if figure is not None:
        from richc.figures.transfer import draw

        with plotting():
            draw(found, figure, beside=others, force=force)
    if not swept.passes:
        raise SystemExit(1)


def _others(
    paths: tuple[str, ...], parameter: str, loss: str, *, drawn: bool
) -> list[TransferReport]:
    """The sweeps to be drawn beside.  Raises Unusable."""
    if not paths:
        return []
    from richc.cli.found import read_found
    from richc.report.transfer_schema import TransferReport

    if not drawn:
        raise Unusable("--beside is for --plot")
    found = [read_found(path, "--beside", "transfer", TransferReport) for path in paths]
    for path, other in zip(paths, found, strict=True):
        if (other.parameter, other.run.loss) != (parameter, loss):
            raise Unusable(
                f"--beside: {path}: it is of {other.parameter} under {other.run.loss}, not of "
                f"{parameter} under {loss}"
            )
    return found


def _data(file: str, given: str | None, own: str | None) -> Path | None:
    """The data on the command line, or those that the file names, relative to it."""
    if given is not None:
        return Path(given)
    return None if own is None else (Path() if file == STDIN else Path(file).parent) / own
