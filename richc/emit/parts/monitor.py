# ruff: noqa: T201 - the emitted program talks to its user
"""Part: the sizes of representations and of their changes, beside what the specification says."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from richc.emit.parts.ranks import one_voice
from richc.emit.parts.table import DataError
from richc.emit.parts.trainer import Trainer, autocast

WIDTH, RICHNESS = 64, 0.5
PREDICTED: dict[str, tuple[float | None, float | None, float | None]] = {}


class Dense(nn.Module):
    """The emitted layer."""


# ---- emitted from here on ----


class Monitor:
    """Every ``--monitor`` steps, for each layer, on a fixed batch of held-out examples:

    ``h``, the RMS of its output before the activation.  Beside it stands what the sizes of the
    initial weights make of standardised inputs in a wide network: to be met at step 0, and not to
    be left by orders of magnitude later.

    ``dh``, the RMS of what has changed of that output since step 0.  The specification knows its
    power of n, not its prefactor: beside it stands what a run of another width had at the same
    step (``--monitor-like``, a log of it), times that power of the two widths' ratio.  Where the
    two part, this run does not scale as specified.

    A run with another richness than the specification's has no predictions.
    """

    def __init__(self, trainer: Trainer, probe: Tensor, options: argparse.Namespace) -> None:
        self.every, self.quiet = options.monitor, options.quiet
        self.trainer, self.probe = trainer, probe[:256].to(trainer.device)
        self.eager = options.compile
        self.ratio = options.width / WIDTH
        self.is_known = options.richness == RICHNESS
        self.like: dict[int, Any] = {}
        if options.monitor_like is not None:
            self.like, width = read_monitored(options.monitor_like)
            self.like_ratio = options.width / width
        self.first = self.outputs() if self.every else {}

    def is_due(self, step: int) -> bool:
        return bool(self.every) and step % self.every == 0

    @torch.no_grad()
    def outputs(self) -> dict[str, Tensor]:
        """Every layer's output on the probe."""
        found: dict[str, Tensor] = {}

        def keep(name: str, output: Tensor) -> None:
            found[name] = output.detach().float()

        model = self.trainer.model
        hooks = [
            layer.register_forward_hook(lambda _, __, y, name=name: keep(name, y))
            for name, layer in model.named_modules()
            if isinstance(layer, Dense)
        ]
        # Compiled code does not see that there are hooks now.
        stance = torch.compiler.set_stance if self.eager else contextlib.nullcontext
        with stance("force_eager"), autocast(self.trainer.device, self.trainer.options.precision):
            model(self.probe)
        for hook in hooks:
            hook.remove()
        return found

    def measure(self, step: int) -> dict[str, dict[str, float | None]]:
        """Per layer: h and dh, each with its prediction, None where there is none."""
        rows: dict[str, dict[str, float | None]] = {}
        for name, output in self.outputs().items():
            size, power, power_of_change = PREDICTED.get(name, (None, None, None))
            row: dict[str, float | None] = {
                "h": rms(output),
                "h_predicted": None,
                "dh": rms(output - self.first[name]),
                "dh_predicted": None,
            }
            if self.is_known and size is not None and power is not None:
                row["h_predicted"] = size * self.ratio**power
            there = self.like.get(step, {}).get(name)
            if self.is_known and there is not None and power_of_change is not None:
                row["dh_predicted"] = there["dh"] * self.like_ratio**power_of_change
            rows[name] = row
        return rows

    # keep if ranks
    @one_voice()
    # end
    def show(self, step: int) -> None:
        """Measure, and print the table."""
        rows = self.rows = self.measure(step)
        if not self.quiet:
            width = max(map(len, [*rows, f"step {step}"]))
            columns = ("h", "h_predicted", "dh", "dh_predicted")
            heads = ("h", "predicted", "dh", "predicted")
            title = f"step {step}".ljust(width)
            print(title + "".join(f"{head:>11}" for head in heads), file=sys.stderr)
            for name, row in rows.items():
                cells = ("-" if (v := row[key]) is None else f"{v:.4g}" for key in columns)
                line = "".join(f"{cell:>11}" for cell in cells)
                print(name.ljust(width) + line, file=sys.stderr)


def rms(values: Tensor) -> float:
    return values.double().square().mean().sqrt().item()


def read_monitored(path: Path) -> tuple[dict[int, Any], int]:
    """What another run logged: rows by step, and its width.  Raises DataError."""
    found: dict[int, Any] = {}
    width = 0
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if "run" in entry:
                width, found = int(entry["options"]["width"]), {}
            elif "monitor" in entry:
                found[int(entry["step"])] = entry["monitor"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"--monitor-like {path}: {error}") from None
    if not found or width < 1:
        raise DataError(f"--monitor-like {path}: no log of a run with --monitor")
    return found, width
