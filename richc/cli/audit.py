"""``richc audit``: whether PyTorch code scales with its width as it should."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import click

from richc.cli.color import color_option, use_color
from richc.cli.number_types import BUILT_WIDTHS, ParsedText
from richc.cli.outputs import keep_apart
from richc.cli.training import plot_target, plotting, prepare_torch
from richc.diagnostics import RichError

if TYPE_CHECKING:
    from richc.report.audit_schema import AuditReport


def _ignored(text: str) -> tuple[str, str]:
    """A pattern of parameters' names, and a code or slug: ``blocks.*=A301``."""
    from richc.diagnostics import AUDITED
    from richc.rules import pages

    pattern, equals, code = text.rpartition("=")
    known = pages.known(code)
    if not equals or not pattern or known not in AUDITED:
        raise ValueError(f"{text!r}: a pattern of names and a code, as in 'wpe.*=A101'")
    return pattern, known


@click.command("audit", short_help="Audit PyTorch code: is it μP, and what is wrong?")
@click.argument("factory", metavar="FACTORY")
@click.option("--widths", type=BUILT_WIDTHS, help="Widths to build.", show_default="64,128,256,512")
@click.option(
    "--seeds",
    type=click.IntRange(1, 10_000),
    help="Networks of every width.",
    show_default="as many as the risk of error asks for",
)
@click.option(
    "--target", default="mup", show_default=True, metavar="mup|ntp|rich(R)",
    help="What is asked for.",
)  # fmt: skip
@click.option("--read-only", is_flag=True, help="No training: what shapes, rates and inits say.")
@click.option(
    "--fix", is_flag=True,
    help="Print the changes, made to what FACTORY makes and measured again.  No code is edited.",
)  # fmt: skip
@click.option("--rich", "rich", type=click.Path(), help="Write the model as a .rich file.")
@click.option("--plot", type=click.Path(), help="Draw it: a .png or .svg file.")
@click.option("--force", is_flag=True, help="Overwrite what richc did not write.")
@click.option(
    "--ignore", type=ParsedText("pattern=code", _ignored), multiple=True,
    help="Leave out a code for parameters whose names match; * for all.",
)  # fmt: skip
@click.option(
    "--format",
    "output_format",
    type=click.Choice(("text", "json", "sarif", "github")),
    default="text",
    show_default=True,
)
@click.option("-q", "--quiet", is_flag=True, help="Findings and the verdict only.")
@color_option
def command(
    factory: str,
    widths: tuple[int, ...] | None,
    seeds: int | None,
    target: str,
    read_only: bool,
    fix: bool,
    rich: str | None,
    plot: str | None,
    force: bool,
    ignore: tuple[tuple[str, str], ...],
    output_format: str,
    quiet: bool,
    color: str,
) -> None:
    """Audit what FACTORY makes: package.module:make, or path/file.py:make.

    make(width) returns a model, its optimizer, a batch and a loss, as a dict or as a tuple. It is
    called at several widths; shapes, rates and scales are read, and the changes that a step of the
    optimizer makes are measured. Each finding is one cause, with the change that mends it.

    Exit codes: 0 as it should be, 1 a fault, 2 wrong usage or what cannot be audited, 4 undecided
    (sign ?).
    """
    keep_apart([("--plot", plot), ("--rich", rich)], [factory.rpartition(":")[0] or None])
    prepare_torch()
    figure = plot_target(plot, force=force)
    from richc.report.audit_schema import ignoring, report
    from richc.torchfront.audit import AuditSettings, SettingsProblem, audit

    try:
        settings = AuditSettings.of(widths, seeds, target, read_only=read_only, fix=fix)
    except SettingsProblem as error:
        raise RichError(str(error)) from None
    # What the factory prints would break the formats that machines read.
    with redirect_stdout(sys.stderr):
        found = audit(factory, settings)
    shown = ignoring(report(found), ignore)
    _print(shown, output_format, color, quiet=quiet, fix=fix)
    if rich is not None:
        _write(factory, rich, settings.widths, force=force)
    if figure is not None and shown.verdict != "refused":
        from richc.figures.audit import draw

        with plotting():
            draw(shown, figure, force=force)
    if shown.exit_code:
        raise SystemExit(shown.exit_code)


def _print(report: AuditReport, output_format: str, color: str, *, quiet: bool, fix: bool) -> None:
    from richc.report.audit import changes, github, render, sarif

    if output_format == "json":
        click.echo(report.model_dump_json(indent=2))
        return
    if output_format in ("sarif", "github"):
        for chunk in (sarif if output_format == "sarif" else github)(report):
            click.echo(chunk, nl=False)
        return
    colored = use_color(color, sys.stdout)
    lines = list(render(report, color=colored, quiet=quiet))
    is_refused = report.verdict == "refused"
    if fix and not is_refused:
        lines[-1:-1] = [f"  changed: {line}" for line in changes(report)]
    for line in lines:
        click.echo(line, color=colored, err=is_refused)


def _write(factory: str, path: str, widths: tuple[int, ...], *, force: bool) -> None:
    """The .rich file, or why there is none."""
    from pathlib import Path

    from richc.files import OutputError
    from richc.torchfront.factory import Refusal
    from richc.torchfront.structure import Unsaid
    from richc.torchfront.written import save

    try:
        save(factory, widths, Path(path), force=force)
    except (Unsaid, Refusal, OutputError) as error:
        raise RichError(f"--rich: {error}") from None
