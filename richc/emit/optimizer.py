"""The text of parameter groups and of the optimizer built on them.

Update laws are torch.optim's own where it has them, so that the emitted program runs the fused or
foreach kernels that users know; lion and signsgd come as parts (``richc/emit/parts``).
"""

from __future__ import annotations

from fractions import Fraction

from richc.emit.plan import RATE, Group, Plan
from richc.emit.text import Items, literal, number, wrapped

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


def group_lines(plan: Plan) -> list[str]:
    """The body of ``param_groups``: a table of groups, and what each row becomes."""
    default = plan.formula(plan.model.optimizer.lr)
    about = (
        '"""Every trainable tensor, in one group each; '
        f'the optimizer\'s ``lr`` is by default {default}."""'
    )
    if not plan.groups:
        return [about, "return []"]
    made = [{RATE: plan.formula(g.lr), **_knobs(plan, g)} for g in plan.groups]
    alike = {knob for knob in made[0] if knob != RATE and len({row[knob] for row in made}) == 1}
    own = [knob for knob in made[0] if knob not in alike]
    columns = ["name", *(_COLUMNS.get(knob, knob) for knob in own), "params"]
    rows = [
        Items(
            "(",
            [
                literal(group.name),
                *(row[knob] for knob in own),
                # A lone `*(... for ...)` in a list is a comprehension.
                Items("[", _listed(group.params), "]", hugs=True),
            ],
            ")",
        )
        for group, row in zip(plan.groups, made, strict=True)
    ]
    values = {
        knob: made[0][knob] if knob in alike else _COLUMNS.get(knob, knob) for knob in made[0]
    }
    becomes = ", ".join(f'"{knob}": {value}' for knob, value in values.items())
    whole = f'{{"name": name, "params": params, {becomes}}}'
    shape = _shape_correction(plan)
    table = wrapped(Items("rows: list[tuple[Any, ...]] = [", rows, "]"), 0)
    comprehension = [
        "groups = [" if shape else "return [",
        f"    {whole}",
        f"    for {', '.join(columns)} in rows",
        "]",
    ]
    return [
        about,
        *plan.binding([Items("", rows, "").flat(), becomes, default]),
        f"{RATE} = {default} if {RATE} is None else {RATE}",
        *table,
        *comprehension,
        *shape,
        *(["return groups"] if shape else []),
    ]


#: What a knob of a group is called in the table.
_COLUMNS = {RATE: "rate", "weight_decay": "decay"}


def _listed(params: tuple[str, ...]) -> tuple[str, ...]:
    return (params[0][2:-1],) if len(params) == 1 and params[0].startswith("*(") else params


def _knobs(plan: Plan, group: Group) -> dict[str, str]:
    """Beside the rate."""
    knobs = {"weight_decay": plan.formula(group.decay)}
    if plan.model.optimizer.name == "adafactor":
        # Without a floor the update is proportional to RMS(W), as the checker assumes.
        floor = "0.0" if group.eps is None else plan.formula(group.eps)
        knobs["eps"] = f"({_ADAFACTOR_EPS1}, {floor})"
    elif group.eps is not None and plan.model.optimizer.name in _HAS_EPSILON:
        knobs["eps"] = plan.formula(group.eps)
    return knobs


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


def optimizer_lines(plan: Plan, *, sharded: bool, scaled: bool) -> list[str]:
    """The body of ``make_optimizer``.

    ``sharded``: the parameters may be DTensors; ``scaled``: losses may be, by a GradScaler.
    """
    name = plan.model.optimizer.name
    wrapper = "Whole" if sharded and name in UNSHARDED else _CLASSES[name][0]
    if not plan.groups:
        return ['raise ValueError("there is nothing to train: every layer is frozen")']
    arguments, body = [f"self.param_groups({RATE})", *_options(plan)], []
    if name == "sgd" and scaled:
        body += [
            "first = next(self.parameters())  # sharded, they have no fused SGD",
            'fused = first.device.type in ("cpu", "cuda") and not hasattr(first, "device_mesh")',
        ]
        arguments.append("fused=fused or None")
    elif name in _FUSED:
        body.append('fused = next(self.parameters()).device.type in ("cpu", "cuda")')
        arguments.append("fused=fused or None")
    elif name == "adafactor":
        body.append("# torch caps every rate at 1 / sqrt(step): long runs flatten large ones.")
        arguments.append("foreach=True")
    made = Items(f"{wrapper}(", arguments, ")", hugs=True)
    if name != "sgd" or not scaled or not plan.model.optimizer.option("momentum"):
        return [*body, *wrapped(made._replace(opening=f"return {made.opening}"), 0)]
    return [
        *body,
        *wrapped(made._replace(opening=f"optimizer = {made.opening}"), 0),
        "# GradScaler is to skip a step that overflows: the fused kernel, which would skip it too,",
        "# leaves the first momenta as whatever was in memory.",
        'vars(optimizer)["_step_supports_amp_scaling"] = False',
        "return optimizer",
    ]


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
