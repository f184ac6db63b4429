"""Part: what a ``state_dict`` says of its network, and whose weights a network refuses.

torch keeps ``_metadata`` beside a state_dict, which copies and ``torch.save`` preserve, so nothing
is added to the tensors.  Where only tensors survive (safetensors), their shapes tell the width.
Hooks of torch's public interface do it, so it also holds for a network inside of another module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from richc.emit.parts.dense import Dense

if TYPE_CHECKING:
    from richc.emit.parts.network import Network


# ---- emitted from here on ----


def identity(model: Network) -> dict[str, Any]:
    """What weights belong to: elsewhere they stand for another function."""
    known: dict[str, Any] = {"width": model.width, "gamma": model.gamma}
    # keep if richness
    known["richness"] = model.richness
    # end
    for name, layer in model.named_modules():
        if isinstance(layer, Dense):
            # keep if scale
            known[f"multiplier of {name}"] = f"{layer.scale:.6g}"
            # end
            # keep if not scale
            known[f"multiplier of {name}"] = "1"
            # end
            # keep if bias_scale
            known[f"multiplier of {name}.bias"] = f"{layer.bias_scale:.6g}"
            # end
            # keep if bias and not bias_scale
            known[f"multiplier of {name}.bias"] = "1"
            # end
    return known


def describe_weights(model: Network, _: Any, __: str, metadata: dict[str, Any]) -> None:
    """Note beside a state_dict what its weights belong to."""
    metadata["network"] = identity(model)


def check_weights(
    model: Network, state: dict[str, Any], prefix: str, metadata: dict[str, Any], *_: Any
) -> None:
    """Refuse the weights of another network before one is loaded.  Raises RuntimeError."""
    theirs = dict(metadata.get("network", {}))
    # fill width
    # end
    for key, ours in identity(model).items():
        if theirs.get(key, ours) != ours:
            raise RuntimeError(
                f"the {key} is {theirs[key]} in these weights but {ours} in this network: "
                "build one that fits them, or train it anew"
            )
