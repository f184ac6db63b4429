"""``richc check``: decide the desiderata of every model in files and folders."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from richc.cli.color import color_option, use_color
from richc.cli.common_options import stdin_filename_option
from richc.cli.completing import models, rich_files
from richc.cli.errors import no_such_model
from richc.cli.selecting import selecting, wanted

FORMATS = ("text", "concise", "json", "sarif", "github")


@click.command("check", short_help="Check .rich files.")
@click.argument("paths", nargs=-1, type=click.Path(), shell_complete=rich_files)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How to print the findings.",
)
@selecting
@click.option("--model", shell_complete=models, help="Report on the model of this name only.")
@click.option(
    "--values",
    is_flag=True,
    help="Every layer's scale, std, rate, decay and eps as numbers (JSON always has them).",
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even when errors were found.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors and warnings only.")
@click.option("--watch", is_flag=True, help="Check again whenever a file changes.")
@color_option
@stdin_filename_option
def command(
    paths: tuple[str, ...],
    output_format: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    model: str | None,
    values: bool,
    strict: bool,
    exit_zero: bool,
    quiet: bool,
    color: str,
    watch: bool,
    stdin_filename: str,
) -> None:
    """Check the models in PATHS: files, folders (searched for *.rich) or - for standard input.

    A comment `# richc: ignore[CODE]` silences a rule on its line, for the statement below it, or,
    above the first model, in its file; for D0 to D3 it needs a reason: `ignore[R301] -- baseline`.
    What is silenced or left out counts for no exit code and no verdict of pass or fail; the
    desiderata keep theirs. Errors that leave a model without a verdict are always reported.

    Exit codes: 0 no errors, 1 errors found, 2 wrong usage, unreadable input or (as of all commands)
    an output that cannot be written, 3 a bug of richc.
    """
    from richc.cli.inputs import sources
    from richc.pipeline import FileResult, analyse_source
    from richc.report import Options, renderer
    from richc.syntax.source import Source

    codes = wanted(select, ignore)
    options = Options(color=use_color(color, sys.stdout), quiet=quiet, values=values)
    if watch:
        from richc.cli.watching import Watch

        Watch(paths or (".",), output_format, options, codes, model).run()
        return
    inputs = list(sources(paths or (".",), stdin_filename))

    unreadable = 0
    problems = 0
    names: set[str] = set()

    def results() -> Iterator[FileResult]:
        nonlocal unreadable, problems
        for item in inputs:
            if not isinstance(item, Source):
                unreadable += 1
                yield FileResult(Source(item.path, ""), (), (item.diagnostic,))
                continue
            result = analyse_source(item)
            if model is not None:
                names.update(result.names)
                result = result.only(model)
            if codes is not None:
                result = result.of_rules(codes)
            problems += result.has_errors or (strict and result.has_warnings)
            yield result
        if model is not None and model not in names and not unreadable:
            raise no_such_model(model, names)

    for chunk in renderer(output_format)(results(), options):
        click.echo(chunk, nl=False, color=options.color)
    if unreadable:
        raise SystemExit(2)
    if problems and not exit_zero:
        raise SystemExit(1)
