"""``richc report``: one HTML page about a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from richc.cli.completing import models, rich_files
from richc.cli.errors import show_diagnostics
from richc.cli.inputs import STDIN
from richc.cli.outputs import keep_apart
from richc.diagnostics import RichError

if TYPE_CHECKING:
    from collections.abc import Callable

    from richc.pipeline import FileResult, ModelResult
    from richc.report.transfer_schema import TransferReport
    from richc.report.verification_schema import VerificationReport

    _Report = TypeVar("_Report", VerificationReport, TransferReport)


@click.command("report", short_help="Write an HTML page about a .rich file.")
@click.argument("file", type=click.Path(), shell_complete=rich_files)
@click.option("-o", "--output", type=click.Path(), help="The page to write.", show_default="stdout")
@click.option(
    "--model",
    "name",
    metavar="NAME",
    shell_complete=models,
    help="Only this model, where FILE holds several.",
)
@click.option(
    "--verification",
    "verifications",
    multiple=True,
    type=click.Path(),
    help="What `richc verify --format json` found for a model of FILE; may be repeated.",
)
@click.option(
    "--transfer",
    "transfers",
    multiple=True,
    type=click.Path(),
    help="The same of `richc transfer --format json`.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that richc did not write.")
@click.option(
    "-q", "--quiet", expose_value=False, is_flag=True, help="Without effect: it tells nothing."
)
def command(
    file: str,
    output: str | None,
    name: str | None,
    verifications: tuple[str, ...],
    transfers: tuple[str, ...],
    force: bool,
) -> None:
    """Write one HTML page about FILE (- for standard input): verdict, findings, signals, layers.

    The page needs no network and runs no script; it can be printed, sent and archived.

    Exit codes: 0 written, whatever the verdict; 1 written, but FILE has no model that could be
    judged; 2 wrong usage or unreadable input.
    """
    from richc.cli.inputs import analysed
    from richc.files import write_file
    from richc.page.rendering import require_jinja

    keep_apart([("-o", output)], [file, *verifications, *transfers])
    require_jinja()
    result = analysed(file)
    if name is not None:
        result = _only(result, name)

    from richc.page.document import is_ours, page

    runs = [_verification(path, result) for path in verifications]
    sweeps = [_transfer(path, result) for path in transfers]
    content = page(result, [*runs, *sweeps]).encode()
    if output is None or output == STDIN:
        # Bytes, so that stdout and a file hold the same ones on every platform.
        sys.stdout.buffer.write(content)
    else:
        write_file(Path(output), content, is_ours, force=force)
    if not result.models:
        show_diagnostics(result)
        raise SystemExit(1)


def _only(result: FileResult, name: str) -> FileResult:
    """The part about one model.  Raises a usage error where there is none of this name."""
    from richc.words import did_you_mean

    if name not in result.names:
        known = did_you_mean(name, result.names)
        raise click.UsageError(
            f"{result.source.shown}: there is no model `{name}`{known}", click.get_current_context()
        )
    return result.only(name)


def _verification(path: str, result: FileResult) -> VerificationReport:
    """Raises RichError."""
    from richc.page.measured import require_same
    from richc.report.verification_schema import VerificationReport

    return _read(path, "verification", VerificationReport, result, require_same)


def _transfer(path: str, result: FileResult) -> TransferReport:
    """Raises RichError."""
    from richc.page.transferred import require_same
    from richc.report.transfer_schema import TransferReport

    return _read(path, "transfer", TransferReport, result, require_same)


def _read(
    path: str,
    kind: str,
    schema: type[_Report],
    result: FileResult,
    require_same: Callable[[_Report, ModelResult], None],
) -> _Report:
    """What `richc verify` or `transfer` found of a model of the page.  Raises RichError."""
    from richc.cli.json_reports import read_report

    command = "verify" if kind == "verification" else kind
    report = read_report(path, f"--{kind}", command, schema)
    models = {model.spec.name: model for model in result.models}
    if report.model not in models:
        raise RichError(f"--{kind}: {path}: there is no model `{report.model}` on this page")
    try:
        require_same(report, models[report.model])
    except RichError as error:
        raise RichError(f"--{kind}: {path}: {error}") from None
    return report
