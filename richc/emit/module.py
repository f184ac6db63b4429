"""What parts are filled with that the model decides: its layers, its blocks, its optimizers."""

from __future__ import annotations

from collections.abc import Iterable

from richc.algebra.monomial import ONE
from richc.emit.optimizer import default_rates, group_lines, groups_of_each, optimizer_lines, rates
from richc.emit.plan import (
    Plan,
    PlannedModule,
    Step,
    depends_on_gamma,
    depends_on_richness,
    dim,
    is_frozen,
    shape,
    shift_of,
)
from richc.emit.text import indented, number
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
    return frozenset({*(word for word in said if said[word]), *dists, plan.model.loss})


def fills(plan: Plan, *, sharded: bool, scaled: bool, plain: bool) -> dict[str, Fills]:
    """What stands in the parts, by part and place; ``plain`` is a program without features."""
    return {
        "dense": _dense_fills(words_of(plan)),
        "blocks": {"classes": _classes(plan)},
        "network": _network_fills(plan, sharded=sharded, scaled=scaled),
        "data": _PLAIN if plain else _REFUSED,
        **_program_fills(plan),
        "weights": _weights_fills(plan),
    }


def _dense_fills(words: frozenset[str]) -> Fills:
    scale = "scale * " if "scale" in words else ""
    offset = "" if "bias" not in words else " + bias_scale * b" if "bias_scale" in words else " + b"
    weight = f"{scale}(W x)" if scale and offset else f"{scale}W x"
    about = f"``{weight}{offset}``; W is (fan_out, fan_in), its entries start at ``std``."
    return {"about": [f'"""{about}"""', ""]}


def _network_fills(plan: Plan, *, sharded: bool, scaled: bool) -> Fills:
    model = plan.model
    layers = [line for step in plan.steps for line in _assignment(plan, step)]
    source = "indices (batch,)" if model.is_token_input else f"(batch, {model.input_dim})"
    is_fixed = model.richness is None
    where = f"(batch, {dim(model.layers[-1].fan_out)}); ``factory``: device and dtype"
    return {
        "about": [f'"""From {source} to {where}, as of torch.empty."""', ""],
        "richness": [f"richness: {'float | None = None' if is_fixed else 'float = RICHNESS'},"],
        "checks": _checks(model),
        "layers": [*plan.binding(layers), *layers],
        "forward": [*_lines(plan.steps), "return x"],
        "rates": [f"{rate}: float | None = None," for rate in rates(plan)],
        "each": groups_of_each(plan),
        "defaults": default_rates(plan),
        "groups": group_lines(plan),
        "optimizer": optimizer_lines(plan, sharded=sharded, scaled=scaled),
    }


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


def _program_fills(plan: Plan) -> dict[str, Fills]:
    """Where the program's command line and its training know of the optimizers' rates."""
    made = f"model.make_optimizer({', '.join(f'options.{rate}' for rate in rates(plan))})"
    own = [
        f'add("--{rate.replace("_", "-")}", type=number, help="that of {optimizer.law.title}")'
        for rate, optimizer in zip(rates(plan)[1:], plan.optimizers[1:], strict=True)
    ]
    if own:
        about = f"that of {plan.optimizers[0].law.title}; the other rates keep their ratio to it"
        own.insert(0, f'add("--lr", type=number, help="{about}")')
    loop = [f"optimizer, steps = {made}, options.steps"]
    return {
        "command": {"rates": own},
        "training": {"loop": loop, "optimizer": [f"self.optimizer = {made}"]},
    }


def _weights_fills(plan: Plan) -> Fills:
    """Lines that read the width off the first weight with a side that depends on it."""
    for block in plan.blocks:
        for position, layer in enumerate(() if block.holder != "self" else block.layers):
            sides = (layer.fan_out, layer.fan_in)
            is_turned = {"embedding", "columns"} & words_of(plan) == {"embedding"}
            for side, size in enumerate(sides[::-1] if is_turned else sides):
                if size.wide and not layer.kind.is_norm:
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
        block = f"{step.class_name}({', '.join([*_arguments(plan, step), '**factory'])})"
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
    name, arguments = (_norm if layer.kind.is_norm else _dense)(plan, layer)
    return f"{name}({', '.join([*arguments, '**factory'])})"


