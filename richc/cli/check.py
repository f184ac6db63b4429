"""``richc check``: decide the desiderata of every model in files and folders."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from richc.cli.color import color_option, use_color
from richc.cli.errors import Unusable

FORMATS = ("text", "concise", "json")


@click.command("check", short_help="Check .rich files.")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option(
    "--format",
    "output_format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How to print the findings.",
)
@click.option("--model", help="Report on the model of this name only.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even when errors were found.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors and warnings only.")
@color_option
@click.option("--stdin-filename", default="<stdin>", help="The name to show for `-`.")
def command(
    paths: tuple[str, ...],
    output_format: str,
    model: str | None,
    strict: bool,
    exit_zero: bool,
    quiet: bool,
    color: str,
    stdin_filename: str,
) -> None:
    """Check the models in PATHS: files, folders (searched for *.rich) or - for standard input.

    Exit codes: 0 no errors, 1 errors found, 2 wrong usage or unreadable input, 3 a bug of richc.
    """
    from richc.cli.inputs import NoInput, sources
    from richc.pipeline import FileResult, analyse_source
    from richc.report import Options, renderer
    from richc.syntax.source import Source

    try:
        inputs = list(sources(paths or (".",), stdin_filename))
    except NoInput as error:
        raise Unusable(str(error)) from None

    unreadable = 0
    problems = 0
    named = False

    def results() -> Iterator[FileResult]:
        nonlocal unreadable, problems, named
        for item in inputs:
            if not isinstance(item, Source):
                unreadable += 1
                yield FileResult(Source(item.path, ""), (), (item.diagnostic,))
                continue
            result = analyse_source(item)
            if model is not None:
                named = named or model in result.names
                result = result.only(model)
            problems += result.has_errors or (strict and result.has_warnings)
            yield result
        if model is not None and not named and not unreadable:
            raise Unusable(f"no model `{model}` in these files")

    options = Options(color=use_color(color, sys.stdout), quiet=quiet)
    for chunk in renderer(output_format)(results(), options):
        click.echo(chunk, nl=False, color=options.color)
    if unreadable:
        raise SystemExit(2)
    if problems and not exit_zero:
        raise SystemExit(1)
