"""The text of what a ``state_dict`` says of its network, and of whose weights are refused.

torch keeps ``_metadata`` beside a state_dict, which copies and ``torch.save`` preserve, so nothing
is added to the tensors.  Where only tensors survive (safetensors), their shapes tell the width.
Hooks of torch's public interface do it, so it also holds for a network inside of another module.
"""

from __future__ import annotations

from richc.emit.plan import Plan
from richc.emit.text import LINE_LENGTH, indented

#: Lines of the constructor.
REGISTRATION = (
    "self.register_state_dict_post_hook(describe_weights)",
    "self.register_load_state_dict_pre_hook(check_weights)",
)


def state_functions(plan: Plan) -> list[str]:
    """The lines of ``identity``, ``describe_weights`` and ``check_weights``."""
    name = plan.class_name
    return [
        f"def identity(model: {name}) -> dict[str, Any]:",
        '    """What weights belong to: elsewhere they stand for another function."""',
        *indented(_identity(plan), 4),
        "",
        "",
        *_signature("describe_weights", name, "_prefix: str", "metadata: dict[str, Any]"),
        '    """Note beside a state_dict what its weights belong to."""',
        '    metadata["network"] = identity(model)',
        "",
        "",
        *_signature("check_weights", name, "prefix: str", "metadata: dict[str, Any]", "*_: Any"),
        '    """Refuse the weights of another network before one is loaded.  Raises RuntimeError.',
        "",
        "    A file that keeps tensors alone (.safetensors) is judged by their shapes.",
        '    """',
        *indented(_check(plan), 4),
    ]


def _signature(function: str, class_name: str, *rest: str) -> list[str]:
    state = "_state" if "_prefix: str" in rest else "state"
    arguments = [f"model: {class_name}", f"{state}: dict[str, Any]", *rest]
    inner = ", ".join(arguments)
    if len(f"def {function}({inner}) -> None:") <= LINE_LENGTH:
        return [f"def {function}({inner}) -> None:"]
    if len(inner) + 4 <= LINE_LENGTH:
        return [f"def {function}(", f"    {inner}", ") -> None:"]
    return [f"def {function}(", *(f"    {argument}," for argument in arguments), ") -> None:"]


def _identity(plan: Plan) -> list[str]:
    scale = 'f"{layer.scale:.6g}"' if plan.has_scale else '"1"'
    bias = []
    if plan.has_bias:
        bias_scale = 'f"{layer.bias_scale:.6g}"' if plan.has_bias_scale else '"1"'
        bias = [f'known[f"multiplier of {{name}}.bias"] = {bias_scale}']
    richness = "" if plan.model.richness is None else ', "richness": model.richness'
    return [
        f'known: dict[str, Any] = {{"width": model.width{richness}, "gamma": model.gamma}}',
        "for name, layer in model.named_modules():",
        "    if isinstance(layer, Dense):",
        f'        known[f"multiplier of {{name}}"] = {scale}',
        *indented(bias, 8),
        "return known",
    ]


def _check(plan: Plan) -> list[str]:
    return [
        'ours, theirs = identity(model), dict(metadata.get("network", {}))',
        *_width(plan),
        "for key, value in ours.items():",
        "    if theirs.get(key, value) != value:",
        "        raise RuntimeError(",
        '            f"the {key} is {theirs[key]} in these weights but {value} in this network: "',
        '            "build one that fits them, or train it anew (at another width, rates carry "',
        '            "over and weights do not)"',
        "        )",
    ]


def _width(plan: Plan) -> list[str]:
    """Lines that read the width off the first weight with a side that depends on it."""
    for block in plan.blocks:
        for position, layer in enumerate(block.layers):
            for side, size in enumerate((layer.fan_out, layer.fan_in)):
                if not size.wide:
                    continue
                place = f"{block.name}.{position}" if block.is_list else block.name
                times = "" if size.over == 1 else f" * {size.over}"
                over = times if size.factor == 1 else f"{times} // {size.factor}"
                return [
                    f'weight = state.get(f"{{prefix}}{place}.weight")',
                    "if weight is not None and weight.dim() == 2:",
                    f'    theirs["width"] = weight.shape[{side}]{over}',
                ]
    return []
