"""What the parts ``dense``, ``network`` and ``weights`` are filled with: the model's own lines."""

from __future__ import annotations

from richc.emit.optimizer import group_lines, optimizer_lines
from richc.emit.plan import (
    LayerRun,
    Plan,
    PlannedBlock,
    depends_on_gamma,
    depends_on_richness,
    dim,
    is_frozen,
)
from richc.emit.text import LINE_LENGTH, Items, indented, number, wrapped
from richc.scaling.monomial import ONE
from richc.spec.model import Activation, Layer

Fills = dict[str, list[str]]


def words_of(plan: Plan) -> frozenset[str]:
    """What the regions of parts may ask about the model."""
    said = {
        "alpha": "alpha" in plan.used,
        "bias": plan.has_bias,
        "bias_scale": plan.has_bias_scale,
        "frozen": plan.has_frozen,
        "gamma": depends_on_gamma(plan.model),
        "matrices": plan.model.optimizer.law.takes_matrices_only,
        "whole": not plan.model.optimizer.law.torch.steps_on_shards,
        "has_data": plan.model.train.data is not None,
        "normal": plan.dists == {"normal"},
        "richness": plan.model.richness is not None,
        "scale": plan.has_scale,
    }
    found = {word for word, is_so in said.items() if is_so}
    return frozenset({*found, *plan.dists, plan.model.loss})


def fills(plan: Plan, *, sharded: bool, scaled: bool) -> dict[str, Fills]:
    """What stands in the parts, by part and place."""
    return {
        "dense": _dense_fills(plan),
        "network": _network_fills(plan, sharded=sharded, scaled=scaled),
        "weights": _weights_fills(plan),
        "page": {"network": _construction(plan), "positive": _positive(plan)},
    }


def _construction(plan: Plan) -> list[str]:
    """The network of the command line's options."""
    options = ["options.width"]
    if plan.model.richness is not None:
        options.append("options.richness")
    if depends_on_gamma(plan.model):
        options.append("options.gamma" if len(options) > 1 else "gamma=options.gamma")
    return [f"model = {plan.class_name}({', '.join(options)}).to(options.device)"]


def _positive(plan: Plan) -> list[str]:
    names = ["width", "steps", "batch", *(["gamma"] if depends_on_gamma(plan.model) else [])]
    options = ", ".join(f"options.{name}" for name in names)
    return [f"wanted = ({options}, options.lr or 1.0)"]


def _dense_fills(plan: Plan) -> Fills:
    scale = "scale * " if plan.has_scale else ""
    offset = (" + bias_scale * b" if plan.has_bias_scale else " + b") if plan.has_bias else ""
    weight = f"{scale}(W x)" if scale and offset else f"{scale}W x"
    about = [f'"""``{weight}{offset}``; W is (fan_out, fan_in), its entries start at ``std``.']
    law = plan.model.optimizer.law
    if plan.has_bias and law.takes_matrices_only:
        about += [
            "",
            f"The bias is a (fan_out, 1) matrix: {law.torch.name} takes nothing else.",
            '"""',
        ]
    else:
        about[0] += '"""'
    arguments = ["self", "fan_in: int", "fan_out: int", "*", "std: float"]
    shown = ["{self.weight.shape[1]} -> {self.weight.shape[0]}, std={self.std:.4g}"]
    if plan.has_scale:
        arguments.append("scale: float = 1.0")
        shown.append(", scale={self.scale:.4g}")
    if plan.has_bias:
        arguments.append("bias_std: float | None = None")
        shown.append(", bias_std={self.bias_std}")
    if plan.has_bias_scale:
        arguments.append("bias_scale: float = 1.0")
        shown.append(", bias_scale={self.bias_scale:.4g}")
    if plan.dists != {"normal"}:
        arguments.append('dist: str = "normal"')
        shown.append(", dist={self.dist}")
    if plan.has_frozen:
        arguments.append("trainable: bool = True")
        if plan.has_bias:
            arguments.append("bias_trainable: bool = True")
    return {
        "about": [*about, ""],
        "constructor": _constructor([*arguments, "**factory: Any"]),
        "repr": _strings(shown),
    }


