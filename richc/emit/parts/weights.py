"""Part: whose weights a network refuses, and rates that a loop of one's own must keep.

torch keeps ``_metadata`` beside a state_dict, which copies and ``torch.save`` preserve, so nothing
is added to the tensors.  Where only tensors survive (safetensors), their shapes tell the width.
Hooks of torch's public interface do it, so it also holds for a network inside of another module.
"""

from typing import Any

import torch

from richc.emit.parts.dense import Dense
from richc.emit.parts.network import _Network

# ---- emitted from here on ----


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
        # keep if blocks
        elif hasattr(layer, "scale"):
            known[f"multiplier of {name}"] = f"{layer.scale:.6g}"
        # end
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
