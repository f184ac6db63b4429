"""Part: what happens in training, as lines of JSON and for TensorBoard."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from richc.emit.parts.ranks import rank
from richc.emit.parts.readers import DataError

MODEL = "model"

# ---- emitted from here on ----


class Log:
    """Appends to a file: a line that tells of the run, then one every few steps.

    A run that is resumed at step ``begin`` first takes back its lines of later steps, so that none
    is there twice.  Raises DataError where the file is no log, or cannot be written.
    """

    def __init__(self, options: argparse.Namespace, begin: int) -> None:
        self.every, self.options = options.log_every, options
        self.file: io.FileIO | None = None
        self.board: Any = None
        self.is_on = options.log is not None or options.tensorboard is not None
        # keep if ranks
        if rank():
            return
        # end
        with refused_for(f"--log {options.log}"):
            if options.log is not None:
                states = vars(options).get("checkpoint") if vars(options).get("resume") else None
                self.file, goes_on = open_log(options.log, begin, states and str(states))
                if not goes_on:
                    told = {k: v for k, v in sorted(vars(options).items()) if v is not None}
                    self.write_line({"run": MODEL, "options": told})
        with refused_for(f"--tensorboard {options.tensorboard}"):
            if options.tensorboard is not None:
                from torch.utils.tensorboard import SummaryWriter

                self.board = SummaryWriter(str(options.tensorboard), purge_step=begin + 1)

    def is_due(self, step: int) -> bool:
        return self.is_on and step % self.every == 0

    def write(self, step: int, values: dict[str, Any]) -> None:
        with refused_for(f"--log {self.options.log}"):
            self.write_line({"step": step, **values})
        with refused_for(f"--tensorboard {self.options.tensorboard}"):
            for name, number in flat("", values) if self.board is not None else ():
                self.board.add_scalar(name, number, step)

    def write_line(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, default=str).encode() + b"\n"
        while self.file is not None and text:
            text = text[self.file.write(text) :]

    def close(self) -> None:
        for sink in (self.file, self.board):
            if sink is not None:
                sink.close()


@contextlib.contextmanager
def refused_for(option: str) -> Iterator[None]:
    """What cannot be written where an option says so is the user's to mend: raises DataError."""
    try:
        yield
    except ImportError:
        raise DataError(f"{option}: the package tensorboard is not installed") from None
    except (DataError, OSError) as error:
        raise DataError(f"{option}: {getattr(error, 'strerror', None) or error}") from None


def flat(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """Numbers in nested dictionaries, by their path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(f"{name}/{key}" if name else key, inner)
    elif value is not None:
        yield name, value


# How the lines begin that this program writes, and what is too long to be one.
STARTS, LONGEST = (b'{"run": ', b'{"step":'), 1 << 20


def open_log(path: Path, begin: int, states: str | None) -> tuple[io.FileIO, bool]:
    """The file, ready to append, and whether the last run in it is the one that goes on.

    That is so if its checkpoints are in ``states``: then it is taken back to step ``begin``.  What
    a killed run left of its last line is taken away.  Raises DataError, and leaves the file as it
    is, where it is no log, or lines that are none of a log would be lost.
    """
    if path.exists() and not path.is_file():
        raise DataError("not a file")
    path.touch()
    size, cut, line, last = 0, None, b"", b"\n"
    is_log = is_ours = is_mixed = False
    with path.open("rb") as lines:
        while line := lines.readline(LONGEST):
            told = parse_line(line)
            if not told and not line.endswith(b"\n"):
                break
            if "run" in told:
                is_log, is_ours, is_mixed = True, told["options"].get("checkpoint") == states, False
                cut = None if begin else size
            elif cut is None and told.get("step", 0) > begin:
                cut = size
            is_mixed |= cut is not None and not told
            size, last = size + len(line), line
        whole = lines.seek(0, os.SEEK_END)
    is_torn = size + len(line) == whole and line[:8] in [start[: len(line)] for start in STARTS]
    if (line and not is_torn) or (whole and not line and not is_log):
        raise DataError("not a log of this program, to which lines could be appended")
    goes_on = is_ours and states is not None
    if goes_on and is_mixed:
        raise DataError("lines that this run would write again are mixed with others")
    if goes_on and cut is not None:
        size, last = cut, b"\n"
    file = path.open("ab", buffering=0)
    if size < whole:
        file.truncate(size)
    if not last.endswith(b"\n"):
        file.write(b"\n")
    return file, goes_on and begin > 0


def parse_line(line: bytes) -> dict[str, Any]:
    """A line of a log; nothing for a line of somebody else's."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    is_run = "run" in found and isinstance(found.get("options"), dict)
    return found if is_run or ("run" not in found and type(found.get("step")) is int) else {}
