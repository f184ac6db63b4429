"""The text of parameter groups and of the optimizer built on them.

Update laws are torch.optim's own where it has them, so that the emitted program runs the fused or
foreach kernels that users know; lion and signsgd come as parts (``richc/emit/parts``).
"""

from __future__ import annotations

from fractions import Fraction

from richc.emit.module import binding
from richc.emit.plan import RATE, Group, Plan
from richc.emit.text import Items, indented, literal, number, wrapped

#: optimizer -> (class, options it takes, in order, with their defaults)
_CLASSES: dict[str, tuple[str, dict[str, str]]] = {
    "sgd": ("torch.optim.SGD", {"momentum": "0.0", "dampening": "0.0", "nesterov": "False"}),
    "adam": ("torch.optim.Adam", {"betas": "(0.9, 0.999)", "amsgrad": "False"}),
    "adamw": ("torch.optim.AdamW", {"betas": "(0.9, 0.999)", "amsgrad": "False"}),
    "lion": ("Lion", {"betas": "(0.9, 0.99)"}),
    "signsgd": ("SignSGD", {"momentum": "0.0", "nesterov": "False"}),
    "adafactor": ("torch.optim.Adafactor", {"beta2_decay": "-0.8", "d": "1.0"}),
    "muon": ("torch.optim.Muon", {"momentum": "0.95", "nesterov": "True", "ns_steps": "5"}),
}

#: Options that are printed even at their default: what people look for first.
_ALWAYS = ("momentum", "betas")
_FUSED = ("sgd", "adam", "adamw")
#: What torch cannot step on the shards of a tensor: the part ``whole`` does.
UNSHARDED = {"adafactor": "torch.optim.Adafactor", "muon": "torch.optim.Muon"}
_HAS_EPSILON = ("adam", "adamw", "adafactor", "muon")

#: Adafactor's epsilon_1 floors the mean squared gradient; torch's default (1e-7 in fp32) is no
#: longer small at large width.  Its square must still be a normal number in fp32.
_ADAFACTOR_EPS1 = "1e-18"

_OPTION_WORDS = {True: "True", False: "False"}


def group_methods(plan: Plan, *, sharded: bool = False) -> list[str]:
    """The lines of the methods ``param_groups`` and ``make_optimizer``.

    ``sharded``: the parameters may be DTensors.
    """
    return [*_param_groups(plan), "", *_make_optimizer(plan, sharded)]


def functions(plan: Plan) -> list[str]:
    """Module-level twins of the methods, for people who prefer to import functions."""
    name = plan.class_name
    return [
        f"def param_groups(model: {name}, lr: float | None = None) -> list[dict[str, Any]]:",
        '    """The model\'s parameter groups: see the method."""',
        "    return model.param_groups(lr)",
        "",
        "",
        f"def make_optimizer(model: {name}, lr: float | None = None) -> torch.optim.Optimizer:",
        '    """The model\'s optimizer: see the method."""',
        "    return model.make_optimizer(lr)",
    ]


def _param_groups(plan: Plan) -> list[str]:
    groups = [_group(plan, group) for group in plan.groups]
    listed = Items("[", groups, "]")
    shape = _shape_correction(plan)
    default = plan.formula(plan.model.optimizer.lr)
    flat = listed.flat() + default
    if shape:
        tail = [*wrapped(listed._replace(opening="groups = ["), 0), *shape, "return groups"]
    else:
        tail = wrapped(listed._replace(opening="return ["), 0)
    body = [
        '"""Every trainable tensor in exactly one group, with its own rate.',
        "",
        f"``lr`` is the optimizer's rate; None stands for the specification's, {default}.",
        '"""',
        *binding(plan, [flat]),
        *([f"{RATE} = {default} if {RATE} is None else {RATE}"] if groups else []),
        *tail,
    ]
    return [
        f"def param_groups(self, {RATE}: float | None = None) -> list[dict[str, Any]]:",
        *indented(body, 4),
    ]


def _group(plan: Plan, group: Group) -> Items:
    # A lone `*(... for ...)` in a list is a comprehension.
    alone = len(group.params) == 1 and group.params[0].startswith("*(")
    params = Items('"params": [', (group.params[0][2:-1],) if alone else group.params, "]")
    items: list[str | Items] = [
        f'"name": {literal(group.name)}',
        params,
        f'"lr": {plan.formula(group.lr)}',
        f'"weight_decay": {plan.formula(group.decay)}',
    ]
    if plan.model.optimizer.name == "adafactor":
        # Without a floor the update is proportional to RMS(W), as the checker assumes.
        floor = "0.0" if group.eps is None else plan.formula(group.eps)
        items.append(f'"eps": ({_ADAFACTOR_EPS1}, {floor})')
    elif group.eps is not None and plan.model.optimizer.name in _HAS_EPSILON:
        items.append(f'"eps": {plan.formula(group.eps)}')
    return Items("{", items, "}")


