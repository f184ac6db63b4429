"""Part: what happens in training, as lines of JSON and for TensorBoard."""

from __future__ import annotations

import argparse
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

    A run that goes on from step ``begin`` first takes back the lines of later steps, so that none
    is there twice.  Raises DataError where the file cannot be written.
    """

    def __init__(self, options: argparse.Namespace, begin: int) -> None:
        self.every, self.file, self.board = options.log_every, None, None
        self.is_on = options.log is not None or options.tensorboard is not None
        # keep if ranks
        if rank():
            return
        # end
        if options.log is not None:
            try:
                self.file = open_log(options.log, begin)
            except OSError as error:
                raise DataError(f"--log {options.log}: {error.strerror or error}") from None
            if not begin:
                told = {k: v for k, v in sorted(vars(options).items()) if v is not None}
                self.write_line({"run": MODEL, "options": told})
        if options.tensorboard is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise DataError("--tensorboard: TensorBoard is not installed") from None
            self.board = SummaryWriter(str(options.tensorboard), purge_step=begin + 1)

    def is_due(self, step: int) -> bool:
        return self.is_on and step % self.every == 0

    def write(self, step: int, values: dict[str, Any]) -> None:
        self.write_line({"step": step, **values})
        if self.board is not None:
            for name, number in flat("", values):
                self.board.add_scalar(name, number, step)

    def write_line(self, line: dict[str, Any]) -> None:
        if self.file is not None:
            self.file.write(json.dumps(line, default=str).encode() + b"\n")
            self.file.flush()

    def close(self) -> None:
        for sink in (self.file, self.board):
            if sink is not None:
                sink.close()


def flat(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """Numbers in nested dictionaries, by their path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(f"{name}/{key}" if name else key, inner)
    elif value is not None:
        yield name, value


def open_log(path: Path, begin: int) -> io.BufferedRandom:
    """The file, ready to append, without a torn last line and without steps after ``begin``."""
    path.touch()
    file = path.open("r+b")
    end = keep = 0
    for line in file:
        if not line.endswith(b"\n"):
            break
        end += len(line)
        known = json.loads(line) if begin else {}
        if known.get("step", 0) <= begin:
            keep = end
    file.truncate(keep if begin else end)
    file.seek(0, os.SEEK_END)
    return file
