"""``richc equiv``: whether two models train alike."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING

import click

from richc.cli.color import color_option, use_color
from richc.cli.common_options import format_option, quiet_option
from richc.cli.completing import rich_files
from richc.cli.errors import show_diagnostics
from richc.cli.inputs import STDIN
from richc.diagnostics import RichError

if TYPE_CHECKING:
    from richc.report.equivalence import Side


@click.command("equiv", short_help="Say whether two models train alike.")
@click.argument("first", metavar="A", shell_complete=rich_files)
@click.argument("second", metavar="B", shell_complete=rich_files)
@click.option("--strict", is_flag=True, help="Exit with 0 for identical ones only.")
@quiet_option
@format_option
@color_option
def command(
    first: str, second: str, strict: bool, quiet: bool, output_format: str, color: str
) -> None:
    """Compare A and B, each FILE or FILE::MODEL (- for standard input).

    Identical: one network in two gauges; the same losses at every step. The same up to constants:
    the same powers of the width. Different: the first difference, and what it does.

    Exit codes: 0 identical or the same up to constants, 1 different, 2 wrong usage or a file that
    cannot be compared.
    """
    from richc.gauge.equivalence import DIFFERENT, IDENTICAL, compare

    if first.partition("::")[0] == second.partition("::")[0] == STDIN:
        raise click.UsageError("only one of the two can be standard input")
    sides = _side(first), _side(second)
    found = compare(sides[0].model, sides[1].model)
    if output_format == "json":
        from richc.report.equivalence_schema import report

        click.echo(report(*sides, found).model_dump_json(indent=2))
    else:
        from richc.report.equivalence import render

        colored = use_color(color, sys.stdout)
        for line in islice(render(*sides, found, color=colored), 1 if quiet else None):
            click.echo(line, color=colored)
    if found.status == DIFFERENT or (strict and found.status != IDENTICAL):
        raise SystemExit(1)


def _side(reference: str) -> Side:
    """One model.  Exits with 2, after its diagnostics, for a text that has errors."""
    from richc.cli.inputs import analysed
    from richc.compilation import Refused, WrongChoice, choose
    from richc.report.equivalence import Side
    from richc.rules.model_reference import split

    path, name = split(reference)
    try:
        result = analysed(path)
        chosen = choose(result, name, allow_violations=True)
    except WrongChoice as error:
        raise RichError(f"{path}: {error} (as in {path}::NAME)") from None
    except Refused as refused:
        show_diagnostics(refused.result)
        raise SystemExit(2) from None
    path = result.source.shown
    shown = path if len(result.names) == 1 else f"{path}::{name}"
    return Side(shown, chosen.context)
