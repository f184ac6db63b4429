"""Part: optimizers that torch.optim lacks."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

# ---- emitted from here on ----


class Lion(torch.optim.Optimizer):  # keep if lion
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
        loss = None if closure is None else torch.enable_grad()(closure)()
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


class SignSGD(torch.optim.Optimizer):  # keep if signsgd
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
        loss = None if closure is None else torch.enable_grad()(closure)()
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
                if group["nesterov"]:
                    ahead = torch._foreach_mul(momenta, momentum)
                    grads = list(torch._foreach_add(ahead, grads))
                else:
                    grads = momenta
            if group["weight_decay"]:
                torch._foreach_mul_(weights, 1.0 - group["lr"] * group["weight_decay"])
            signs = torch._foreach_sign(grads)
            torch._foreach_add_(weights, signs, alpha=-group["lr"])
        return loss
