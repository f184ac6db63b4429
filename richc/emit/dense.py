"""The text of ``Dense``, the emitted file's one layer: only what the model needs is in it."""

from __future__ import annotations

from richc.emit.plan import Plan
from richc.emit.text import indented

#: Standard deviation of a standard normal cut off at -2 and 2:
#: sqrt(1 - 4 phi(2) / (Phi(2) - Phi(-2))).
TRUNCATED_STD = 0.8796256610342398


def dense_class(plan: Plan) -> list[str]:
    """The lines of ``class Dense``, and of the ``draw`` that it starts from."""
    is_plain = plan.dists == {"normal"}
    lines = ["class Dense(nn.Module):", *indented(_docstring(plan), 4), ""]
    lines += indented(_constructor(plan), 4)
    lines += ["", *indented(_reset(plan, is_plain), 4)]
    lines += ["", *indented(_forward(plan), 4)]
    return lines if is_plain else [*_draw(plan.dists), "", "", *lines]


def _docstring(plan: Plan) -> list[str]:
    scale = "scale * " if plan.has_scale else ""
    offset = ""
    if plan.has_bias:
        offset = " + bias_scale * b" if plan.has_bias_scale else " + b"
    weight = f"{scale}(W x)" if scale and offset else f"{scale}W x"
    lines = [f'"""``{weight}{offset}``; W is (fan_out, fan_in), its entries start at ``std``.']
    if plan.has_bias and plan.model.optimizer.name == "muon":
        lines += ["", "The bias is a (fan_out, 1) matrix: torch.optim.Muon takes nothing else."]
    if len(lines) == 1:
        return [lines[0] + '"""']
    return [*lines, '"""']


def _constructor(plan: Plan) -> list[str]:
    arguments = ["self", "fan_in: int", "fan_out: int", "*", "std: float"]
    body = ["super().__init__()"]
    trainable = ", requires_grad=trainable" if plan.has_frozen else ""
    stored = ["std"]
    if plan.has_scale:
        arguments.append("scale: float = 1.0")
        stored.append("scale")
    if plan.has_bias:
        arguments.append("bias_std: float | None = None")
        stored.append("bias_std")
    if plan.has_bias_scale:
        arguments.append("bias_scale: float = 1.0")
        stored.append("bias_scale")
    if plan.dists != {"normal"}:
        arguments.append('dist: str = "normal"')
        stored.append("dist")
    if plan.has_frozen:
        arguments.append("trainable: bool = True")
        if plan.has_bias:
            arguments.append("bias_trainable: bool = True")
    arguments += ["device: torch.device | str | None = None", "dtype: torch.dtype | None = None"]
    body += [f"self.{name} = {name}" for name in stored]
    if plan.has_scale:
        body += [
            "# Multiply on the side that has fewer entries; the output where both have as",
            "# many, of which the backward pass keeps no copy.",
            "self.scale_input = fan_in < fan_out",
        ]
    body += [
        "weight = torch.empty(fan_out, fan_in, device=device, dtype=dtype)",
        f"self.weight = nn.Parameter(weight{trainable})",
    ]
    if plan.has_bias:
        shape = "fan_out, 1" if plan.model.optimizer.name == "muon" else "fan_out"
        trainable = ", requires_grad=bias_trainable" if plan.has_frozen else ""
        body += [
            "self.bias = None",
            "if bias_std is not None:",
            f"    bias = torch.empty({shape}, device=device, dtype=dtype)",
            f"    self.bias = nn.Parameter(bias{trainable})",
        ]
    return [
        "def __init__(",
        *indented([f"{a}," for a in arguments], 4),
        ") -> None:",
        *indented(body, 4),
    ]


