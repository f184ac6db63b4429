"""Part: several optimizers that schedulers, scalers and checkpoints take for one."""

from collections.abc import Callable
from typing import Any

import torch

# ---- emitted from here on ----


class SideBySide(torch.optim.Optimizer):
    """Optimizers of different tensors as one: their groups in a row, and one state."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        super().__init__([group for part in parts for group in part.param_groups], {})
        self.parts = parts

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        groups = iter(self.param_groups)
        for part in self.parts:  # what was loaded, or scheduled, is in the groups of the whole
            part.param_groups = [next(groups) for _ in part.param_groups]
            part.state = self.state
            part.step()
        return loss
