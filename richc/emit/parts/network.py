"""Part: the model's class; its name and what the model says of it are filled in."""

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
    """From (batch, features) to (batch, outputs)."""  # fill network

    def __init__(
        self,
        width: int = WIDTH,
        depth: int = DEPTH,  # keep if depth
        richness: float = RICHNESS,  # fill richness
        gamma: float = GAMMA,
        **factory: Any,
    ) -> None:
        super().__init__()
        # keep if gamma
        if width < 1 or not gamma > 0.0:
            raise ValueError(f"width and gamma must be positive, not {width} and {gamma}")
        # else
        if width < 1:
            raise ValueError(f"width must be at least 1, not {width}")
        if gamma != GAMMA:
            raise ValueError("the specification does not depend on gamma")
        # end
        # keep if depth
        if depth < 1:
            raise ValueError(f"depth must be at least 1, not {depth}")
        # end
        # fill checks
        # keep if depth
        self.width, self.depth, self.richness, self.gamma = width, depth, richness, gamma
        # else
        self.width, self.richness, self.gamma = width, richness, gamma
        # end
        # fill layers
        self.reset_parameters()
        # keep if module_only
        self.register_state_dict_post_hook(describe_weights)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(check_weights)  # type: ignore[no-untyped-call]
        # end

    # keep if alpha
    @property
    def alpha(self) -> float:
        """The activity: a step moves the entries of a representation by alpha / sqrt(n)."""
        y = self.gamma * math.pow(self.width / BASE_WIDTH, self.richness)  # keep if base
        y = self.gamma * math.pow(self.width, self.richness)  # keep if not base
        return y

    # end
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw every tensor anew, in order; ``generator`` is on the parameters' device."""
        # keep if not norms
        for layer in [layer for layer in self.modules() if isinstance(layer, Dense)]:
            layer.reset_parameters(generator)
        # else
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
        return x  # fill forward

    def extra_repr(self) -> str:
        # keep if depth
        sizes = f"width={self.width}, depth={self.depth}"
        y = f"{sizes}, richness={self.richness}, gamma={self.gamma}"
        # else
        y = f"width={self.width}, richness={self.richness}, gamma={self.gamma}"
        # end
        return y

    # keep if several
    # fill each
    def base_rates(self, lr: float | None = None) -> list[float]:  # fill base_rates
        """Of the optimizers: what is not given keeps its ratio to ``lr``."""
        rates, defaults = [lr], [0.1]  # fill defaults
        factor = 1.0 if lr is None else lr / defaults[0]
        pairs = zip(rates, defaults, strict=True)
        return [factor * default if rate is None else rate for rate, default in pairs]

    # end
    def param_groups(self, lr: float | None = None) -> list[dict[str, Any]]:  # fill param_groups
        raise NotImplementedError  # fill groups

    def make_optimizer(self, lr: float | None = None) -> torch.optim.Optimizer:  # fill optimizer
        # keep if several
        """The optimizers, side by side as one; build it once the model is on its device."""
        # else
        """The optimizer; build it once the model is on its device."""
        # end
        raise NotImplementedError  # fill made
