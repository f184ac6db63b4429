"""Part: what happens in training, as lines of JSON, for TensorBoard, and as a table of sizes."""

import argparse
import json
import re
import sys
import threading
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_forward_hook

from richc.emit.parts.data import refused_for
from richc.emit.parts.layers import Dense
from richc.emit.parts.training import Trainer, autocast, rank

MODEL, WIDTH, DEPTH, RICHNESS = "model", 64, 4, 0.5
PREDICTED: dict[str, tuple[float | None, float | None, float | None]] = {}

# ---- emitted from here on ----


# keep if log
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
            if self.path is not None and not prepare_log(self.path, begin, options):
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


def prepare_log(path: Path, begin: int, options: argparse.Namespace) -> bool:
    # keep if ckpt
    """Cut off a torn line, and what a resumed run writes anew; whether the run began there."""
    # else
    """Cut off the line that a killed run has torn; whether the run began there."""
    # end
    if path.exists() and not path.is_file():
        raise ValueError("not a file")
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    told = [parse_line(line) for line in lines]
    runs = [i for i, line in enumerate(told) if "run" in line]
    is_ours = not lines or bool(runs)
    if lines and not told[-1] and not lines[-1].endswith(b"\n"):  # torn, when a run was killed
        torn, told = lines.pop()[:8], told[:-1]
        is_ours = b'{"run": '.startswith(torn) or b'{"step":'.startswith(torn)
    if not is_ours:
        raise ValueError("not a log of this program")
    # keep if ckpt
    before = told[runs[-1]]["options"] if runs else {}
    is_same = options.resume and before.get("checkpoint") == str(options.checkpoint)
    if is_same:  # steps behind ``begin``, the state's, are taken again and written again
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


# end
# keep if monitor
class Monitor:
    """Every ``--monitor`` steps, for each layer, on a fixed batch of held-out examples:

    ``h``, the RMS of its output before the activation, beside what the initial weights make of
    standardised inputs in a wide network; ``dh``, the RMS of that output's change since step 0,
    beside that of a run of another width (``--monitor-like``, its log) times the specified power.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.options, self.like_width = trainer, trainer.options, WIDTH
        self.first = self.outputs() if self.options.monitor else {}
        self.like, path = dict[tuple[int, str], float](), self.options.monitor_like
        with refused_for(f"--monitor-like {path}"):
            text = path.read_text(encoding="utf-8") if path and path.is_file() else ""
            for line in text.splitlines():
                entry = json.loads(line)
                if "run" in entry:
                    self.like_width, self.like = int(entry["options"]["width"]), {}
                    depth = int(entry["options"]["depth"])  # keep if depth
                    if depth != self.options.depth:  # keep if depth
                        raise ValueError(f"a run of depth {depth}; only its width may be another")
                for name, row in entry.get("monitor", {}).items():
                    self.like[int(entry["step"]), name] = float(row["dh"])
            if path is not None and (not self.like or self.like_width < 1):
                raise ValueError("no log of a run with --monitor")

    @torch.no_grad()
    def outputs(self) -> dict[str, Tensor]:
        """Every layer's output on the probe."""
        model, found = self.trainer.model, dict[str, Tensor]()
        names = {layer: name for name, layer in model.named_modules() if isinstance(layer, Dense)}
        hook = register_module_forward_hook(
            lambda layer, _, y: found.update({names[layer]: y.float()} if layer in names else {})
        )
        with hook, autocast(self.trainer.device, self.options.precision):
            model(self.trainer.probe)
        return found

    def show(self, step: int) -> dict[str, dict[str, float | None]]:
        """Measure, and print the table."""
        rows, width = dict[str, dict[str, float | None]](), self.options.width
        known = PREDICTED if self.options.richness == RICHNESS else {}  # of this one alone
        known = known if self.options.depth == DEPTH else {}  # keep if depth
        table = [[f"step {step}", "h", "predicted", "dh", "predicted"]]
        for name, y in self.outputs().items():
            any_of = re.sub(r"\.\d+\.", ".*.", name)  # keep if blocks
            size, power, power_of_change = known.get(any_of, (None, None, None))  # keep if blocks
            size, power, power_of_change = known.get(name, (None, None, None))  # keep if not blocks
            h, dh = (v.double().square().mean().sqrt().item() for v in (y, y - self.first[name]))
            like_h = scaled(size, width / WIDTH, power)
            like_dh = scaled(self.like.get((step, name)), width / self.like_width, power_of_change)
            rows[name] = {"h": h, "h_predicted": like_h, "dh": dh, "dh_predicted": like_dh}
            table.append([name, *("-" if v is None else f"{v:.4g}" for v in rows[name].values())])
        for name, *cells in table if not self.options.quiet else ():
            shown = name.ljust(max(len(row[0]) for row in table))
            print(shown + "".join(f"{cell:>11}" for cell in cells), file=sys.stderr)
        return rows


def scaled(size: float | None, ratio: float, power: float | None) -> float | None:
    return None if size is None or power is None else size * ratio**power


# end
