"""What the emitted model's class looks like from the parts; its name stands in for the class's."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Dense(nn.Module):
    """As ``richc.emit.dense`` writes it."""

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        raise NotImplementedError


class Network(nn.Module):
    """As ``richc.emit.module`` and ``richc.emit.optimizer`` write it."""

    def __init__(
        self,
        width: int,
        richness: float | None,
        gamma: float,
        *,
        device: torch.device | str | None = None,
    ) -> None:
        raise NotImplementedError

    def make_optimizer(self, lr: float | None) -> torch.optim.Optimizer:
        raise NotImplementedError

    def param_groups(self, lr: float | None = None) -> list[dict[str, Any]]:
        raise NotImplementedError
