"""Ctrl-C and SIGTERM: a line, no traceback, and the exit code that shells expect."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import FrameType
from typing import ParamSpec

import click

from richc.syntax.source import printable

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_P = ParamSpec("_P")


def resumable(command: Callable[_P, None]) -> Callable[_P, None]:
    """For a command that goes on from its ``output`` when it is given again."""

    @wraps(command)
    def stoppable(*args: _P.args, **kwargs: _P.kwargs) -> None:
        with _stopping() as caught:
            try:
                command(*args, **kwargs)
            except KeyboardInterrupt:
                output = kwargs["output"]
                kept = f"; the same command goes on from {printable(str(output))}" if output else ""
                click.echo(f"interrupted{kept}", err=True)
                number = caught[0] if caught else signal.SIGINT
                raise SystemExit(128 + number) from None

    return stoppable


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Either signal raises KeyboardInterrupt, and is in the list then: libraries raise their own.

    What is ignored (by nohup, or in the background) stays so.
    """
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def stop(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        # Who asks twice does not want to wait for what is cleaned up.
        for other in heard:
            signal.signal(other, signal.SIG_DFL)
        raise KeyboardInterrupt

    for number in heard:
        signal.signal(number, stop)
    try:
        yield caught
    finally:
        if not caught:
            for number in heard:
                signal.signal(number, before[number])