def _strings(parts: list[str]) -> list[str]:
    """The return of one string, on as many lines as it needs."""
    if len("".join(parts)) + 18 <= LINE_LENGTH:
        return [f'return f"{"".join(parts)}"']
    return ["return (", *(f'    f"{part}"' for part in parts), ")"]


def _network_fills(plan: Plan, *, sharded: bool, scaled: bool) -> Fills:
    model = plan.model
    layers = [line for block in plan.blocks for line in _assignment(plan, block)]
    richness = "richness: float | None = None"
    if model.richness is not None:
        richness = "richness: float = RICHNESS"
    base = "(self.width / BASE_WIDTH)" if plan.symbols.base else "self.width"
    power = f"{base} ** self.richness" if plan.symbols.base else f"{base}**self.richness"
    outputs = dim(model.layers[-1].fan_out)
    where = "``factory``: device and dtype, as of torch.empty."
    shown = [f"{name}={{self.{name}}}" for name in ("width", "richness", "gamma")]
    return {
        "about": [
            f'"""From (batch, {model.input_dim}) to (batch, {outputs}); {where}"""',
            "",
        ],
        "constructor": _constructor(
            ["self", "width: int = WIDTH", richness, "gamma: float = GAMMA", "**factory: Any"]
        ),
        "checks": _checks(plan),
        "layers": [*plan.binding(layers), *layers],
        "hooks": [
            "self.register_state_dict_post_hook(describe_weights)",
            "self.register_load_state_dict_pre_hook(check_weights)",
        ],
        "alpha": [f"return self.gamma * {power}"],
        "forward": _forward(plan),
        "repr": [f'return f"{", ".join(shown)}"'],
        "groups": group_lines(plan),
        "optimizer": optimizer_lines(plan, sharded=sharded, scaled=scaled),
    }


def _weights_fills(plan: Plan) -> Fills:
    """Lines that read the width off the first weight with a side that depends on it."""
    for block in plan.blocks:
        for position, layer in enumerate(block.layers):
            for side, size in enumerate((layer.fan_out, layer.fan_in)):
                if size.wide:
                    place = f"{block.name}.{position}" if block.is_list else block.name
                    times = "" if size.over == 1 else f" * {size.over}"
                    over = times if size.factor == 1 else f"{times} // {size.factor}"
                    return {
                        "width": [
                            f'weight = state.get(f"{{prefix}}{place}.weight")',
                            "if weight is not None and weight.dim() == 2:",
                            f'    theirs["width"] = weight.shape[{side}]{over}',
                        ]
                    }
    return {"width": []}


def _constructor(arguments: list[str]) -> list[str]:
    return wrapped(Items("def __init__(", arguments, ") -> None:", hugs=True), 0, margin=4)


def _checks(plan: Plan) -> list[str]:
    """Silence would be worse: the network would not be the one asked for."""
    model = plan.model
    lines: list[str] = []
    if depends_on_gamma(model):
        lines += [
            "if width < 1 or not gamma > 0.0:",
            '    raise ValueError(f"width and gamma must be positive, not {width} and {gamma}")',
        ]
    else:
        lines += [
            "if width < 1:",
            '    raise ValueError(f"width must be at least 1, not {width}")',
            "if gamma != GAMMA:",
            '    raise ValueError("the specification does not depend on gamma")',
        ]
    if model.multiple > 1:
        lines += [
            f"if width % {model.multiple}:",
            f'    raise ValueError(f"width must be a multiple of {model.multiple}, not {{width}}")',
        ]
    if model.richness is None:
        lines += [
            "if richness is not None:",
            '    raise ValueError("the specification fixes its exponents: it has no richness")',
        ]
    elif not depends_on_richness(model):
        lines += [
            "if richness != RICHNESS:",
            '    raise ValueError("the exponents of the specification do not depend on richness")',
        ]
    elif model.interval is not None:
        low, high = model.interval
        words = f"richness must be from {low} to {high}, not {{richness}}"
        lines += [
            f"if not {number(low)} <= richness <= {number(high)}:",
            f'    raise ValueError(f"{words}")',
        ]
    return lines


