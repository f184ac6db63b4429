"""Part: the model's class; its name and what the model says of it are filled in."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from richc.emit.parts.dense import Dense
from richc.emit.parts.shifted import Shifted
from richc.emit.parts.weights import check_weights, describe_weights

WIDTH, DEPTH, BASE_WIDTH, RICHNESS, GAMMA = 64, 4, 64, 0.5, 1.0


# ---- emitted from here on ----


class _Network(nn.Module):
    # fill about
    """A multilayer perceptron of the width n."""

    # end
    # fill constructor
    def __init__(self, width: int = WIDTH, *others: Any, **factory: Any) -> None:
        depth, richness, gamma = int(others[0]), float(others[1]), float(others[2])
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
        # keep if not norms
        for layer in [layer for layer in self.modules() if isinstance(layer, Dense)]:
            layer.reset_parameters(generator)
        # end
        # keep if norms
        for module in self.modules():
            if isinstance(module, Dense):
                module.reset_parameters(generator)
            elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
                module.reset_parameters()
            # keep if shifted
            elif isinstance(module, Shifted):
                module.reset_parameters(generator)
            # end
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
