"""Part: what happens in training, as lines of JSON and for TensorBoard."""

import argparse
import json
import threading
from pathlib import Path
from typing import Any

from richc.emit.parts.data import refused_for
from richc.emit.parts.ranks import rank
from richc.emit.parts.training import Trainer

MODEL = "model"

# ---- emitted from here on ----


# ---- log -----------------------------------------------------------------------------------------
class Log:
    """Appends to a file: a line that tells of the run, then one every few steps."""

    def __init__(self, trainer: Trainer) -> None:
        options, begin = trainer.options, trainer.taken
        self.path, folder = options.log, options.tensorboard  # keep if not ranks
        # keep if ranks
        self.path, folder = [None if rank() else v for v in (options.log, options.tensorboard)]
        # end
        self.board: Any = None
        self.told = f"--tensorboard {folder}"
        with refused_for(f"--log {self.path}"):
            if self.path is not None and not make_ready(self.path, begin, options):
                self.write({"run": MODEL, "options": vars(options)})
        with refused_for(self.told):
            if folder is not None:
                from torch.utils.tensorboard import SummaryWriter

                self.board = SummaryWriter(str(folder), purge_step=begin + 1)
                threading.excepthook = lambda _: None  # its thread's errors come at its next call
                trainer.undo.callback(self.close)

    def write(self, line: dict[str, Any]) -> None:
        if self.path is not None:
            with refused_for(f"--log {self.path}"), self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, default=str) + "\n")
        rest = list(line.items())[1:] if self.board is not None else []
        with refused_for(self.told):
            for name, value in rest:
                if isinstance(value, dict):
                    rest += [(f"{name}/{key}", inner) for key, inner in value.items()]
                elif value is not None:
                    self.board.add_scalar(name, value, line["step"])

    def close(self) -> None:
        with refused_for(self.told):
            self.board.close()


def make_ready(path: Path, begin: int, options: argparse.Namespace) -> bool:
    # keep if ckpt
    """Take back a torn line, and a resumed run's after step ``begin``; whether its first stays."""
    # else
    """Take back the line that a killed run has torn; whether the run has told of itself already."""
    # end
    if path.exists() and not path.is_file():
        raise ValueError("not a file")
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    told = [parse_line(line) for line in lines]
    runs = [i for i, line in enumerate(told) if "run" in line]
    is_ours = not lines or bool(runs)
    if lines and not told[-1] and not lines[-1].endswith(b"\n"):  # a kill tore it
        torn, told = lines.pop()[:8], told[:-1]
        is_ours = b'{"run": '.startswith(torn) or b'{"step":'.startswith(torn)
    if not is_ours:
        raise ValueError("not a log of this program")
    # keep if ckpt
    before = told[runs[-1]]["options"] if runs else {}
    is_same = options.resume and before.get("checkpoint") == str(options.checkpoint)
    if is_same:  # steps after ``begin`` are taken again, and write their lines again
        kept = runs[-1]
        while begin and kept < len(told) and told[kept].get("step", 0) <= begin:
            kept += 1
        if not all(told[kept:]):
            raise ValueError("lines that this run would write again are mixed with others")
        lines = lines[:kept]
    # end
    with path.open("ab") as file:
        file.truncate(len(b"".join(lines)))
        file.write(b"" if not lines or lines[-1].endswith(b"\n") else b"\n")
    y = is_same and begin > 0  # keep if ckpt
    y = False  # keep if not ckpt
    return y


def parse_line(line: bytes) -> dict[str, Any]:
    """A line with the ``options`` of a run, or with a ``step``; nothing of another's line."""
    try:
        found = json.loads(line)
        key, kind = ("options", dict) if "run" in found else ("step", int)
        return found if type(found[key]) is kind else {}
    except (LookupError, RecursionError, TypeError, ValueError):
        return {}
