"""Progress bars on standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import click

from richc.lab.experiment import Listener
from richc.lab.sweep.runs import Job, Run, Task, weights


class Progress(Listener):
    """Of work whose length is guessed in seconds.

    Shows a bar on a terminal, and says beforehand how long a long run will take.
    """

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


class SweepProgress:
    """Of a sweep, in weights trained."""

    def __init__(self, job: Job, quiet: bool) -> None:
        self._job = job
        self._shown = not quiet and sys.stderr.isatty()
        self._stack = ExitStack()
        self._bar: Any = None

    def begin(self, tasks: Sequence[Task]) -> None:
        """Work begins: all of it, or what is added where the best value was the last one tried."""
        self.end()
        points = [point for task in tasks for point in task.points]
        if not self._shown or not points:
            return
        length = sum(weights(self._job.spec, point.width) for point in points)
        bar = click.progressbar(
            length=length, label=f"{len(points)} trainings", file=sys.stderr, show_pos=False
        )
        self._bar = self._stack.enter_context(bar)

    def done(self, runs: Sequence[Run]) -> None:
        """Trainings are done."""
        if self._bar is not None:
            self._bar.update(sum(weights(self._job.spec, run.point.width) for run in runs))

    def end(self) -> None:
        """Nothing is shown any more, until the next work begins."""
        self._stack.close()
        self._bar = None


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
