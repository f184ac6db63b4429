"""Part: an optimizer whose update of a tensor is not one of its entries, on divided tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

# ---- emitted from here on ----


@torch.no_grad()
def put(mine: Tensor, whole: Tensor) -> None:
    """Fill a tensor from a whole one: all of it, or the rows that this process has."""
    if isinstance(mine, DTensor):
        # Every process has the whole, so that none has to send.
        whole = distribute_tensor(whole, mine.device_mesh, mine.placements, src_data_rank=None)
    mine.copy_(whole)


def whole(tensor: Tensor) -> Tensor:
    """All rows of a tensor that is divided, on every process at once; others as they are."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


class Whole(torch.optim.Muon):
    """On tensors divided among processes: each in turn is gathered, updated, and divided again.

    What torch's class does has no counterpart on shards.  Here every process does all of it: a
    step costs no less than on one process, and the memory of four whole tensors, one layer's.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        held = [group["params"] for group in self.param_groups]
        for group in self.param_groups:
            group["params"] = []
        for group, params in zip(self.param_groups, held, strict=True):
            for mine in params:
                if mine.grad is not None:
                    self.step_one(group, mine, mine.grad)
        for group, params in zip(self.param_groups, held, strict=True):
            group["params"] = params
        return loss

    def step_one(self, group: dict[str, Any], mine: Tensor, grad: Tensor) -> None:
        """The step of one tensor, which is all that the groups hold meanwhile."""
        full = whole(mine.detach())
        full.grad = whole(grad)
        state = self.state.pop(mine, {})
        self.state[full] = {k: whole(v) if isinstance(v, Tensor) else v for k, v in state.items()}
        group["params"] = [full]
        step: Callable[[], Any] = super().step
        step()
        group["params"] = []
        put(mine, full)
        for name, value in self.state.pop(full).items():
            kept = state.get(name, value)
            if kept is value and isinstance(mine, DTensor) and value.shape == mine.shape:
                kept = torch.zeros_like(mine, dtype=value.dtype)
            if isinstance(kept, DTensor):
                put(kept, value)
            self.state[mine][name] = kept if isinstance(kept, DTensor) else value
