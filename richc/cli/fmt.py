"""``richc fmt``: the one layout of .rich files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from richc.cli.common_options import quiet_option, stdin_filename_option
from richc.cli.completing import rich_files
from richc.cli.errors import show_diagnostics

if TYPE_CHECKING:
    from richc.diagnostics import Diagnostic
    from richc.syntax.source import Source


@click.command("fmt", short_help="Lay out .rich files.")
@click.argument("paths", nargs=-1, type=click.Path(), shell_complete=rich_files)
@click.option("--diff", is_flag=True, help="Show what would change; write nothing.")
@click.option("--check", "only_check", is_flag=True, help="Say whether something would change.")
@stdin_filename_option
@quiet_option
def command(
    paths: tuple[str, ...], diff: bool, only_check: bool, stdin_filename: str, quiet: bool
) -> None:
    """Lay out the models in PATHS: files, folders (searched for *.rich) or - for standard input.

    There is one layout and nothing to configure. Comments are kept, and what a model means never
    changes. A file with errors of syntax is left as it is. Standard input goes to standard output.

    Exit codes: 0 done, 1 errors of syntax (with --diff and --check: or something would change), 2
    wrong usage or unreadable input.
    """
    from richc.cli.rewriting import Texts, write_back, write_out
    from richc.cli.rewriting import diff as unified
    from richc.syntax.formatter import layout
    from richc.syntax.parser import parse

    texts = Texts(paths, stdin_filename)
    writes = not (diff or only_check)
    problems = False
    for path, source in texts:
        file, found = parse(source)
        text = source.text if found else layout(source, file)
        is_changed = text != source.text
        if diff:
            write_out(unified(source, text))
        if writes:
            write_back(path, source, text)
        if is_changed and not quiet:
            word = "formatted" if writes else "would be formatted"
            click.echo(f"{source.shown}: {word}", err=True)
        if found:
            _tell(source, found)
        problems = problems or bool(found) or (is_changed and not writes)
    if not texts.all_readable:
        raise SystemExit(2)
    if problems:
        raise SystemExit(1)


def _tell(source: Source, found: tuple[Diagnostic, ...]) -> None:
    """Why a file was left as it is, on standard error."""
    from richc.pipeline import FileResult

    show_diagnostics(FileResult(source, (), found))
    click.echo(f"{source.shown}: left as it is", err=True)
