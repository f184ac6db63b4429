"""Standard streams that are closed, full, or read by nobody: no bugs of ours, and no tracebacks."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import Literal, NoReturn, TextIO

from richc.syntax.source import printable


def reopen() -> None:
    """Put something in the place of each standard stream that is closed.

    No file that is opened later becomes one of them then.  Reading the input and writing the output
    fail as they do where these are closed; closed standard error is silence.
    """
    if sys.stdin is None:
        sys.stdin = _opened(0, os.O_WRONLY, "r")
    if sys.stdout is None:
        sys.stdout = _opened(1, os.O_RDONLY, "w")
    if sys.stderr is None:
        sys.stderr = _opened(2, os.O_WRONLY, "w")


def _opened(descriptor: int, flags: int, mode: Literal["r", "w"]) -> TextIO:
    null = os.open(os.devnull, flags)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
    else:
        # A program that is run from here has it, too.
        os.set_inheritable(null, True)
    return open(descriptor, mode, encoding="utf-8", closefd=False)


def fail(error: OSError) -> NoReturn:
    """Leave with 2 and a line that says why; without it where nobody reads the output any more."""
    stuck = [descriptor for descriptor in (1, 2) if not _is_written(descriptor)]
    if error.errno != errno.EPIPE:
        name = error.filename if error.filename is not None else "standard output"
        with suppress(OSError):
            said = f"error: {os.fsdecode(name)}: {error.strerror or error}"
            sys.stderr.write(f"{printable(said)}\n")
            sys.stderr.flush()
    for descriptor in stuck:
        # What is left in its buffer, the interpreter would try to write once more, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    sys.exit(2)


def _is_written(descriptor: int) -> bool:
    stream = sys.stdout if descriptor == 1 else sys.stderr
    try:
        if not stream.closed:
            stream.flush()
    except OSError:
        return False
    return True
