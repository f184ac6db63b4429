"""Part: the Lion optimizer, which torch.optim lacks."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

# ---- emitted from here on ----


class Lion(torch.optim.Optimizer):
    """Lion (Chen et al. 2023, arXiv:2302.06675), with decoupled weight decay.

    m is the momentum and g the gradient:

        w <- (1 - lr * weight_decay) w - lr * sign(beta1 m + (1 - beta1) g)
        m <- beta2 m + (1 - beta2) g
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [p for p in group["params"] if p.grad is not None]
            if not weights:
                continue
            grads = [p.grad for p in weights]
            for p in weights:
                if p not in self.state:
                    self.state[p]["momentum"] = torch.zeros_like(p)
            momenta = [self.state[p]["momentum"] for p in weights]
            beta1, beta2 = group["betas"]
            if group["weight_decay"]:
                torch._foreach_mul_(weights, 1.0 - group["lr"] * group["weight_decay"])
            updates = torch._foreach_lerp(grads, momenta, beta1)
            torch._foreach_sign_(updates)
            torch._foreach_add_(weights, updates, alpha=-group["lr"])
            torch._foreach_lerp_(momenta, grads, 1.0 - beta2)
        return loss
