"""The text of the model's class: construction, initialisation, forward pass."""

from __future__ import annotations

from collections.abc import Iterable

from richc.emit.plan import Block, Plan, Run, depends_on_gamma, depends_on_richness, dim, is_frozen
from richc.emit.state import REGISTRATION
from richc.emit.text import LINE_LENGTH, Items, indented, number, wrapped
from richc.scaling.monomial import ONE
from richc.spec.model import Activation, Layer

_CALLS = {
    "relu": "F.relu({})",
    "tanh": "torch.tanh({})",
    "gelu": "F.gelu({})",
    "silu": "F.silu({})",
    "elu": "F.elu({})",
    "softplus": "F.softplus({})",
    "sigmoid": "torch.sigmoid({})",
    "erf": "torch.erf({})",
}

#: How each symbol is bound, from attributes of the module.
_BINDINGS = {
    "n": "self.width",
    "n0": "BASE_WIDTH",
    "r": "self.richness",
    "gamma": "self.gamma",
    "alpha": "self.alpha",
}


def model_class(plan: Plan) -> list[str]:
    """The lines of the class, up to its parameter groups."""
    lines = [f"class {plan.class_name}(nn.Module):", *indented(_docstring(plan), 4), ""]
    lines += indented(_constructor(plan), 4)
    if "alpha" in plan.used:
        lines += ["", *indented(_alpha(plan), 4)]
    lines += ["", *indented(_reset(), 4)]
    lines += ["", *indented(_forward(plan), 4)]
    return lines


def binding(plan: Plan, expressions: Iterable[str]) -> list[str]:
    """One line that binds the symbols used in Python ``expressions``, or none."""
    words = plan.words(expressions)
    if not words:
        return []
    return [f"{', '.join(words)} = {', '.join(_BINDINGS[word] for word in words)}"]


def _docstring(plan: Plan) -> list[str]:
    model = plan.model
    outputs = dim(model.layers[-1].fan_out)
    lines = [
        f'"""A multilayer perceptron from R^{model.input_dim} to R^{outputs}.',
        "",
        "``width`` is n; the exponent ``richness`` and the prefactor ``gamma`` set the activity",
        "alpha, where the specification uses one.",
        "Raises ValueError for a width below 1, a gamma that is not positive, and a richness or a",
        "gamma that the specification does not depend on.",
        '"""',
    ]
    if model.multiple > 1:
        lines[-2] += f"  Widths are multiples of {model.multiple}."
    if "alpha" not in plan.used:
        lines[2:4] = ["``width`` is n."]
    return lines


def _constructor(plan: Plan) -> list[str]:
    model = plan.model
    richness = "richness: float | None = None"
    if model.richness is not None:
        richness = "richness: float = RICHNESS"
    arguments = [
        "self",
        "width: int = WIDTH",
        richness,
        "gamma: float = GAMMA",
        "*",
        "device: torch.device | str | None = None",
        "dtype: torch.dtype | None = None",
    ]
    layers = [line for block in plan.blocks for line in _assignment(plan, block)]
    body = [
        "super().__init__()",
        *_checks(plan),
        "self.width, self.richness, self.gamma = width, richness, gamma",
        *binding(plan, layers),
        *layers,
        "self.reset_parameters()",
        *REGISTRATION,
    ]
    return [
        "def __init__(",
        *indented([f"{a}," for a in arguments], 4),
        ") -> None:",
        *indented(body, 4),
    ]


def _checks(plan: Plan) -> list[str]:
    model = plan.model
    lines = [
        "if width < 1:",
        '    raise ValueError(f"width must be at least 1, not {width}")',
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
    if depends_on_gamma(model):
        lines += [
            "if not gamma > 0.0:",
            '    raise ValueError(f"gamma must be positive, not {gamma}")',
        ]
    else:
        lines += [
            "if gamma != GAMMA:",
            '    raise ValueError("the specification does not depend on gamma")',
        ]
    return lines


def _assignment(plan: Plan, block: Block) -> list[str]:
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


def _repeated(plan: Plan, run: Run) -> tuple[Items, str]:
    return _dense(plan, run.layer), f" for _ in range({run.end - run.start})"


def _comprehension(call: Items, tail: str) -> list[str]:
    """The call and its ``for`` on lines of their own, indented by 4."""
    if len(call.flat() + tail) + 12 <= LINE_LENGTH:
        return [f"    {call.flat()}{tail}"]
    exploded = ["    " + call.opening, *(f"        {item}," for item in call.items), "    )"]
    return [*exploded, f"    {tail.lstrip()}"]


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
    return Items("Dense(", [*items, "device=device", "dtype=dtype"], ")")


def _alpha(plan: Plan) -> list[str]:
    base = "(self.width / BASE_WIDTH)" if plan.symbols.base else "self.width"
    power = f"{base} ** self.richness" if plan.symbols.base else f"{base}**self.richness"
    return [
        "@property",
        "def alpha(self) -> float:",
        '    """The activity: a step moves the entries of a representation by alpha / sqrt(n)."""',
        f"    return self.gamma * {power}",
    ]


def _reset() -> list[str]:
    return [
        "def reset_parameters(self, generator: torch.Generator | None = None) -> None:",
        '    """Draw every tensor anew, in order; ``generator`` is on the parameters\' device."""',
        "    for module in self.modules():",
        "        if isinstance(module, Dense):",
        "            module.reset_parameters(generator)",
    ]


def _forward(plan: Plan) -> list[str]:
    model = plan.model
    outputs = dim(model.layers[-1].fan_out)
    steps: list[str] = []
    for block in plan.blocks:
        steps += _steps(block)
    last = steps[-1].removeprefix("x = ")
    if steps[-1].startswith("x = "):
        steps[-1] = f"return {last}"
    else:
        steps.append("return x")
    return [
        "def forward(self, x: Tensor) -> Tensor:",
        f'    """Outputs (batch, {outputs}) of inputs (batch, {model.input_dim})."""',
        *indented(steps, 4),
    ]


def _steps(block: Block) -> list[str]:
    target = f"self.{block.name}"
    if not block.is_list:
        return ["x = " + _activated(block.layers[0].activation, f"{target}(x)")]
    # A repeated statement is followed by one activation: its layers are all hidden, or a lone
    # read-out.
    step = _activated(block.layers[0].activation, "layer(x)")
    return [f"for layer in {target}:", f"    x = {step}"]


def _activated(activation: Activation | None, value: str) -> str:
    if activation is None or activation.name == "linear":
        return value
    if activation.name == "leaky_relu":
        # PyTorch's own default slope where the spec leaves it open.
        slope = "0.01" if activation.slope is None else number(activation.slope)
        return f"F.leaky_relu({value}, {slope})"
    return _CALLS[activation.name].format(value)
