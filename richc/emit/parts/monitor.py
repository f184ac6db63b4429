# ruff: noqa: T201 - the emitted program talks to its user
"""Part: the sizes of representations and of their changes, beside what the specification says."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path

import torch
from torch import Tensor

from richc.emit.parts.data import DataError
from richc.emit.parts.dense import Dense
from richc.emit.parts.evaluate import autocast
from richc.emit.parts.trainer import Trainer

WIDTH, RICHNESS = 64, 0.5
PREDICTED: dict[str, tuple[float | None, float | None, float | None]] = {}

# ---- emitted from here on ----

# ---- monitor -------------------------------------------------------------------------------------


class Monitor:
    """Every ``--monitor`` steps, for each layer, on a fixed batch of held-out examples:

    ``h``, the RMS of its output before the activation, beside what the initial weights make of
    standardised inputs in a wide network: to be met at step 0, and later up to a factor.
    ``dh``, the RMS of that output's change since step 0, beside what a run of another width had at
    the same step (``--monitor-like``, its log), times the specified power of the widths' ratio:
    where the two part, this run does not scale as specified.

    A run with another richness than the specification's has no predictions.
    """

    def __init__(self, trainer: Trainer, probe: Tensor, options: argparse.Namespace) -> None:
        self.trainer, self.options, self.every = trainer, options, options.monitor
        self.probe = probe[:256].to(trainer.device)
        self.is_known = options.richness == RICHNESS
        self.like: dict[int, dict[str, float]] = {}
        self.like_width = WIDTH
        if options.monitor_like is not None:
            self.like, self.like_width = read_monitored(options.monitor_like)
        self.first = self.outputs() if self.every else {}

    def is_due(self, step: int) -> bool:
        return bool(self.every) and step % self.every == 0

    @torch.no_grad()
    def outputs(self) -> dict[str, Tensor]:
        """Every layer's output on the probe."""
        found: dict[str, Tensor] = {}

        def keep(name: str, output: Tensor) -> None:
            found[name] = output.detach().float()

        model, precision = self.trainer.model, self.options.precision
        hooks = [
            layer.register_forward_hook(lambda _, __, y, name=name: keep(name, y))
            for name, layer in model.named_modules()
            if isinstance(layer, Dense)
        ]
        # Compiled code does not see that there are hooks now.
        stance = torch.compiler.set_stance if self.options.compile else contextlib.nullcontext
        with stance("force_eager"), autocast(self.trainer.device, precision):
            model(self.probe)
        for hook in hooks:
            hook.remove()
        return found

    def measure(self, step: int) -> dict[str, dict[str, float | None]]:
        """Per layer: h and dh, each with its prediction, None where there is none."""
        rows: dict[str, dict[str, float | None]] = {}
        for name, output in self.outputs().items():
            h = dh = None
            if self.is_known and name in PREDICTED:
                size, power, power_of_change = PREDICTED[name]
                there = self.like.get(step, {}).get(name)
                if size is not None and power is not None:
                    h = size * (self.options.width / WIDTH) ** power
                if there is not None and power_of_change is not None:
                    dh = there * (self.options.width / self.like_width) ** power_of_change
            change = rms(output - self.first[name])
            rows[name] = {"h": rms(output), "h_predicted": h, "dh": change, "dh_predicted": dh}
        return rows

    def show(self, step: int) -> None:
        """Measure, and print the table."""
        rows = self.rows = self.measure(step)
        width = max(map(len, [*rows, f"step {step}"]))
        table = {f"step {step}": ["h", "predicted", "dh", "predicted"]}
        for name, row in rows.items():
            table[name] = ["-" if value is None else f"{value:.4g}" for value in row.values()]
        for name, cells in table.items() if not self.options.quiet else ():
            line = name.ljust(width) + "".join(f"{cell:>11}" for cell in cells)
            print(line, file=sys.stderr)


def rms(values: Tensor) -> float:
    return values.double().square().mean().sqrt().item()


def read_monitored(path: Path) -> tuple[dict[int, dict[str, float]], int]:
    """What another run logged: dh by step and layer, and its width.  Raises DataError."""
    found: dict[int, dict[str, float]] = {}
    width = 0
    try:
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            entry = json.loads(line)
            if "run" in entry:
                width, found = int(entry["options"]["width"]), {}
            elif "monitor" in entry:
                rows = entry["monitor"].items()
                found[int(entry["step"])] = {name: float(row["dh"]) for name, row in rows}
    except Exception as error:  # noqa: BLE001 - whatever lines lead to that somebody changed
        raise DataError(f"--monitor-like {path}: {type(error).__name__}: {error}") from None
    if not found or width < 1:
        raise DataError(f"--monitor-like {path}: no log of a run with --monitor")
    return found, width
