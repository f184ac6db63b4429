"""What parts are filled with that the model decides: its layers, its blocks, its optimizers."""

from __future__ import annotations

from collections.abc import Iterable

from richc.algebra.monomial import ONE, Monomial
from richc.emit.optimizer import optimizer_fills
from richc.emit.plan import (
    BASES,
    Plan,
    PlannedModule,
    Step,
    binding,
    depends_on_gamma,
    depends_on_richness,
    dim,
    is_frozen,
    mentioned,
    shape,
    shift_of,
)
from richc.emit.text import number
from richc.spec.activation import Activation
from richc.spec.model import Layer, LayerKind, Model

Fills = dict[str, list[str]]


def words_of(plan: Plan) -> frozenset[str]:
    """What the regions of parts may ask about the model."""
    laws = [optimizer.law for optimizer in plan.optimizers]
    norms = [layer for layer in plan.model.layers if layer.kind.is_norm]
    layers = [layer for layer in plan.model.layers if not layer.kind.is_norm]
    lookup = plan.model.optimizer_of(layers[0].weight).law
    biases = [layer.bias for layer in layers if layer.bias is not None]
    dists = {layer.dist for layer in layers}
    said = {
        "alpha": "alpha" in plan.used,
        "base": plan.symbols.base is not None,
        "bias": bool(biases),
        "bias_scale": any(bias.scale != ONE for bias in biases),
        "blocks": bool(plan.modules),
        "depth": plan.model.depth is not None,
        "embedding": plan.model.is_token_input,
        # Its shape is what such an optimizer goes by.
        "columns": plan.model.is_token_input and lookup.takes_matrices_only,
        "frozen": any(is_frozen(tensor) for layer in layers for tensor in layer.tensors),
        "gamma": depends_on_gamma(plan.model),
        "has_data": plan.model.train.data is not None,
        "matrices": len(laws) == 1 and laws[0].takes_matrices_only,
        "norms": bool(norms),
        "only_normal": dists == {"normal"},
        "richness": plan.model.richness is not None,
        "scale": any(layer.weight.scale != ONE for layer in layers),
        "several": len(laws) > 1,
        "shifted": any(shift_of(norm) is not None for norm in norms),
        "whole": not all(law.torch.steps_on_shards for law in laws),
    }
    named = {*(law.name for law in laws), *dists, plan.model.loss}
    return frozenset({*(word for word in said if said[word]), *named})


def sizes(model: Model) -> list[str]:
    """What the network is made with."""
    return ["width", *(["depth"] if model.depth is not None else []), "richness", "gamma"]


def fills(plan: Plan, words: frozenset[str]) -> Fills:
    """What stands in the parts, by place; ``words`` are all that is said of the program."""
    model = plan.model
    layers = [line for step in plan.steps for line in _assignment(plan, step)]
    scaled = bool({"options", "module_only"} & words)
    drawn = "Dense | Shifted" if "shifted" in words else "Dense"
    richness = "float | None = None" if model.richness is None else "float = RICHNESS"
    return {
        "layer": _about_layer(words),
        "network": _about_network(model),
        "richness": [f"richness: {richness},"],
        "checks": _checks(model),
        "layers": [*binding(layers), *layers],
        "forward": [*_lines(plan.steps), "return x"],
        "drawn": [f"for layer in [m for m in self.modules() if isinstance(m, {drawn})]:"],
        "width": _width_of_weights(plan, words),
        **optimizer_fills(plan, sharded="fsdp" in words, scaled=scaled),
        **(_REFUSED if "features" in words else _PLAIN),
    }


def _about_layer(words: frozenset[str]) -> list[str]:
    scale = "scale * " if "scale" in words else ""
    offset = "" if "bias" not in words else " + bias_scale * b" if "bias_scale" in words else " + b"
    weight = f"{scale}(W x)" if scale and offset else f"{scale}W x"
    about = f"``{weight}{offset}``; W is (fan_out, fan_in), its entries start at ``std``."
    return [f'"""{about}"""']


def _about_network(model: Model) -> list[str]:
    source = "indices (batch,)" if model.is_token_input else f"(batch, {model.input_dim})"
    where = f"(batch, {dim(model.layers[-1].fan_out)}); ``factory``: device and dtype"
    return [f'"""From {source} to {where}, as of torch.empty."""']


