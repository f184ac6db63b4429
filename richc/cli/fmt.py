"""``richc fmt``: the one layout of .rich files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from richc.cli.completing import rich_files
from richc.cli.errors import Unusable
from richc.cli.inputs import STDIN

if TYPE_CHECKING:
    from richc.diagnostics import Diagnostic
    from richc.syntax.source import Source


@click.command("fmt", short_help="Lay out .rich files.")
@click.argument("paths", nargs=-1, type=click.Path(), shell_complete=rich_files)
@click.option("--diff", is_flag=True, help="Show what would change; write nothing.")
@click.option("--check", "only_check", is_flag=True, help="Say whether something would change.")
@click.option("--stdin-filename", default="<stdin>", help="The name to show for `-`.")
def command(paths: tuple[str, ...], diff: bool, only_check: bool, stdin_filename: str) -> None:
    """Lay out the models in PATHS: files, folders (searched for *.rich) or - for standard input.

    There is one layout and nothing to configure. Comments are kept, and what a model means never
    changes. A file with errors of syntax is left as it is. Standard input goes to standard output.

    Exit codes: 0 done, 1 errors of syntax (with --diff and --check: or something would change), 2
    wrong usage or unreadable input.
    """
    from richc.cli.inputs import NoInput, sources
    from richc.cli.rewriting import diff as unified
    from richc.cli.rewriting import write_back, write_out
    from richc.syntax.formatter import layout
    from richc.syntax.parser import parse
    from richc.syntax.source import Source

    try:
        inputs = list(sources(paths or (".",), stdin_filename))
    except NoInput as error:
        raise Unusable(str(error)) from None
    writes = not (diff or only_check)
    unreadable = problems = False
    for item in inputs:
        if not isinstance(item, Source):
            click.echo(f"{item.path}: {item.diagnostic.message}", err=True)
            unreadable = True
            continue
        file, found = parse(item)
        text = item.text if found else layout(item, file)
        is_changed = text != item.text
        if diff:
            write_out(unified(item, text))
        if writes:
            path = STDIN if item.path == stdin_filename and STDIN in paths else item.path
            write_back(path, item, text)
        if is_changed:
            click.echo(f"{item.path}: {'formatted' if writes else 'would be formatted'}", err=True)
        if found:
            _tell(item, found)
        problems = problems or bool(found) or (is_changed and not writes)
    if unreadable:
        raise SystemExit(2)
    if problems:
        raise SystemExit(1)


def _tell(source: Source, found: tuple[Diagnostic, ...]) -> None:
    """Why a file was left as it is, on standard error."""
    from richc.cli.color import use_color
    from richc.pipeline import FileResult
    from richc.report.text import render_diagnostics

    color = use_color("auto", sys.stderr)
    text = render_diagnostics(FileResult(source, (), found), color=color).rstrip("\n")
    click.echo(f"{text}\n{source.path}: left as it is", err=True, color=color)
