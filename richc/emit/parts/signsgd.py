"""Part: sign descent with momentum, which torch.optim lacks."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

# ---- emitted from here on ----


class SignSGD(torch.optim.Optimizer):
    """Sign descent (Bernstein et al. 2018, arXiv:1802.04434), with decoupled weight decay.

    g is the gradient and m the momentum, as torch.optim.SGD accumulates it:

        m <- momentum * m + g,  u = g + momentum * m with nesterov, else m
        w <- (1 - lr * weight_decay) w - lr * sign(u)
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-4,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        known = {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        super().__init__(params, known)

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
            momentum = group["momentum"]
            if momentum:
                for p in weights:
                    if p not in self.state:
                        self.state[p]["momentum"] = torch.zeros_like(p)
                momenta = [self.state[p]["momentum"] for p in weights]
                torch._foreach_mul_(momenta, momentum)
                torch._foreach_add_(momenta, grads)
                grads = momenta
                if group["nesterov"]:
                    ahead = torch._foreach_mul(momenta, momentum)
                    torch._foreach_add_(ahead, [p.grad for p in weights])
                    grads = list(ahead)
            if group["weight_decay"]:
                torch._foreach_mul_(weights, 1.0 - group["lr"] * group["weight_decay"])
            signs = torch._foreach_sign(grads)
            torch._foreach_add_(weights, signs, alpha=-group["lr"])
        return loss
