"""``richc map``: where models are in parameterization space."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from richc.cli.color import color_option, use_color
from richc.cli.common_options import format_option, quiet_option, stdin_filename_option
from richc.cli.completing import models, rich_files
from richc.cli.errors import no_such_model, show_diagnostics
from richc.cli.outputs import keep_apart
from richc.cli.training import plotting
from richc.diagnostics import RichError

if TYPE_CHECKING:
    from richc.pipeline import FileResult
    from richc.report.map_entries import Entry


@click.command("map", short_help="Draw where models are in parameterization space.")
@click.argument("paths", nargs=-1, type=click.Path(), shell_complete=rich_files)
@click.option("--model", shell_complete=models, help="Only the models of this name.")
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FILE",
    multiple=True,
    type=click.Path(),
    help="Draw a picture, too: a .png or .svg file.  May be given several times.",
)
@click.option("--force", is_flag=True, help="Overwrite a picture that richc did not draw.")
@quiet_option
@format_option
@color_option
@stdin_filename_option
def command(
    paths: tuple[str, ...],
    model: str | None,
    outputs: tuple[str, ...],
    force: bool,
    quiet: bool,
    output_format: str,
    color: str,
    stdin_filename: str,
) -> None:
    """Draw where the models in PATHS are: files, folders (searched for *.rich) or - for stdin.

    The prism holds what keeps all desiderata: its length is the richness r, its edges are the
    named gauges, and what shares a cross-section trains alike. A gauge without a name is drawn at
    the nearest mixture of named ones. What violates a desideratum is drawn below the prism, under
    the r whose exponents are nearest, the deeper the more powers of n a size is off. Optimizers
    have prisms of their own. Networks with a depth are drawn a second time, by r and by the power
    of L that their branches are small by: from 1/2, Depth-μP, to 1, CompleteP.

    Exit codes: 0 drawn, whatever the verdicts; 1 a file has errors of syntax or names (the others
    are drawn); 2 wrong usage, unreadable input, or a picture that cannot be written.
    """
    _check_targets(outputs, paths or (".",), force)
    entries, worst = read_entries(paths or (".",), model, stdin_filename)
    if not entries:
        if worst:
            raise SystemExit(worst)
        raise RichError("there is no model")
    # First, for who reads no more than the head of the text.
    _draw(entries, outputs, force)
    if output_format == "json":
        from richc.report.map_schema import report

        click.echo(report(entries).model_dump_json(indent=2))
    else:
        from richc.report.map import render

        colored = use_color(color, sys.stdout)
        for line in render(entries, color=colored, ascii_only=not _can_draw(), quiet=quiet):
            click.echo(line, color=colored)
    if worst:
        raise SystemExit(worst)


def _check_targets(outputs: tuple[str, ...], paths: tuple[str, ...], force: bool) -> None:
    if not outputs:
        return
    from richc.cli.inputs import files
    from richc.figures.style import check_target

    keep_apart([("-o", output) for output in outputs], files(paths))
    with plotting("-o"):
        for output in outputs:
            check_target(Path(output), force=force)


def _draw(entries: list[Entry], outputs: tuple[str, ...], force: bool) -> None:
    if not outputs:
        return
    from richc.figures.prism import draw

    with plotting("-o"):
        for output in outputs:
            draw(entries, Path(output), force=force)


def _can_draw() -> bool:
    """Whether standard output has the letters of a drawing."""
    try:
        "─│·○●◇×✓✗μθΔ".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def read_entries(paths: tuple[str, ...], model: str | None, stdin: str) -> tuple[list[Entry], int]:
    """Every model that has a verdict, and the exit code for what has none.  Raises RichError."""
    from richc.cli.inputs import sources
    from richc.gauge.place import place
    from richc.pipeline import FileResult, analyse_source
    from richc.report.map_entries import Entry
    from richc.syntax.source import Source

    inputs = list(sources(paths, stdin))
    entries: list[Entry] = []
    names: set[str] = set()
    worst = 0
    for item in inputs:
        if not isinstance(item, Source):
            show_diagnostics(FileResult(Source(item.path, ""), (), (item.diagnostic,)))
            worst = 2
            continue
        result = analyse_source(item)
        several = len(result.names) > 1
        names.update(result.names)
        if model is not None:
            result = result.only(model)
        if result.is_unresolved:
            _show_unresolved(result)
            worst = max(worst, 1)
        for judged in result.models:
            name = f"{item.shown}::{judged.spec.name}" if several else item.shown
            where = place(judged.spec, judged.context.network, judged.verdict)
            entries.append(Entry(len(entries) + 1, name, item.path, judged, where))
    if model is not None and not entries and not worst:
        raise no_such_model(model, names)
    return entries, worst


def _show_unresolved(result: FileResult) -> None:
    """The errors that leave a model without a verdict, and so off the map."""
    judged = {d for model in result.models for d in model.diagnostics}
    rest = tuple(d for d in result.diagnostics if d.is_error and d not in judged)
    show_diagnostics(result._replace(diagnostics=rest))
