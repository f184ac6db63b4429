"""What the parts ``dense``, ``network`` and ``weights`` are filled with: the model's own lines."""

from __future__ import annotations

from richc.algebra.monomial import ONE
from richc.emit.optimizer import group_lines, optimizer_lines
from richc.emit.plan import (
    Plan,
    PlannedBlock,
    depends_on_gamma,
    depends_on_richness,
    dim,
    is_frozen,
)
from richc.emit.text import LINE_LENGTH, Items, holds, number, wrapped
from richc.spec.activation import Activation
from richc.spec.model import Layer

Fills = dict[str, list[str]]


def words_of(plan: Plan) -> frozenset[str]:
    """What the regions of parts may ask about the model."""
    layers, law = plan.model.layers, plan.model.optimizer.law
    biases = [layer.bias for layer in layers if layer.bias is not None]
    dists = {layer.dist for layer in layers}
    said = {
        "alpha": "alpha" in plan.used,
        "bias": bool(biases),
        "bias_scale": any(bias.scale != ONE for bias in biases),
        "frozen": any(is_frozen(tensor) for layer in layers for tensor in layer.tensors),
        "has_data": plan.model.train.data is not None,
        "matrices": law.takes_matrices_only,
        "only_normal": dists == {"normal"},
        "richness": plan.model.richness is not None,
        "scale": any(layer.weight.scale != ONE for layer in layers),
        "whole": not law.torch.steps_on_shards,
    }
    return frozenset({*(word for word in said if said[word]), *dists, plan.model.loss})


def fills(plan: Plan, *, sharded: bool, scaled: bool) -> dict[str, Fills]:
    """What stands in the parts, by part and place."""
    return {
        "dense": _dense_fills(plan, words_of(plan)),
        "network": _network_fills(plan, sharded=sharded, scaled=scaled),
        "weights": _weights_fills(plan),
    }


def _dense_fills(plan: Plan, words: frozenset[str]) -> Fills:
    scale = "scale * " if "scale" in words else ""
    offset = "" if "bias" not in words else " + bias_scale * b" if "bias_scale" in words else " + b"
    weight = f"{scale}(W x)" if scale and offset else f"{scale}W x"
    about = [f'"""``{weight}{offset}``; W is (fan_out, fan_in), its entries start at ``std``.']
    if {"bias", "matrices"} <= words:
        why = f"{plan.model.optimizer.law.torch.name} takes nothing else."
        about += ["", f"The bias is a (fan_out, 1) matrix: {why}", '"""']
    else:
        about[0] += '"""'
    arguments = ["self", "fan_in: int", "fan_out: int", "*", "std: float"]
    shown = ["{self.weight.shape[1]} -> {self.weight.shape[0]}, std={self.std:.4g}"]
    for word, argument, its in (
        ("scale", "scale: float = 1.0", ", scale={self.scale:.4g}"),
        ("bias", "bias_std: float | None = None", ", bias_std={self.bias_std}"),
        ("bias_scale", "bias_scale: float = 1.0", ", bias_scale={self.bias_scale:.4g}"),
        ("not only_normal", 'dist: str = "normal"', ", dist={self.dist}"),
        ("frozen", "trainable: bool = True", ""),
        ("frozen and bias", "bias_trainable: bool = True", ""),
    ):
        if holds(word, words):
            arguments.append(argument)
            shown += [its] if its else []
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
    base = "self.width / BASE_WIDTH" if plan.symbols.base else "self.width"
    outputs = dim(model.layers[-1].fan_out)
    where = "``factory``: device and dtype, as of torch.empty."
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
        "alpha": [f"return self.gamma * math.pow({base}, self.richness)"],
        "forward": [*(line for block in plan.blocks for line in _steps(block)), "return x"],
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
    refused: list[tuple[str, str]] = []
    if depends_on_gamma(model):
        words = "width and gamma must be positive, not {width} and {gamma}"
        refused.append(("width < 1 or not gamma > 0.0", words))
    else:
        refused.append(("width < 1", "width must be at least 1, not {width}"))
        refused.append(("gamma != GAMMA", "the specification does not depend on gamma"))
    if model.multiple > 1:
        words = f"width must be a multiple of {model.multiple}, not {{width}}"
        refused.append((f"width % {model.multiple}", words))
    if model.richness is None:
        words = "the specification fixes its exponents: it has no richness"
        refused.append(("richness is not None", words))
    elif not depends_on_richness(model):
        words = "the exponents of the specification do not depend on richness"
        refused.append(("richness != RICHNESS", words))
    elif model.interval is not None:
        low, high = model.interval
        words = f"richness must be from {low} to {high}, not {{richness}}"
        refused.append((f"not {number(low)} <= richness <= {number(high)}", words))
    return [
        line
        for condition, words in refused
        for line in (f"if {condition}:", f'    raise ValueError({"f" * ("{" in words)}"{words}")')
    ]


def _assignment(plan: Plan, block: PlannedBlock) -> list[str]:
    """A layer, or a list of them, in which neighbours that are alike share a comprehension."""
    if not block.is_list:
        call = _dense(plan, block.runs[0].layer)
        return wrapped(call._replace(opening=f"self.{block.name} = {call.opening}"), 0)
    runs: list[Items] = []
    for run in block.runs:
        layer, count = _dense(plan, run.layer), run.end - run.start
        several = Items("*(", [layer, f"for _ in range({count})"], ")", True, " ")
        runs.append(layer if count == 1 and len(block.runs) > 1 else several)
    inside = [Items("[", runs, "]")] if len(runs) > 1 else runs[0].items
    return wrapped(Items(f"self.{block.name} = nn.ModuleList(", inside, ")", True, " "), 0)


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
