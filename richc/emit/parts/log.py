"""Part: what happens in training, as lines of JSON and for TensorBoard."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from richc.emit.parts.ranks import rank
from richc.emit.parts.readers import DataError

MODEL = "model"

# ---- emitted from here on ----


STARTS = (b'{"run": ', b'{"step":')  # of the lines that this program writes


class Log:
    """Appends to a file: a line that tells of the run, then one every few steps.

    A run that is resumed at step ``begin`` first takes back its lines of later steps, so that none
    is there twice.  Raises DataError where the file is no log, or cannot be written.
    """

    def __init__(self, options: argparse.Namespace, begin: int) -> None:
        self.every, self.options = options.log_every, options
        self.is_on = options.log is not None or options.tensorboard is not None
        self.file: io.FileIO | None = None
        self.board: Any = None
        # keep if ranks
        if rank():
            return
        # end
        if options.log is not None:
            with refused_for(f"--log {options.log}"):
                states = vars(options).get("checkpoint") if vars(options).get("resume") else None
                is_known = take_back(options.log, begin, states and str(states))
                self.file = options.log.open("ab", buffering=0)
            if not is_known:
                given = sorted(vars(options).items())
                told = {name: value for name, value in given if value is not None}
                self.write_line({"run": MODEL, "options": told})
        if options.tensorboard is not None:
            with refused_for(f"--tensorboard {options.tensorboard}"):
                from torch.utils.tensorboard import SummaryWriter

                self.board = SummaryWriter(str(options.tensorboard), purge_step=begin + 1)

    def is_due(self, step: int) -> bool:
        return self.is_on and step % self.every == 0

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
        for sink in filter(None, (self.file, self.board)):
            sink.close()


@contextlib.contextmanager
def refused_for(option: str) -> Iterator[None]:
    """Makes what the user has to mend of files that cannot be written: raises DataError."""
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


def take_back(path: Path, begin: int, states: str | None) -> bool:
    """Take away a last line that a killed run broke off, and lines after step ``begin`` of a run
    that goes on: of the last one, if its checkpoints are in ``states``.  Returns whether it does.

    Raises DataError, and leaves the file as it is, where it is no log of this program, or lines
    that are none would be lost.
    """
    if path.exists() and not path.is_file():
        raise DataError("not a file")
    path.touch()
    lines = path.read_bytes().splitlines(keepends=True)
    told = [parse_line(line) for line in lines]
    last = max((i for i, line in enumerate(told) if "run" in line), default=-1)
    is_cut = bool(lines) and not told[-1] and lines[-1][-1:] != b"\n"
    if is_cut and not any(lines[-1].startswith(start[: len(lines[-1])]) for start in STARTS):
        last, is_cut = -1, False
    if lines and last < 0 and not is_cut:
        raise DataError("not a log of this program, to which lines could be appended")
    kept = len(lines) - is_cut
    goes_on = states is not None and last >= 0 and told[last]["options"].get("checkpoint") == states
    if goes_on:
        later = [i for i in range(last, kept) if begin == 0 or told[i].get("step", 0) > begin]
        if not all(told[later[0] : kept] if later else ()):
            raise DataError("lines that this run would write again are mixed with others")
        kept = min([kept, *later])
    with path.open("r+b") as file:
        file.truncate(sum(map(len, lines[:kept])))
        if kept and lines[kept - 1][-1:] != b"\n":
            file.seek(0, 2)
            file.write(b"\n")
    return goes_on and begin > 0


def parse_line(line: bytes) -> dict[str, Any]:
    """A line of a log; nothing for a line of somebody else's."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or type(found.get("step", 0)) is not int:
        return {}
    is_run = "run" in found and isinstance(found.get("options"), dict)
    return found if is_run or ("step" in found and "run" not in found) else {}