def _reset(plan: Plan, is_plain: bool) -> list[str]:
    lines = [
        "@torch.no_grad()",
        "def reset_parameters(self, generator: torch.Generator | None = None) -> None:",
    ]
    if is_plain:
        body = ["self.weight.normal_(0.0, self.std, generator=generator)"]
        bias = "self.bias.normal_(0.0, self.bias_std, generator=generator)"
    else:
        body = ["draw(self.weight, self.std, self.dist, generator)"]
        bias = "draw(self.bias, self.bias_std, self.dist, generator)"
        if "orthogonal" in plan.dists:
            bias = 'draw(self.bias, self.bias_std, "normal", generator)'
            if plan.dists & {"uniform", "trunc_normal"}:
                bias = "draw(self.bias, self.bias_std, dist, generator)"
    if plan.has_bias:
        body.append("if self.bias is not None:")
        if "(self.bias, self.bias_std, dist," in bias:
            body.append('    dist = "normal" if self.dist == "orthogonal" else self.dist')
        body.append(f"    {bias}")
    return [*lines, *indented(body, 4)]


def _forward(plan: Plan) -> list[str]:
    head = ["def forward(self, x: Tensor) -> Tensor:"]
    body: list[str] = []
    bias = ""
    if plan.has_bias:
        bias = ", self.bias"
        if plan.has_bias_scale or plan.model.optimizer.name == "muon":
            bias = ", bias"
            body.append("bias = self.bias")
            steps = []
            if plan.model.optimizer.name == "muon":
                steps.append("bias = bias.squeeze(-1)")
            if plan.has_bias_scale:
                steps.append("bias = bias if self.bias_scale == 1.0 else self.bias_scale * bias")
            body += ["if bias is not None:", *indented(steps, 4)]
    if plan.has_scale:
        body += [
            "if self.scale == 1.0:",
            f"    return F.linear(x, self.weight{bias})",
            "if self.scale_input:",
            f"    return F.linear(self.scale * x, self.weight{bias})",
        ]
        if plan.has_bias:
            name = bias.removeprefix(", ")
            # Not torch.add(..., alpha=...): inductor (2.13) makes an addmm of it and loses alpha.
            body += [
                "y = self.scale * F.linear(x, self.weight)",
                f"return y if {name} is None else y + {name}",
            ]
        else:
            body.append("return self.scale * F.linear(x, self.weight)")
    else:
        body.append(f"return F.linear(x, self.weight{bias})")
    return head + indented(body, 4)


def _draw(dists: frozenset[str]) -> list[str]:
    """``draw``: the distributions in use, each with entry deviation exactly ``std``."""
    known = {
        "uniform": [
            "bound = math.sqrt(3.0) * std",
            "tensor.uniform_(-bound, bound, generator=generator)",
        ],
        "trunc_normal": [
            "# Cut off at two deviations of the parent, which is wider than what is left of it.",
            f"parent = std / {TRUNCATED_STD}",
            "nn.init.trunc_normal_(tensor, 0.0, parent, -2 * parent, 2 * parent, generator)",
        ],
        "orthogonal": [
            "# Orthonormal rows (or columns) have entries of size 1 / sqrt(the longer side).",
            "# QR wants at least single precision; on the meta device there is nothing to draw.",
            "if tensor.is_meta:",
            "    return",
            "kind = torch.promote_types(tensor.dtype, torch.float32)",
            "matrix = torch.empty_like(tensor, dtype=kind)",
            "gain = std * math.sqrt(max(tensor.shape))",
            "tensor.copy_(nn.init.orthogonal_(matrix, gain, generator))",
        ],
    }
    arguments = [
        "tensor: Tensor",
        "std: float",
        "dist: str",
        "generator: torch.Generator | None = None",
    ]
    lines = [
        f"def draw({', '.join(arguments)}) -> None:",
        '    """Fill ``tensor`` with entries of mean 0 and standard deviation exactly ``std``."""',
        "    if std == 0.0:",
        "        tensor.zero_()",
    ]
    for name, body in known.items():
        if name in dists:
            lines += [f'    elif dist == "{name}":', *indented(body, 8)]
    return [*lines, "    else:", "        tensor.normal_(0.0, std, generator=generator)"]
