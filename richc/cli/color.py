"""Whether text output is coloured."""

from __future__ import annotations

import os
from typing import TextIO

import click

#: Of every command that prints for people.
color_option = click.option(
    "--color",
    type=click.Choice(("auto", "always", "never")),
    default="auto",
    show_default=True,
    help="Whether to colour text output.",
)


def use_color(choice: str, stream: TextIO) -> bool:
    """--color over NO_COLOR over FORCE_COLOR over the terminal."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty()
