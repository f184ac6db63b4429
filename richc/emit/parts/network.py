"""Part: the model's class; its name and what the model says of it are filled in."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from richc.emit.parts.dense import Dense
from richc.emit.parts.weights import check_weights, describe_weights

WIDTH, BASE_WIDTH, RICHNESS, GAMMA = 64, 64, 0.5, 1.0


# ---- emitted from here on ----


class _Network(nn.Module):
    # fill about
    """A multilayer perceptron of the width n."""

    # end
    # fill constructor
    def __init__(
        self, width: int = WIDTH, richness: float = RICHNESS, gamma: float = GAMMA, **factory: Any
    ) -> None:
        # end
        super().__init__()
        # fill checks
        # end
        self.width, self.richness, self.gamma = width, richness, gamma
        # fill layers
        # end
        self.reset_parameters()
        # keep if module_only
        self.register_state_dict_post_hook(describe_weights)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(check_weights)  # type: ignore[no-untyped-call]
        # end

    # keep if alpha
    @property
    def alpha(self) -> float:
        """The activity: a step moves the entries of a representation by alpha / sqrt(n)."""
        # fill alpha
        return self.gamma * math.pow(self.width / BASE_WIDTH, self.richness)
        # end

    # end
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw every tensor anew, in order; ``generator`` is on the parameters' device."""
        for layer in [layer for layer in self.modules() if isinstance(layer, Dense)]:
            layer.reset_parameters(generator)

    def forward(self, x: Tensor) -> Tensor:
        # fill forward
        return x
        # end

    def extra_repr(self) -> str:
        return f"width={self.width}, richness={self.richness}, gamma={self.gamma}"

    def param_groups(self, lr: float | None = None) -> list[dict[str, Any]]:
        # fill groups
        raise NotImplementedError
        # end

    def make_optimizer(self, lr: float | None = None) -> torch.optim.Optimizer:
        """The optimizer; build it once the model is on its device."""
        # fill optimizer
        raise NotImplementedError
        # end