def _assignment(plan: Plan, block: PlannedBlock) -> list[str]:
    if not block.is_list:
        call = _dense(plan, block.runs[0].layer)
        return wrapped(call._replace(opening=f"self.{block.name} = {call.opening}"), 0)
    opening = f"self.{block.name} = nn.ModuleList("
    if len(block.runs) == 1:
        call, tail = _repeated(plan, block.runs[0])
        flat = f"{opening}{call.flat()}{tail})"
        if len(flat) + 8 <= LINE_LENGTH:
            return [flat]
        return [opening, *_comprehension(call, tail), ")"]
    lines = [opening, "    ["]
    for run in block.runs:
        if run.end - run.start == 1:
            lines += wrapped(_dense(plan, run.layer), 8, ",")
            continue
        call, tail = _repeated(plan, run)
        flat = f"*({call.flat()}{tail}),"
        if len(flat) + 16 <= LINE_LENGTH:
            lines.append(" " * 8 + flat)
        else:
            lines += indented(["*(", *_comprehension(call, tail), "),"], 8)
    return [*lines, "    ]", ")"]


def _repeated(plan: Plan, run: LayerRun) -> tuple[Items, str]:
    return _dense(plan, run.layer), f" for _ in range({run.end - run.start})"


def _comprehension(call: Items, tail: str) -> list[str]:
    """The call and its ``for`` on lines of their own, indented by 4."""
    if len(call.flat() + tail) + 12 <= LINE_LENGTH:
        return [f"    {call.flat()}{tail}"]
    if len(call.flat()) + 12 <= LINE_LENGTH:
        return [f"    {call.flat()}", f"    {tail.lstrip()}"]
    return [*indented(wrapped(call, 0, margin=12), 4), f"    {tail.lstrip()}"]


def _dense(plan: Plan, layer: Layer) -> Items:
    weight, bias = layer.weight, layer.bias
    items = [dim(layer.fan_in), dim(layer.fan_out), f"std={plan.formula(weight.std)}"]
    if weight.scale != ONE:
        items.append(f"scale={plan.formula(weight.scale)}")
    if bias is not None:
        items.append(f"bias_std={plan.formula(bias.std)}")
        if bias.scale != ONE:
            items.append(f"bias_scale={plan.formula(bias.scale)}")
    if layer.dist != "normal":
        items.append(f'dist="{layer.dist}"')
    if is_frozen(weight):
        items.append("trainable=False")
    if bias is not None and is_frozen(bias):
        items.append("bias_trainable=False")
    return Items("Dense(", [*items, "**factory"], ")", hugs=True)


def _forward(plan: Plan) -> list[str]:
    steps = [line for block in plan.blocks for line in _steps(block)]
    if steps[-1].startswith("x = "):
        return [*steps[:-1], f"return {steps[-1].removeprefix('x = ')}"]
    return [*steps, "return x"]


def _steps(block: PlannedBlock) -> list[str]:
    target = f"self.{block.name}"
    if not block.is_list:
        return ["x = " + _activated(block.layers[0].activation, f"{target}(x)")]
    # A repeated statement is followed by one activation: its layers are all hidden, or a lone
    # read-out.
    step = _activated(block.layers[0].activation, "layer(x)")
    return [f"for layer in {target}:", f"    x = {step}"]


def _activated(activation: Activation | None, value: str) -> str:
    if activation is None:
        return value
    return activation.kind.torch.format(value, slope=number(activation.below))
