"""Part: a norm with a bias that torch's norms have no argument for."""

from typing import Any

import torch
from torch import Tensor, nn

# ---- emitted from here on ----


class Shifted(nn.Module):
    """``norm(x) + scale * b``; the entries of b start at ``std``."""

    def __init__(
        self,
        norm: nn.Module,
        width: int,
        *,
        std: float,
        scale: float = 1.0,
        trainable: bool = True,
        **factory: Any,
    ) -> None:
        super().__init__()
        self.norm: Any = norm
        self.std, self.scale = std, scale
        self.bias = nn.Parameter(torch.empty(width, **factory), requires_grad=trainable)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        self.bias.normal_(0.0, self.std, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x)
        return y + self.scale * self.bias
