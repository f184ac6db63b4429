"""Part: the model's class, which weights it takes, and its loss.

torch keeps ``_metadata`` beside a state_dict, which copies and ``torch.save`` preserve, so nothing
is added to the tensors.  Where only tensors survive (safetensors), their shapes tell the width.
Hooks of torch's public interface do it, so it also holds for a network inside of another module.
"""

import argparse
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor, nn

from richc.emit.parts.layers import Dense, Shifted

WIDTH, DEPTH, BASE_WIDTH, RICHNESS, GAMMA = 64, 4, 64, 0.5, 1.0


def sizes_of(options: argparse.Namespace) -> Any:
    """What the network is made with: the program says it argument by argument."""


# ---- emitted from here on ----


class SideBySide(torch.optim.Optimizer):  # keep if several
    """Optimizers of different tensors as one: their groups in a row, and one state."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        super().__init__([group for part in parts for group in part.param_groups], {})
        self.parts = parts

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else torch.enable_grad()(closure)()
        groups = iter(self.param_groups)
        for part in self.parts:  # what was loaded, or scheduled, is in the groups of the whole
            part.param_groups = [next(groups) for _ in part.param_groups]
            part.state = self.state
            part.step()
        return loss


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
        if width < 1 or not gamma > 0.0:  # keep if gamma
            raise ValueError(f"width and gamma must be positive, not {width} and {gamma}")
        if width < 1:  # keep if not gamma
            raise ValueError(f"width must be at least 1, not {width}")
        if gamma != GAMMA:  # keep if not gamma
            raise ValueError("the specification does not depend on gamma")
        if depth < 1:  # keep if depth
            raise ValueError(f"depth must be at least 1, not {depth}")
        # fill checks
        self.width, self.richness, self.gamma = width, richness, gamma
        self.depth = depth  # keep if depth
        # fill layers
        self.reset_parameters()
        # keep if module_only
        self.register_state_dict_post_hook(describe_weights)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(check_weights)  # type: ignore[no-untyped-call]
        # end

    @property  # keep if alpha
    def alpha(self) -> float:  # keep if alpha
        """The activity: a step moves the entries of a representation by alpha / sqrt(n)."""
        y = self.gamma * math.pow(self.width / BASE_WIDTH, self.richness)  # keep if base
        y = self.gamma * math.pow(self.width, self.richness)  # keep if not base
        return y

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw every tensor anew, in order; ``generator`` is on the parameters' device."""
        for layer in [m for m in self.modules() if isinstance(m, Dense | Shifted)]:  # fill drawn
            layer.reset_parameters(generator)
        for norm in self.modules():  # keep if norms
            if isinstance(norm, nn.LayerNorm | nn.RMSNorm):
                norm.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        return x  # fill forward

    def extra_repr(self) -> str:
        y = f"width={self.width}, richness={self.richness}, gamma={self.gamma}"
        y = f"depth={self.depth}, {y}"  # keep if depth
        return y

    # fill each

    # keep if several
    def base_rates(self, lr: float | None = None) -> list[float]:  # fill base_rates
        """Of the optimizers: what is not given keeps its ratio to ``lr``."""
        rates, defaults = [lr], [0.1]  # fill defaults
        factor = 1.0 if lr is None else lr / defaults[0]
        pairs = zip(rates, defaults, strict=True)
        return [factor * default if rate is None else rate for rate, default in pairs]

    def param_groups(self, lr: float | None = None) -> list[dict[str, Any]]:  # fill param_groups
        """Every trainable tensor, in one group each, with the rates of its optimizer."""
        [lr] = self.base_rates(lr)  # fill rates
        raise NotImplementedError  # fill groups

    # end
    def make_optimizer(self, lr: float | None = None) -> torch.optim.Optimizer:  # fill optimizer
        """The optimizer; build it once the model is on its device."""
        raise NotImplementedError  # fill made


# keep if module_only
def identity(model: _Network) -> dict[str, Any]:
    """What weights belong to: elsewhere they stand for another function."""
    known: dict[str, Any] = {"width": model.width, "gamma": model.gamma}
    known["richness"] = model.richness  # keep if richness
    known["depth"] = model.depth  # keep if depth
    for name, layer in model.named_modules():
        if isinstance(layer, Dense):
            known[f"multiplier of {name}"] = f"{layer.scale:.6g}"  # keep if scale
            known[f"multiplier of {name}"] = "1"  # keep if not scale
            known[f"multiplier of {name}.bias"] = f"{layer.bias_scale:.6g}"  # keep if bias_scale
            known[f"multiplier of {name}.bias"] = "1"  # keep if bias and not bias_scale
        elif hasattr(layer, "scale"):  # keep if blocks
            known[f"multiplier of {name}"] = f"{layer.scale:.6g}"
    return known


def describe_weights(model: _Network, _: Any, __: str, metadata: dict[str, Any]) -> None:
    """Note beside a state_dict what its weights belong to."""
    metadata["network"] = identity(model)


def check_weights(
    model: _Network, state: dict[str, Any], prefix: str, metadata: dict[str, Any], *_: Any
) -> None:
    """Refuse the weights of another network before one is loaded.  Raises RuntimeError."""
    theirs = dict(metadata.get("network", {}))
    # fill width
    for key, ours in identity(model).items():
        if theirs.get(key, ours) != ours:
            raise RuntimeError(
                f"the {key} is {theirs[key]} in these weights but {ours} in this network: "
                "build one that fits them, or train it anew"
            )


def check_ratios(model: _Network, optimizer: torch.optim.Optimizer) -> None:
    """For a loop of your own, after each ``scheduler.step()``.

    Raises ValueError unless the groups' rates are to each other as the specification says.  What
    gives all groups one rate (a single ``max_lr`` of OneCycleLR, CyclicLR) or one floor
    (``eta_min``, ``min_lr``) fails: such a run does not scale with the width.
    """
    wanted = {group["name"]: group["lr"] for group in model.param_groups()}
    rates = {str(group.get("name")): float(group["lr"]) for group in optimizer.param_groups}
    if wanted.keys() != rates.keys():
        raise ValueError(f"the groups are {', '.join(rates)}, not {', '.join(wanted)}")
    shares = sorted((rates[name] / wanted[name], name) for name in wanted)
    (low, first), (high, last) = shares[0], shares[-1]
    if high - low > 1e-6 * abs(high):
        raise ValueError(
            f"a scheduler broke the ratios between layers: of its rate in the specification, "
            f"{first} has {low:.4g} and {last} has {high:.4g}"
        )


# else
def loss_of(outputs: Tensor, targets: Tensor) -> Tensor:
    # keep if cross_entropy
    """Mean cross-entropy, in fp32 at least whatever the forward pass ran in."""
    y = F.cross_entropy(outputs.to(torch.promote_types(outputs.dtype, torch.float32)), targets)
    # else
    """Mean squared error, in fp32 at least whatever the forward pass ran in."""
    precise = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
    y = F.mse_loss(precise, targets.to(precise.dtype))
    # end
    return y


def score(outputs: Tensor, targets: Tensor) -> float:
    # keep if cross_entropy
    """The share of examples whose largest output is the right one."""
    y = (outputs.argmax(1) == targets).double().mean().item()
    # else
    """R^2, the share of the targets' variance that the outputs explain."""
    residual = (outputs.double() - targets.double()).square().sum()
    total = (targets.double() - targets.double().mean(0)).square().sum()
    y = (1.0 - residual / total).item()
    # end
    return y


# end
