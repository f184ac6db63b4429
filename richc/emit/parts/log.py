"""Part: what happens in training, as lines of JSON and for TensorBoard."""

from __future__ import annotations

import argparse
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from richc.emit.parts.data import DataError, refused_for
from richc.emit.parts.ranks import rank

MODEL = "model"

# ---- emitted from here on ----

# ---- log -----------------------------------------------------------------------------------------

STARTS = (b'{"run": ', b'{"step":')  # of the lines that this program writes


class Log:
    """Appends to a file: a line that tells of the run, then one every few steps.

    A run that is resumed at step ``begin`` first takes back its lines of later steps, so that none
    is there twice.  Raises DataError where the file is no log, or cannot be written.
    """

    def __init__(self, options: argparse.Namespace, begin: int) -> None:
        self.options, self.is_on = options, bool(options.log or options.tensorboard)
        self.file: io.FileIO | None = None
        self.board: Any = None
        # keep if ranks
        if rank():
            return
        # end
        given = {name: value for name, value in sorted(vars(options).items()) if value is not None}
        if options.log is not None:
            with refused_for(f"--log {options.log}"):
                is_known = take_back(options.log, begin, given)
                self.file = options.log.open("ab", buffering=0)
            if not is_known:
                self.write_line({"run": MODEL, "options": given})
        if options.tensorboard is not None:
            with refused_for(f"--tensorboard {options.tensorboard}"):
                from torch.utils.tensorboard import SummaryWriter

                self.board = SummaryWriter(str(options.tensorboard), purge_step=begin + 1)
                # What fails in its thread is raised here, by the next call.
                threading.excepthook = lambda _: None

    def is_due(self, step: int) -> bool:
        return self.is_on and step % self.options.log_every == 0

    def write(self, step: int, values: dict[str, Any]) -> None:
        self.write_line({"step": step, **values})
        if self.board is not None:
            with refused_for(f"--tensorboard {self.options.tensorboard}"):
                for name, number in flat("", values):
                    self.board.add_scalar(name, number, step)

    def write_line(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, default=str).encode() + b"\n"
        with refused_for(f"--log {self.options.log}"):
            while self.file is not None and text:
                text = text[self.file.write(text) :]

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
        if self.board is not None:
            with refused_for(f"--tensorboard {self.options.tensorboard}"):
                self.board.close()


def flat(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """Numbers in nested dictionaries, by their path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(f"{name}/{key}" if name else key, inner)
    elif value is not None:
        yield name, value


def take_back(path: Path, begin: int, given: dict[str, Any]) -> bool:
    """Make a log ready to append to; returns whether this run's first line is in it already.

    A last line that was broken off goes, and of a resumed run all after step ``begin``.  Raises
    DataError, and leaves the file alone, where it is no log of this program or others' lines would
    be lost.
    """
    if path.exists() and not path.is_file():
        raise DataError("not a file")
    path.touch()
    told, sizes, end = list[Any](), list[int](), b"\n"
    with path.open("rb") as file:
        for end in file:
            told.append(parse_line(end))
            sizes.append(len(end))
    is_torn = told[-1:] == [None] and not end.endswith(b"\n")
    begun = [i for i, line in enumerate(told) if isinstance(line, dict)]
    if is_torn and not any(end.startswith(start[: len(end)]) for start in STARTS):
        raise DataError("not a log of this program: its last line is another's")
    if told and not begun and not is_torn:
        raise DataError("not a log of this program: none of its lines tells of a run")
    kept, last = len(told) - is_torn, told[begun[-1]] if begun else {}
    is_ours = bool(given.get("resume")) and last.get("checkpoint") == str(given["checkpoint"])
    if is_ours:
        later = [i for i in range(begun[-1] + 1, kept) if told[i] is not None and told[i] > begin]
        cut = min(later, default=kept) if begin else begun[-1]
        if None in told[cut:kept]:
            raise DataError("lines that this run would write again are mixed with others")
        kept = cut
    with path.open("r+b") as file:
        file.truncate(sum(sizes[:kept]))
        file.seek(0, io.SEEK_END)
        file.write(b"\n" * (kept == len(told) and not end.endswith(b"\n")))
    return is_ours and begin > 0


def parse_line(line: bytes) -> dict[str, Any] | int | None:
    """Of a log's line, the options of a run that it tells of, or its step; None for others'."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    told, kind = (found.get("options"), dict) if "run" in found else (found.get("step"), int)
    return told if type(told) is kind else None
