"""``richc train``: compile into a cache, and run the program."""

from __future__ import annotations

from pathlib import Path

import click

from richc.cli.compile import chosen_model, model_option, program_with, wishes
from richc.cli.completing import rich_files
from richc.cli.errors import Unusable
from richc.cli.inputs import STDIN

_POSITIVE = click.IntRange(min=1)


@click.command("train", short_help="Compile a .rich file and train it.")
@click.argument("file", type=click.Path(), shell_complete=rich_files)
@model_option
@click.option(
    "--allow-violations", is_flag=True, help="Train a model that fails its check all the same."
)
@click.option("--data", type=click.Path(), help="The data (default: what FILE says).")
@click.option("--target", help="The labels' column or key.")
@click.option("--ignore", metavar="NAMES", help="Columns to leave out, with commas between.")
@click.option("--missing", type=click.Choice(["error", "drop"]), help="Rows with missing values.")
@click.option("--width", type=_POSITIVE, help="n.")
@click.option("--richness", metavar="R", help="The exponent r, as 0.25 or 1/4.")
@click.option("--gamma", type=float, help="The prefactor of alpha.")
@click.option("--steps", type=_POSITIVE, help="Training steps.")
@click.option("--batch", type=_POSITIVE, help="Batch size.")
@click.option("--lr", type=float, help="The optimizer's learning rate.")
@click.option("--seed", type=click.IntRange(min=0), help="Of init, split and order of the data.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]))
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]))
@click.option("--schedule", type=click.Choice(["constant", "cosine", "linear"]))
@click.option("--save", type=click.Path(), help="Write the weights, as .safetensors or .pt.")
@click.option("--warmup", metavar="STEPS", help="Steps of warm-up, or a share of all below 1.")
@wishes
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(
    file: str,
    name: str | None,
    allow_violations: bool,
    features: tuple[str, ...],
    quiet: bool,
    arguments: tuple[str, ...],
    **options: str | float | None,
) -> None:
    """Train the model in FILE (- for standard input).

    What is not given is as FILE says. What follows `--` goes to the program as it is: `--compile`,
    `--progress`, `--help`; options of a feature (`--log FILE`) bring it along.

    The last line, on stdout, has loss and accuracy (R^2 for mse) on training and held-out data.

    Exit codes: 0 trained, 1 the model has errors or diverged, 2 wrong usage or bad data.
    """
    from richc import __version__
    from richc.emit.features import needed
    from richc.lab.train import TrainError, run_program

    chosen = chosen_model(file, name, allow_violations=allow_violations)
    data = chosen.spec.train.data
    if options["data"] is None and data is not None:
        # The program runs from a cache; the path is relative to the file.
        folder = Path() if file == STDIN else Path(file).parent
        options["data"] = str((folder / data).absolute())
    # `--name=value`: a value may begin with a dash.
    passed = [f"--{key}={value}" for key, value in options.items() if value is not None]
    passed += ["--quiet"] if quiet else []
    try:
        code = run_program(
            program_with(chosen, ["options", *features, *needed(arguments)]),
            chosen.spec.name,
            [*passed, *arguments],
            richc_version=__version__,
        )
    except TrainError as error:
        raise Unusable(str(error)) from None
    raise SystemExit(code)