#: What goes wrong with data, where the program has no ``refused_for`` as yet, and where it has.
_PLAIN: Fills = {
    "refusal": ["try:"],
    "refused": [
        "except Exception as error:  # noqa: BLE001 - whatever a library comes to",
        '    reason = str(getattr(error, "strerror", None) or error).partition("; use `")[0][:400]',
        '    raise ValueError(f"{options.data}: {reason or type(error).__name__}") from None',
    ],
}
_REFUSED: Fills = {"refusal": ['with refused_for(f"{options.data}"):'], "refused": []}


def _width_of_weights(plan: Plan, words: frozenset[str]) -> list[str]:
    """Lines that read the width off the first weight with a side that depends on it."""
    is_turned = {"embedding", "columns"} & words == {"embedding"}
    for block in plan.blocks:
        first = block.layers[0]
        sides = (first.fan_in, first.fan_out) if is_turned else (first.fan_out, first.fan_in)
        side = 0 if sides[0].wide else 1
        if sides[side].wide and not first.kind.is_norm and block.holder == "self":
            width = f"weight.shape[{side}]"
            width += "" if sides[side].over == 1 else f" * {sides[side].over}"
            width += "" if sides[side].factor == 1 else f" // {sides[side].factor}"
            return [
                f'weight = state.get(f"{{prefix}}{block.path(0)}.weight")',
                "if weight is not None and weight.dim() == 2:",
                f'    theirs["width"] = {width}',
            ]
    return []


def _checks(model: Model) -> list[str]:
    """Silence would be worse: the network would not be the one asked for."""
    refused = []
    if model.multiple > 1:
        words = f"width must be a multiple of {model.multiple}, not {{width}}"
        refused.append((f"width % {model.multiple}", f'f"{words}"'))
    if model.richness is None:
        words = "the specification fixes its exponents: it has no richness"
        refused.append(("richness is not None", f'"{words}"'))
    elif not depends_on_richness(model):
        words = "the exponents of the specification do not depend on richness"
        refused.append(("richness != RICHNESS", f'"{words}"'))
    elif model.interval is not None:
        low, high = model.interval
        words = f"richness must be from {low} to {high}, not {{richness}}"
        refused.append((f"not {number(low)} <= richness <= {number(high)}", f'f"{words}"'))
    return [
        line
        for fault, words in refused
        for line in (f"if {fault}:", f"    raise ValueError({words})")
    ]


def _assignment(plan: Plan, step: Step) -> list[str]:
    """What a step needs in the constructor.

    A layer, or a list of them, in which neighbours that are alike share a comprehension; a block.
    """
    if isinstance(step, Activation):
        return []
    if isinstance(step, PlannedModule):
        block = _call(step.class_name, *mentioned(_body(plan, step), _SIZES))
        if not step.number:
            return [f"self.{step.name} = {block}"]
        blocks = f"nn.ModuleList({block} for _ in range({step.number}))"
        return [f"self.{step.name}: Any = {blocks}"]
    if not step.is_list:
        return [f"self.{step.name} = {_layer(plan, step.runs[0].layer)}"]
    runs = []
    for run in step.runs:
        layer, count = _layer(plan, run.layer), run.end - run.start
        several = f"{layer} for _ in range({count})"
        if len(step.runs) == 1:
            return [f"self.{step.name} = nn.ModuleList({several})"]
        runs.append(layer if count == 1 else f"*({several})")
    return [f"self.{step.name} = nn.ModuleList([{', '.join(runs)}])"]


def _layer(plan: Plan, layer: Layer) -> str:
    """The constructor of a layer; a bias that torch's norms have no argument for stands behind."""

    def factor(value: Monomial) -> str:
        return "" if value == ONE else plan.formula(value)

    weight, bias, shift = layer.weight, layer.bias, shift_of(layer)
    if not layer.kind.is_norm:
        return _call(
            "Embedding" if layer.kind == LayerKind.EMBEDDING else "Dense",
            *shape(plan.model, layer),
            std=plan.formula(weight.std),
            scale=factor(weight.scale),
            bias_std="" if bias is None else plan.formula(bias.std),
            bias_scale="" if bias is None else factor(bias.scale),
            dist="" if layer.dist == "normal" else f'"{layer.dist}"',
            trainable="False" if is_frozen(weight) else "",
            bias_trainable="False" if bias is not None and is_frozen(bias) else "",
        )
    takes_bias = layer.kind == LayerKind.LAYERNORM and not is_frozen(weight)
    norm = _call(
        "nn.RMSNorm" if layer.kind == LayerKind.RMSNORM else "nn.LayerNorm",
        dim(layer.fan_out),
        eps="" if layer.floor is None else plan.formula(layer.floor),
        elementwise_affine="False" if is_frozen(weight) else "",
        bias="False" if takes_bias and (bias is None or shift is not None) else "",
    )
    if shift is None:
        return norm
    return _call(
        "Shifted",
        *(norm, dim(layer.fan_out)),
        std=plan.formula(shift.std),
        scale=factor(shift.scale),
        trainable="False" if is_frozen(shift) else "",
    )


