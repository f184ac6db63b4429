"""What commands that train and draw have in common."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from richc.cli.color import use_color
from richc.cli.errors import Unusable

if TYPE_CHECKING:
    from pydantic import BaseModel


def prepare_torch() -> None:
    """To be called before torch is imported.  Raises Unusable where there is none."""
    from importlib.util import find_spec

    from richc.lab.memory import keep
    from richc.lab.threads import calm
    from richc.lab.train import NO_TORCH

    if find_spec("torch") is None:
        raise Unusable(NO_TORCH)
    calm(os.environ)
    keep()


def plot_target(plot: str | None, *, force: bool) -> Path | None:
    """The picture that ``--plot`` names, where it can be drawn.  Raises Unusable."""
    if plot is None:
        return None
    from richc.figures.style import check_target

    path = Path(plot)
    with plotting():
        check_target(path, force=force)
    return path


@contextmanager
def plotting(option: str = "--plot") -> Iterator[None]:
    """Raises Unusable, which names the option, for a picture that cannot be drawn."""
    from richc.figures.style import FigureProblem

    try:
        yield
    except FigureProblem as error:
        raise Unusable(f"{option}: {error}") from None


def print_found(
    found: BaseModel, output_format: str, color: str, render: Callable[[bool], Iterable[str]]
) -> None:
    """As JSON, or as the lines that ``render`` makes, in colour or not."""
    if output_format == "json":
        click.echo(found.model_dump_json(indent=2))
        return
    colored = use_color(color, sys.stdout)
    for line in render(colored):
        click.echo(line, color=colored)
