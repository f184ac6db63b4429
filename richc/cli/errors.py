"""Errors of use: one line on standard error, exit code 2."""

from __future__ import annotations

import click


class Unusable(click.ClickException):
    """Input, output or a choice that cannot be used."""

    exit_code = 2
