"""Part: the model's class; its name and what the model says of it are filled in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from richc.emit.parts.dense import Dense
from richc.emit.parts.shifted import Shifted

WIDTH, DEPTH, BASE_WIDTH, RICHNESS, GAMMA = 64, 4, 64, 0.5, 1.0


# ---- emitted from here on ----


class Network(nn.Module):
    # fill about
    """A multilayer perceptron of the width n."""

    # end
    # fill constructor
    def __init__(
        self,
        width: int = WIDTH,
        depth: int = DEPTH,
        richness: float = RICHNESS,
        gamma: float = GAMMA,
        **factory: Any,
    ) -> None:
        # end
        super().__init__()
        # fill checks
        # end
        # keep if depth
        self.width, self.depth, self.richness, self.gamma = width, depth, richness, gamma
        # end
        # keep if not depth
        self.width, self.richness, self.gamma = width, richness, gamma
        # end
        # fill layers
        # end
        self.reset_parameters()
        # keep if weights
        # fill hooks
        # end
        # end

    # keep if alpha
    @property
    def alpha(self) -> float:
        """The activity: a step moves the entries of a representation by alpha / sqrt(n)."""
        # fill alpha
        return float(self.gamma * (self.width / BASE_WIDTH) ** self.richness)
        # end

    # end
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw every tensor anew, in order; ``generator`` is on the parameters' device."""
        for layer in self.modules():
            if isinstance(layer, Dense):
                layer.reset_parameters(generator)
            # keep if norms
            elif isinstance(layer, nn.LayerNorm | nn.RMSNorm):
                layer.reset_parameters()
            # end
            # keep if shifted
            elif isinstance(layer, Shifted):
                layer.reset_parameters(generator)
            # end

    def forward(self, x: Tensor) -> Tensor:
        # fill forward
        return x
        # end

    def extra_repr(self) -> str:
        # keep if depth
        sizes = f"width={self.width}, depth={self.depth}"
        y = f"{sizes}, richness={self.richness}, gamma={self.gamma}"
        # end
        # keep if not depth
        y = f"width={self.width}, richness={self.richness}, gamma={self.gamma}"
        # end
        return y

    # fill several
    # end
    # keep if not several
    def param_groups(self, lr: float | None = None) -> list[dict[str, Any]]:
        # fill groups
        raise NotImplementedError
        # end

    def make_optimizer(self, lr: float | None = None) -> torch.optim.Optimizer:
        """The optimizer; build it once the model is on its device."""
        # fill optimizer
        raise NotImplementedError
        # end

    # end
