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
from richc.emit.parts.table import DataError

MODEL = "model"

# ---- emitted from here on ----


class Log:
    """Appends to a file: a line that tells of the run, then one every few steps.

    A run that is resumed at step ``begin`` first takes back its lines of later steps, so that none
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
                states = vars(options).get("checkpoint") if vars(options).get("resume") else None
                self.file = open_log(options.log, begin, None if states is None else str(states))
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


def open_log(path: Path, begin: int, states: str | None) -> io.BufferedRandom:
    """The file, ready to append, without a torn last line.

    If the last run in it is the one whose checkpoints are in ``states``, it is taken back to step
    ``begin``.
    """
    path.touch()
    file = path.open("r+b")
    end = 0
    cut: int | None = None
    is_ours = False
    for line in file:
        if not line.endswith(b"\n"):
            break
        told = parse_line(line) if states is not None else {}
        if "run" in told:
            is_ours = told["options"].get("checkpoint") == states
            cut = None if begin else end
        elif cut is None and told.get("step", 0) > begin:
            cut = end
        end += len(line)
    file.truncate(end if cut is None or not is_ours else cut)
    file.seek(0, os.SEEK_END)
    return file


def parse_line(line: bytes) -> dict[str, Any]:
    """A line of JSON; nothing for a line of somebody else's."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
