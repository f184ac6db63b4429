"""``richc compile``: a checked model as one standalone PyTorch file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from richc.cli.completing import features, models, rich_files
from richc.cli.errors import Unusable, show_diagnostics
from richc.cli.inputs import STDIN
from richc.cli.outputs import keep_apart
from richc.words import FEATURES

if TYPE_CHECKING:
    from richc.emit.compile import Refused
    from richc.pipeline import ModelResult
    from richc.spec.model import Model


#: The option ``--with``, as an argument ``features``.
wishes = click.option(
    "--with",
    "features",
    multiple=True,
    metavar="NAMES",
    shell_complete=features,
    help="Add to the program, with commas between: " + ", ".join(FEATURES) + ".",
)


model_option = click.option(
    "--model",
    "name",
    metavar="NAME",
    shell_complete=models,
    help="Which model, where FILE holds several.",
)


@click.command("compile", short_help="Compile a .rich file to PyTorch.")
@click.argument("file", type=click.Path(), shell_complete=rich_files)
@click.option("-o", "--output", type=click.Path(), help="The file to write (default: stdout).")
@model_option
@click.option(
    "--allow-violations",
    is_flag=True,
    help="Compile a model that fails its check; the reasons go into the program's docstring.",
)
@wishes
@click.option("--force", is_flag=True, help="Overwrite a file that richc did not write.")
def command(
    file: str,
    output: str | None,
    name: str | None,
    allow_violations: bool,
    features: tuple[str, ...],
    force: bool,
) -> None:
    """Compile FILE (- for standard input) to one program that needs torch and nothing else.

    What most runs do without is left out, unless FILE (`with NAME, ...`) or --with asks for it.

    Exit codes: 0 compiled, 1 the model has errors, 2 wrong usage or unreadable input.
    """
    from richc.emit.output import OutputError, write_program

    keep_apart([("-o", output)], [file])
    chosen = chosen_model(file, name, allow_violations=allow_violations)
    text = program_with(chosen, features)
    if output is None or output == STDIN:
        # Bytes, so that stdout and a file hold the same ones on every platform.
        sys.stdout.buffer.write(text.encode())
        return
    target = Path(output)
    try:
        write_program(target, text, force=force)
    except OutputError as error:
        raise Unusable(str(error)) from None


def chosen_model(
    file: str,
    name: str | None,
    *,
    allow_violations: bool,
    color: str = "auto",
    at: Callable[[Model], Model] | None = None,
) -> ModelResult:
    """The one model of ``file`` that is meant; ``at`` makes what is judged of what is declared.

    Prints the diagnostics and exits with 1 where it may not be compiled.  Raises click's
    exceptions, with exit code 2, for an unreadable file and for a ``name`` that is missing or
    does not exist.
    """
    from richc.cli.inputs import read_input
    from richc.emit.compile import Refused, WrongChoice, choose
    from richc.pipeline import analyse_source
    from richc.syntax.source import SourceError

    try:
        source = read_input(file, "<stdin>")
        if at is not None:
            choose(analyse_source(source, at), name, allow_violations=allow_violations)
            allow_violations = True
        return choose(analyse_source(source), name, allow_violations=allow_violations)
    except SourceError as error:
        raise Unusable(f"{file}: {error}") from None
    except WrongChoice as error:
        raise click.UsageError(f"{file}: {error}", click.get_current_context()) from None
    except Refused as refused:
        _show(refused, color, "" if at is None else ": it is checked as it would be trained")
        raise SystemExit(1) from None


def program_with(chosen: ModelResult, lists: Iterable[str]) -> str:
    """The program with the features named in ``lists`` ("a,b").  Raises a usage error."""
    from richc.emit.compile import program
    from richc.emit.features import UnknownFeature

    names = [name.strip() for names in lists for name in names.split(",")]
    try:
        return program(chosen, [name for name in names if name])
    except UnknownFeature as error:
        raise click.UsageError(f"--with: {error}", click.get_current_context()) from None


def _show(refused: Refused, color: str, why: str) -> None:
    show_diagnostics(refused.result, color)
    if refused.advice:
        click.echo(f"\n{refused.advice}{why}", err=True)