def _call(name: str, *given: str, **named: str) -> str:
    """A constructor with those of the named arguments that are not empty."""
    arguments = [*given, *(f"{key}={value}" for key, value in named.items() if value)]
    return f"{name}({', '.join([*arguments, '**factory'])})"


def _lines(steps: Iterable[Step], to: str = "x") -> list[str]:
    """Lines that take ``x`` through the steps; the result is called ``to``.

    Under autocast a dense layer's output has 16 bits.  A stream would lose what small branches add,
    and torch's RMSNorm takes no weight of another type than its input.
    """
    lines: list[str] = []
    source, rounded = "x", ""
    for step in steps:
        if isinstance(step, PlannedModule) and rounded:
            lines.append(f"x = x.to({rounded}.dtype)  # a stream is not rounded to 16 bits")
            rounded = ""
        if isinstance(step, Activation):
            lines.append(f"{to} = {_activated(step, source)}")
        elif isinstance(step, PlannedModule):
            target = f"self.{step.name}"
            if step.number:
                lines += [f"for block in {target}:", f"    {to} = block({source})"]
            else:
                lines.append(f"{to} = {target}({source})")
        elif not step.is_list:
            first, weight = step.layers[0], f"self.{step.name}.weight"
            if first.kind == LayerKind.RMSNORM and rounded and not is_frozen(first.weight):
                weight = weight if shift_of(first) is None else f"self.{step.name}.norm.weight"
                source = f"{source}.to({weight}.dtype)"
            call = f"self.{step.name}({source})"
            lines.append(f"{to} = {_activated(first.activation, call)}")
            rounded = weight if first.kind == LayerKind.DENSE else ""
        else:
            # A repeated statement is followed by one activation: its layers are all hidden, or a
            # lone read-out.
            lines += [f"{to} = {source}"] if source != to else []
            call = _activated(step.layers[0].activation, f"layer({to})")
            lines += [f"for layer in self.{step.name}:", f"    {to} = {call}"]
            rounded = f"self.{step.name}[0].weight"
        source = to
    return lines


def _activated(activation: Activation | None, value: str) -> str:
    if activation is None:
        return value
    return activation.kind.torch.format(value, slope=number(activation.below))


#: The symbols that a block's class is made with; the module has the others.
_SIZES = {"n": "int", "L": "int", "r": "float", "gamma": "float", "alpha": "float"}


def _body(plan: Plan, module: PlannedModule) -> list[str]:
    """What the constructor of a block holds."""
    residual = module.residual
    lines = []
    if residual is not None and residual.scale != ONE:
        lines.append(f"self.scale = {plan.formula(residual.scale)}")
    if residual is not None and residual.is_leaky:
        lines.append("self.skip = 1 - 1 / L")
    elif residual is not None and residual.skip != ONE:
        lines.append(f"self.skip = {plan.formula(residual.skip)}")
    return [*lines, *(line for step in module.steps for line in _assignment(plan, step))]


def block_fills(plan: Plan, module: PlannedModule) -> Fills:
    """What stands in the part of a block, for one of them."""
    body = _body(plan, module)
    about, through, held = "Some layers in a row.", [*_lines(module.steps), "return x"], []
    if module.residual is not None:
        held = [word for word in ("skip", "scale") if any(f"self.{word} =" in b for b in body)]
        skip, scale = (f"{word} * " if word in held else "" for word in ("skip", "scale"))
        about = f"``{skip}x + {scale}branch(x)``, for the x of a stream."
        first, *others = _lines(module.steps, to="y")
        total = f"{skip and 'self.'}{skip}x + {scale and 'self.'}{scale}y"
        through = [f"y: Tensor = {first.removeprefix('y = ')}", *others, f"return {total}"]
    sizes = [f"{word}: {_SIZES[word]}" for word in mentioned(body, _SIZES)]
    shown = ", ".join(f"{word}={{self.{word}:.4g}}" for word in held)
    return {
        "class": [f"class {module.class_name}(nn.Module):"],
        "block": [f'"""{about}"""'],
        "constructor": [f"def __init__({', '.join(['self', *sizes, '**factory: Any'])}) -> None:"],
        "inside": [*binding(body, BASES), *body],
        "through": through,
        "shown": ["def extra_repr(self) -> str:", f'    return f"{shown}"'] if held else [],
    }