def _shape_correction(plan: Plan) -> list[str]:
    """Shape factors of Muon that torch lacks, as a correction of rate and decay: exact."""
    if plan.model.optimizer.name != "muon" or not plan.groups:
        return []
    factor = plan.model.optimizer.option("shape_factor")
    if factor == "none":
        wanted, ratio = "1", "fan_out / fan_in"
    elif factor == "spectral":
        wanted, ratio = "sqrt(fan_out / fan_in)", "fan_in / fan_out"
    else:
        return []
    return [
        "for group in groups:",
        "    # torch.optim.Muon multiplies the update, not the decay, by",
        f"    # sqrt(max(1, fan_out / fan_in)); the specification's factor is {wanted}.",
        '    fan_out, fan_in = group["params"][0].shape',
        f"    excess = math.sqrt(max(1.0, {ratio}))",
        '    group["lr"] /= excess',
        '    group["weight_decay"] *= excess',
    ]


def _make_optimizer(plan: Plan, sharded: bool) -> list[str]:
    name = plan.model.optimizer.name
    wrapper = "Whole" if sharded and name in UNSHARDED else _CLASSES[name][0]
    head = [f"def make_optimizer(self, {RATE}: float | None = None) -> torch.optim.Optimizer:"]
    body = ['"""The optimizer; build it once the model is on its device."""']
    if not plan.groups:
        body.append('raise ValueError("there is nothing to train: every layer is frozen")')
        return head + indented(body, 4)
    arguments = [f"self.param_groups({RATE})", *_options(plan)]
    if name == "sgd":
        body += [
            "# One fused kernel per group where torch has it, batched kernels elsewhere: sharded",
            "# parameters, which are spread over a device mesh, have no fused SGD.",
            "first = next(self.parameters())",
            'fused = first.device.type in ("cpu", "cuda") and not hasattr(first, "device_mesh")',
        ]
        arguments += ["fused=fused", "foreach=not fused"]
    elif name in _FUSED:
        body += [
            "# One fused kernel per group where torch has it, batched kernels elsewhere.",
            'fused = next(self.parameters()).device.type in ("cpu", "cuda")',
        ]
        arguments += ["fused=fused", "foreach=not fused"]
    elif name == "adafactor":
        body.append("# torch caps every rate at 1 / sqrt(step): long runs flatten large ones.")
        arguments.append("foreach=True")
    made = Items(f"{wrapper}(", arguments, ")")
    if name == "sgd" and plan.model.optimizer.option("momentum"):
        body += [
            *wrapped(made._replace(opening=f"optimizer = {made.opening}"), 0),
            "# A GradScaler is to skip a step that overflowed itself: if the first one is left to",
            "# the fused kernel to skip, momenta begin as whatever was in memory.",
            'vars(optimizer)["_step_supports_amp_scaling"] = False',
            "return optimizer",
        ]
    else:
        body += wrapped(made._replace(opening=f"return {made.opening}"), 0)
    return head + indented(body, 4)


def _options(plan: Plan) -> list[str]:
    optimizer = plan.model.optimizer
    known = _CLASSES[optimizer.name][1]
    given = dict(optimizer.options)
    shape_factor = given.pop("shape_factor", None)
    unknown = given.keys() - known.keys()
    if unknown:
        raise ValueError(f"{optimizer.name} has no option {', '.join(sorted(unknown))}")
    items = []
    for option, default in known.items():
        text = _option(given[option], option) if option in given else default
        if text != default or option in _ALWAYS:
            items.append(f"{option}={text}")
    if shape_factor == "match_rms_adamw":
        # torch's includes a further constant factor of 0.2, as in its source (Moonshot AI 2025).
        items.append('adjust_lr_fn="match_rms_adamw"')
    elif optimizer.name == "muon":
        items.append('adjust_lr_fn="original"')
    return items


def _option(value: Fraction | bool | str | tuple[Fraction, ...], option: str) -> str:
    if isinstance(value, bool):
        return _OPTION_WORDS[value]
    if isinstance(value, tuple):
        return f"({', '.join(number(v) for v in value)})"
    if isinstance(value, str):
        return literal(value)
    return str(int(value)) if option == "ns_steps" else number(value)
