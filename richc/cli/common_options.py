"""Options that several commands have, each with one help text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

#: As an argument ``output_format``: for people, or for programs.
format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="What to print: for people or for programs.",
)

stdin_filename_option = click.option(
    "--stdin-filename", default="<stdin>", show_default=True, help="The name to show for `-`."
)

quiet_option = click.option(
    "-q", "--quiet", is_flag=True, help="Results, warnings and errors only."
)

plot_option = click.option("--plot", type=click.Path(), help="Draw it: a .png or .svg file.")

target_option = click.option(
    "--target", help="The labels' column or key.", show_default="FILE's, else the last column"
)


def over_option(help: str) -> Callable[[Any], Any]:
    """What grows from network to network."""
    sizes = click.Choice(("width", "depth"))
    return click.option("--over", type=sizes, default="width", show_default=True, help=help)


def data_option(default: str) -> Callable[[Any], Any]:
    """Where the data is; ``default`` in words."""
    return click.option("--data", type=click.Path(), help="The data.", show_default=default)
