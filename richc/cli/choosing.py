"""Which model of a file is meant, and whether it may be compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from richc.cli.completing import models
from richc.cli.errors import show_diagnostics

if TYPE_CHECKING:
    from richc.compilation import Refused
    from richc.pipeline import ModelResult
    from richc.spec.model import Model


model_option = click.option(
    "--model",
    "name",
    metavar="NAME",
    shell_complete=models,
    help="Which model, where FILE holds several.",
)


def chosen_model(
    file: str, name: str | None, *, allow_violations: bool, color: str = "auto"
) -> ModelResult:
    """The one model of ``file`` that is meant.

    Prints the diagnostics and exits with 1 where it may not be compiled.  Raises click's
    exceptions, with exit code 2, for an unreadable file and for a ``name`` that is missing or
    does not exist.
    """
    return declared_and_judged(file, name, allow_violations=allow_violations, color=color)[0]


def declared_and_judged(
    file: str,
    name: str | None,
    *,
    allow_violations: bool,
    color: str = "auto",
    at: Callable[[Model], Model] | None = None,
) -> tuple[ModelResult, ModelResult]:
    """The one model of ``file`` that is meant, and what ``at`` makes of it, which is judged.

    Prints and raises as ``chosen_model``.
    """
    from richc.cli.inputs import analysed
    from richc.compilation import Refused, WrongChoice, choose
    from richc.pipeline import analyse_source

    try:
        declared = analysed(file)
        if at is None:
            chosen = choose(declared, name, allow_violations=allow_violations)
            return chosen, chosen
        trained = analyse_source(declared.source, at)
        judged = choose(trained, name, allow_violations=allow_violations)
        return choose(declared, name, allow_violations=True), judged
    except WrongChoice as error:
        raise click.UsageError(f"{file}: {error}", click.get_current_context()) from None
    except Refused as refused:
        _show(refused, color, "" if at is None else ": it is checked as it would be trained")
        raise SystemExit(1) from None


def _show(refused: Refused, color: str, why: str) -> None:
    show_diagnostics(refused.result, color)
    if refused.advice:
        click.echo(f"\n{refused.advice}{why}", err=True)
