"""Part: the sizes of representations and of their changes, beside what the specification says."""

import json
import re
import sys

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_forward_hook

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
            text = path.read_text(encoding="utf-8") if path and path.is_file() else ""
            for line in text.splitlines():
                entry = json.loads(line)
                if "run" in entry:
                    self.like_width, self.like = int(entry["options"]["width"]), {}
                    # keep if depth
                    if (depth := int(entry["options"]["depth"])) != self.options.depth:
                        raise ValueError(f"a run of depth {depth}; only its width may be another")
                    # end
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
            # keep if not blocks
            size, power, power_of_change = known.get(name, (None, None, None))
            # else
            found = known.get(name) or known.get(re.sub(r"\.\d+\.", ".*.", name))
            size, power, power_of_change = found or (None, None, None)
            # end
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
