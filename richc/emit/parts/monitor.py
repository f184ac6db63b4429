"""Part: the sizes of representations and of their changes, beside what the specification says."""

from __future__ import annotations

import json
import re
import sys

import torch
from torch import Tensor

from richc.emit.parts.data import refused_for
from richc.emit.parts.dense import Dense
from richc.emit.parts.training import Trainer, autocast

WIDTH, DEPTH, RICHNESS = 64, 4, 0.5
PREDICTED: dict[str, tuple[float | None, float | None, float | None]] = {}

# ---- emitted from here on ----


# ---- monitor -------------------------------------------------------------------------------------
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
            for line in path.read_text(encoding="utf-8").splitlines() if path is not None else ():
                entry = json.loads(line)
                if "run" in entry:
                    self.like_width, self.like = int(entry["options"]["width"]), {}
                for name, row in entry.get("monitor", {}).items():
                    self.like[int(entry["step"]), name] = float(row["dh"])
            if path is not None and (not self.like or self.like_width < 1):
                raise ValueError("no log of a run with --monitor")

    @torch.no_grad()
    def outputs(self) -> dict[str, Tensor]:
        """Every layer's output on the probe."""
        model, found = self.trainer.model, dict[str, Tensor]()
        names = {layer: name for name, layer in model.named_modules() if isinstance(layer, Dense)}
        hooks = [
            layer.register_forward_hook(lambda layer, _, y: found.update({names[layer]: y.float()}))
            for layer in names
        ]
        with autocast(self.trainer.device, self.options.precision):
            model(self.trainer.probe)
        for hook in hooks:
            hook.remove()
        return found

    def show(self, step: int) -> dict[str, dict[str, float | None]]:
        """Measure, and print the table."""
        rows, width = dict[str, dict[str, float | None]](), self.options.width
        for name, y in self.outputs().items():
            is_known = self.options.richness == RICHNESS  # of this one alone
            is_known &= self.options.depth == DEPTH  # keep if depth
            found = PREDICTED.get(name)  # keep if not blocks
            # keep if blocks
            found = PREDICTED.get(name) or PREDICTED.get(re.sub(r"\.\d+\.", ".*.", name))
            # end
            size, power, power_of_change = found if found and is_known else (None, None, None)
            h = scaled(size, width / WIDTH, power)
            dh = scaled(self.like.get((step, name)), width / self.like_width, power_of_change)
            sizes = {"h": rms(y), "h_predicted": h, "dh": rms(y - self.first[name])}
            rows[name] = {**sizes, "dh_predicted": dh}
        table = {f"step {step}": ["h", "predicted", "dh", "predicted"]}
        for name, row in rows.items():
            table[name] = ["-" if value is None else f"{value:.4g}" for value in row.values()]
        for name, cells in table.items() if not self.options.quiet else ():
            line = name.ljust(max(map(len, table))) + "".join(f"{cell:>11}" for cell in cells)
            print(line, file=sys.stderr)
        return rows


def rms(values: Tensor) -> float:
    return values.double().square().mean().sqrt().item()


def scaled(size: float | None, ratio: float, power: float | None) -> float | None:
    return None if size is None or power is None else size * ratio**power
