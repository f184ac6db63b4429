"""The text of parameter groups and of the optimizer built on them.

Update laws are torch.optim's own where it has them, so that the emitted program runs the fused or
foreach kernels that users know; lion and signsgd come as parts (``richc/emit/parts``).
"""

from __future__ import annotations

from richc.emit.plan import RATE, ParameterGroup, Plan
from richc.emit.text import Items, literal, number, wrapped
from richc.optimizers.knobs import Kind, Value
from richc.optimizers.law import Epsilon

#: Options that are printed even at their default: what people look for first.
_ALWAYS = ("momentum", "betas")

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


def _knobs(plan: Plan, group: ParameterGroup) -> dict[str, str]:
    """Beside the rate."""
    knobs = {"weight_decay": plan.formula(group.decay)}
    law = plan.model.optimizer.law
    if law.eps == Epsilon.WEIGHT:
        # Without a floor the update is proportional to RMS(W), as the checker assumes.
        floor = "0.0" if group.eps is None else plan.formula(group.eps)
        knobs["eps"] = f"({law.torch.gradient_floor}, {floor})"
    elif group.eps is not None and law.eps is not None:
        knobs["eps"] = plan.formula(group.eps)
    return knobs


def _shape_correction(plan: Plan) -> list[str]:
    """Shape factors that torch lacks, as a correction of rate and decay: exact."""
    torch = plan.model.optimizer.law.torch
    factor = plan.model.optimizer.shape_factor
    if factor is None or factor not in torch.excess or not plan.groups:
        return []
    wanted, ratio = torch.excess[factor]
    return [
        "for group in groups:",
        f"    # {torch.name} multiplies the update, not the decay, by",
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
    law = plan.model.optimizer.law
    torch = law.torch
    wrapper = "Whole" if sharded and not torch.steps_on_shards else torch.name
    if not plan.groups:
        return ['raise ValueError("there is nothing to train: every layer is frozen")']
    arguments, body = [f"self.param_groups({RATE})", *_options(plan), *torch.arguments], []
    if torch.is_fused:
        arguments.append("fused=fused or None")
    if torch.is_fused and (sharded or scaled) and not torch.is_fused_on_shards:
        body += [
            f"first = next(self.parameters())  # sharded, they have no fused {law.title}",
            'fused = first.device.type in ("cpu", "cuda") and not hasattr(first, "device_mesh")',
        ]
    elif torch.is_fused:
        body.append('fused = next(self.parameters()).device.type in ("cpu", "cuda")')
    if torch.caps_rate:
        body.append("# torch caps every rate at 1 / sqrt(step): long runs flatten large ones.")
    made = Items(f"{wrapper}(", arguments, ")", hugs=True)
    skips = torch.undefined_by_skips
    if not scaled or not skips or not plan.model.optimizer.option(skips):
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
    law = optimizer.law
    given = dict(optimizer.options)
    unknown = given.keys() - set(law.options)
    if unknown:
        raise ValueError(f"{optimizer.name} has no option {', '.join(sorted(unknown))}")
    items, renamed = [], []
    for knob in law.knobs:
        value = given.get(knob.name, knob.default)
        spelt = law.torch.words.get(knob.name)
        if spelt is not None:
            renamed.append(spelt[str(value)])
        elif value is not None and (value != knob.default or knob.name in _ALWAYS):
            items.append(f"{knob.name}={_option(value, knob.kind)}")
    return [*items, *renamed]


def _option(value: Value, kind: Kind) -> str:
    if isinstance(value, bool):
        return _OPTION_WORDS[value]
    if isinstance(value, tuple):
        return f"({', '.join(number(v) for v in value)})"
    if isinstance(value, str):
        return literal(value)
    return str(int(value)) if kind == Kind.COUNT else number(value)
