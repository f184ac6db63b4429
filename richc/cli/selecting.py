"""``--select`` and ``--ignore``, as commands that check have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from richc.cli.completing import rule_lists


def selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the two options."""
    for name, what in (("ignore", "Leave out"), ("select", "Report only")):
        command = click.option(
            f"--{name}",
            multiple=True,
            metavar="RULES",
            shell_complete=rule_lists,
            help=f"{what} these rules: codes, slugs or beginnings such as R4, with commas between.",
        )(command)
    return command


def wanted(select: Sequence[str], ignore: Sequence[str]) -> frozenset[str] | None:
    """The codes to report; None: all of them.  Raises RichError."""
    if not select and not ignore:
        return None
    from richc.rules import selection

    return selection.wanted(select, ignore)
