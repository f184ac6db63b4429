"""``richc fix``: write solved holes into the files, and mend what fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from richc.cli.common_options import quiet_option, stdin_filename_option
from richc.cli.completing import models, rich_files
from richc.cli.errors import no_such_model, show_diagnostics
from richc.cli.inputs import STDIN
from richc.cli.selecting import selecting, wanted

if TYPE_CHECKING:
    from fractions import Fraction

    from richc.fixing.fix import Fixed
    from richc.pipeline import FileResult


def _target(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> Fraction | str | None:
    if value is None:
        return None
    from richc.repair.target import parse_target

    try:
        return parse_target(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("fix", short_help="Mend .rich files.")
@click.argument("paths", nargs=-1, type=click.Path(), shell_complete=rich_files)
@selecting
@click.option("--model", shell_complete=models, help="Fix the model of this name only.")
@click.option(
    "--to",
    metavar="mup|ntp|1/4|nearest",
    callback=_target,
    help="Where models are to go.",
    show_default="what the file requires or declares, else mup",
)
@click.option("--diff", is_flag=True, help="Show what would change; write nothing.")
@click.option("--check", "only_check", is_flag=True, help="Say whether something would change.")
@stdin_filename_option
@quiet_option
def command(
    paths: tuple[str, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    model: str | None,
    to: Fraction | str | None,
    diff: bool,
    only_check: bool,
    stdin_filename: str,
    quiet: bool,
) -> None:
    """Fix the models in PATHS: files, folders (searched for *.rich) or - for standard input.

    Slips of syntax are mended where it is certain what is meant. Holes are filled, and a model that
    fails gets the fewest changes of exponents that make it pass, each a power of n/n0 and L/L0: at
    the base width and depth every multiplier, std and rate stays. Where there is no base, the
    declared width or depth becomes one, or stands there as a number. Models go where they require
    or declare to be, else to μP; --to names another place, also for models that pass.

    Edits that warnings offer are made where they bring up nothing new; suppressions that suppress
    nothing go. Those of R701 and R702, which change values, are made where --select names them.
    Other comments and the layout are kept (a file that `richc fmt` laid out stays so). With
    --select and --ignore only models with errors of these rules are mended, each as a whole, and
    warnings of these rules; R503 stands for holes. Standard input goes to standard output.

    Exit codes: 0 nothing is left to mend, 1 errors are left (with --diff and --check: or something
    would change), 2 wrong usage or unreadable input.
    """
    from richc.cli.rewriting import Texts, write_back, write_out
    from richc.cli.rewriting import diff as unified
    from richc.fixing.fix import ON_DEMAND, fix
    from richc.rules.selection import chosen

    codes = wanted(select, ignore)
    mended = None
    if codes is not None:
        # What changes values at the base width is named, or not done.
        mended = chosen(select, ignore) - (frozenset() if select else ON_DEMAND)
    if STDIN in paths and len(paths) > 1:
        raise click.UsageError("- stands alone: its text goes to standard output")
    texts = Texts(paths, stdin_filename)
    problems, names = False, set[str]()
    for path, source in texts:
        done = fix(source, model, mended, to)
        names.update(done.result.names)
        writes = not (diff or only_check)
        if diff:
            write_out(unified(source, done.result.source.text))
        if writes:
            write_back(path, source, done.result.source.text)
        left = done.result if model is None else done.result.only(model)
        if codes is not None:
            left = left.of_rules(codes)
        _tell(done, left, writes=writes, quiet=quiet)
        problems = problems or left.has_errors or bool(done.left)
        problems = problems or (done.is_changed and not writes)
    if model is not None and model not in names and texts.all_readable:
        raise no_such_model(model, names)
    if not texts.all_readable:
        raise SystemExit(2)
    if problems:
        raise SystemExit(1)


def _tell(done: Fixed, left: FileResult, *, writes: bool, quiet: bool) -> None:
    """What was done, and what is left, on standard error."""
    path = done.before.shown
    told = () if quiet else done.steps
    if told:
        click.echo(f"{path}: {'fixed' if writes else 'would be fixed'}", err=True)
    for step in told:
        click.echo(f"  {step.what}", err=True)
        for note in step.notes:
            click.echo(f"    note: {note}", err=True)
    if left.has_errors:
        click.echo(err=True)
        show_diagnostics(left)
    for reason in done.left:
        click.echo(f"{path}: {reason}", err=True)
