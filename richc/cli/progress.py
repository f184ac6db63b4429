"""How far a training is, on standard error: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import click

from richc.lab.pace import Listener
from richc.lab.sweep.runs import Job, Run, Task, cost
from richc.words import counted

#: Seconds from which on work is announced, and between two lines.
_LONG = 10.0
#: How much longer what should be done by now is taken to go on, relative to how long it has.
_OVERDUE = 0.2


class _Shown:
    """Work in units of any kind, shown while the block runs; nothing where ``quiet``."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._stack = ExitStack()
        self._start = self._last = time.monotonic()
        self._total = self._done = self._begun = 0.0
        #: Seconds a unit; None before anything is done.
        self._pace: float | None = None
        self._over = threading.Event()
        self._teller = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self) -> Self:
        if not self._quiet and not sys.stderr.isatty():
            self._teller.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._teller.is_alive():
            self._teller.join()  # so that no line comes after the result
        self._stack.close()

    def _begin(self, total: float, pace: float | None, label: str, unit: float) -> None:
        """So much work; ``unit`` of it is a step of the bar."""
        self._stack.close()
        self._bar = None
        self._start = self._last = time.monotonic()
        self._total, self._done, self._begun, self._pace = total, 0.0, 0.0, pace
        if not self._quiet and sys.stderr.isatty() and total:
            bar = click.progressbar(
                length=max(1, int(total / unit)), label=label, file=sys.stderr, show_pos=False
            )
            self._bar = self._stack.enter_context(bar)

    def _advance(self, units: float, unit: float, begun: float = 0.0) -> None:
        """So much more is done, and so much in all ``begun`` besides."""
        self._done += units
        self._last = time.monotonic()
        # What is begun is half done, on average.
        self._pace = (self._last - self._start) / (self._done + begun / 2)
        self._begun = begun
        if self._bar is not None:
            self._bar.update(int(units / unit))

    def _left(self) -> float | None:
        """Seconds until all is done, about; None before that can be told."""
        if self._pace is None or not self._total:
            return None
        waited = time.monotonic() - self._last
        left = (self._total - self._done - self._begun / 2) * self._pace
        return max(left - waited, _OVERDUE * waited)

    def _tell(self) -> None:
        began = time.monotonic()
        while not self._over.wait(_LONG):
            left = self._left()
            shown = f"{_words(time.monotonic() - began)} so far"
            if left is not None:
                shown = f"{self._done / self._total:.0%}, about {_words(left)} left"
            click.echo(f"training: {shown}", err=True)


class Progress(_Shown, Listener):
    """Of work whose length is guessed in seconds, and said beforehand where it is long."""

    def begin(self, seconds: float) -> None:
        if not self._quiet and seconds >= _LONG:
            click.echo(f"about {_words(seconds)}", err=True)
        self._begin(seconds if seconds > 1 else 0.0, 1.0, "training", 0.1)

    def done(self, seconds: float) -> None:
        self._advance(seconds, 0.1)


class SweepProgress(_Shown):
    """Of a sweep's trainings in ``workers`` processes."""

    def __init__(self, job: Job, workers: int, quiet: bool) -> None:
        super().__init__(quiet)
        self._job = job
        self._workers = workers
        #: What each task costs that nobody has heard of yet, the first one first.
        self._waiting: dict[Task, float] = {}

    def begin(self, tasks: Sequence[Task]) -> None:
        """Work begins: all of it, or what is added where the best value was the last one tried."""
        self._waiting = {
            task: sum(cost(self._job.at(point.width)) for point in task.points) for task in tasks
        }
        trainings = sum(len(task.points) for task in tasks)
        self._begin(sum(self._waiting.values()), None, counted(trainings, "training"), 1.0)

    def done(self, runs: Sequence[Run]) -> None:
        """The trainings of one task are done."""
        points = {run.point for run in runs}
        over = next(task for task in self._waiting if points.issuperset(task.points))
        units = self._waiting.pop(over)
        self._advance(units, 1.0, sum(list(self._waiting.values())[: self._workers - 1]))


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
