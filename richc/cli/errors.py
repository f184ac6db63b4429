"""Errors on standard error: of use, in one line and with exit code 2, and of a text."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click

from richc.diagnostics import RichError

if TYPE_CHECKING:
    from richc.pipeline import FileResult


class Said(click.ClickException):
    """An error of use, in one line: ``error: there is no option `--formt`; did you mean ...``."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"error: {self.message}", file=file, err=True)


@contextmanager
def said() -> Iterator[None]:
    """Whatever error of use leaves, click's or our own, is ``Said``."""
    try:
        yield
    except Said:
        raise
    except click.ClickException as error:
        raise Said(_sentence(error)) from None
    except RichError as error:
        from richc.syntax.source import printable

        raise Said(printable(str(error))) from None


def _sentence(error: click.ClickException) -> str:
    from richc.words import did_you_mean

    context = error.ctx if isinstance(error, click.UsageError) else None
    match error:
        case click.NoSuchOption() if context:
            params = (param for param in context.command.params if isinstance(param, click.Option))
            known = [name for param in params for name in param.opts]
            return no_such_option(error.option_name, known, f"{context.command_path} --help")
        case click.MissingParameter(param=click.Parameter() as param) if context:
            usage = " ".join(context.command.get_usage(context).split())
            return f"{_name(param)} is missing: {usage.removeprefix('Usage: ')}"
        case click.BadParameter(param_hint=str() as option):
            return f"{option}: {error.message}"
        case click.BadParameter(param=click.Parameter() as param):
            choices = getattr(param.type, "choices", ())
            wrong = re.match(r"'(.*?)' is not one of", error.message)
            guess = did_you_mean(wrong[1], map(str, choices)) if wrong else ""
            # click names its type: `'1.5' is not a valid integer range.`
            message = error.message.removesuffix(".").removesuffix(" range")
            return f"{_name(param)}: {message}{guess}"
        case click.UsageError():
            message = error.format_message()
            return message[:1].lower() + message[1:].removesuffix(".")
    return error.format_message()


def _name(param: click.Parameter) -> str:
    """``--format``, ``FILE``."""
    return (
        param.opts[0] if isinstance(param, click.Option) else param.metavar or param.opts[0].upper()
    )


def no_such_option(given: str, known: Iterable[str], asks: str) -> str:
    """The line for an option that there is not; the command ``asks`` lists those that are."""
    from richc.words import closest

    options = {name.strip("-"): name for name in known}
    near = closest(given.strip("-"), options)
    hint = f"did you mean `{options[near]}`?" if near else f"`{asks}` lists them"
    return f"there is no option `{given}`; {hint}"


def no_such_model(name: str, known: Iterable[str]) -> RichError:
    """For a name that no model of the files that were read has."""
    from richc.words import did_you_mean

    return RichError(f"no model `{name}` in these files{did_you_mean(name, known)}")


def show_diagnostics(result: FileResult, color: str = "auto") -> None:
    """The errors and warnings of a text."""
    from richc.cli.color import use_color
    from richc.report.text import render_diagnostics

    shows = use_color(color, sys.stderr)
    click.echo(render_diagnostics(result, color=shows), err=True, nl=False, color=shows)
