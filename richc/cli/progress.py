"""A progress bar on standard error, for work whose length is guessed in seconds."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

import click

from richc.lab.experiment import Listener


class Progress(Listener):
    """Shows a bar on a terminal, and says beforehand how long a long run will take."""

    def __init__(self, quiet: bool, announced_from: float) -> None:
        self._quiet = quiet
        self._announced_from = announced_from
        self._stack = ExitStack()
        self._bar: Any = None

    def begin(self, seconds: float) -> None:
        if self._quiet:
            return
        if seconds >= self._announced_from:
            click.echo(f"about {_words(seconds)}", err=True)
        if sys.stderr.isatty() and seconds > 1:
            # In tenths of a second.
            bar = click.progressbar(
                length=int(10 * seconds), label="training", file=sys.stderr, show_pos=False
            )
            self._bar = self._stack.enter_context(bar)

    def done(self, seconds: float) -> None:
        if self._bar is not None:
            self._bar.update(int(10 * seconds))

    def end(self) -> None:
        self._stack.close()
        self._bar = None


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