def _norm(plan: Plan, layer: Layer) -> tuple[str, list[str]]:
    """torch's norm; a bias that torch's has no argument for is added behind it."""
    is_rms, shift = layer.kind == LayerKind.RMSNORM, shift_of(layer)
    name, items = "nn.RMSNorm" if is_rms else "nn.LayerNorm", [dim(layer.fan_out)]
    if layer.floor is not None:
        items.append(f"eps={plan.formula(layer.floor)}")
    if is_frozen(layer.weight):
        items.append("elementwise_affine=False")
    elif not is_rms and (layer.bias is None or shift is not None):
        items.append("bias=False")
    if shift is None:
        return name, items
    norm = f"{name}({', '.join([*items, '**factory'])})"
    added = [norm, dim(layer.fan_out), f"std={plan.formula(shift.std)}"]
    if shift.scale != ONE:
        added.append(f"scale={plan.formula(shift.scale)}")
    if is_frozen(shift):
        added.append("trainable=False")
    return "Shifted", added


def _dense(plan: Plan, layer: Layer) -> tuple[str, list[str]]:
    weight, bias = layer.weight, layer.bias
    items = [*shape(plan.model, layer), f"std={plan.formula(weight.std)}"]
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
    return "Embedding" if layer.kind == LayerKind.EMBEDDING else "Dense", items


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


#: The arguments of a block's class that a formula may need; the module has the others.
_SIZES = {"n": "int", "L": "int", "r": "float", "gamma": "float", "alpha": "float"}


def _arguments(plan: Plan, module: PlannedModule) -> list[str]:
    """The symbols that a block is made with."""
    return [word for word in plan.words(_body(plan, module)) if word in _SIZES]


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


def _classes(plan: Plan) -> list[str]:
    """The class of every residual and every repeat."""
    lines: list[str] = []
    for module in plan.modules:
        lines += ["", "", *_class(plan, module)] if lines else _class(plan, module)
    return lines


def _class(plan: Plan, module: PlannedModule) -> list[str]:
    body, residual = _body(plan, module), module.residual
    arguments = [f"{word}: {_SIZES[word]}" for word in _arguments(plan, module)]
    about, forward, shown = "Some layers in a row.", [*_lines(module.steps), "return x"], []
    if residual is not None:
        held = [word for word in ("skip", "scale") if any(f"self.{word} =" in b for b in body)]
        words = {word: f"self.{word} * " if word in held else "" for word in ("skip", "scale")}
        first, *others = _lines(module.steps, to="y")
        total = f"return {words['skip']}x + {words['scale']}y"
        forward = [f"y: Tensor = {first.removeprefix('y = ')}", *others, total]
        about = f"{'skip * ' * ('skip' in held)}x + {'scale * ' * ('scale' in held)}branch(x)"
        about = f"``{about}``, for the x of a stream."
        shown = [f"{word}={{self.{word}:.4g}}" for word in held]
    lines = [f"class {module.class_name}(nn.Module):", f'    """{about}"""', ""]
    constants = {"n0": "BASE_WIDTH", "L0": "BASE_DEPTH"}
    bound = [word for word in plan.words(body) if word in constants]
    binding = [f"{', '.join(bound)} = {', '.join(constants[word] for word in bound)}"]
    inside = ["super().__init__()", *(binding if bound else []), *body]
    lines += [f"    def __init__({', '.join(['self', *arguments, '**factory: Any'])}) -> None:"]
    lines += indented(inside, 8)
    lines += ["", "    def forward(self, x: Tensor) -> Tensor:", *indented(forward, 8)]
    if shown:
        line = f'        return f"{", ".join(shown)}"'
        lines += ["", "    def extra_repr(self) -> str:", line]
    return lines
