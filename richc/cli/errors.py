"""Errors on standard error: of use, in one line and with exit code 2, and of a text."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from richc.pipeline import FileResult


class Unusable(click.ClickException):
    """Input, output or a choice that cannot be used."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        from richc.syntax.source import printable

        super().__init__(printable(message))


def show_diagnostics(result: FileResult, color: str = "auto") -> None:
    """The errors and warnings of a text."""
    from richc.cli.color import use_color
    from richc.report.text import render_diagnostics

    shows = use_color(color, sys.stderr)
    click.echo(render_diagnostics(result, color=shows), err=True, nl=False, color=shows)
