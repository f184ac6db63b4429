"""The text of parameter groups and of the optimizer built on them.

Update laws are torch.optim's own where it has them, so that the emitted program runs the fused or
foreach kernels that users know; lion and signsgd come as parts (``richc/emit/parts``).
"""

from __future__ import annotations

from richc.emit.plan import BASE_RATES, RATE, ParameterGroup, Plan, binding
from richc.emit.text import indented, literal, number
from richc.optimizers.knobs import Kind, Value
from richc.optimizers.law import Epsilon
from richc.spec.model import Optimizer

#: Options that are printed even at their default: what people look for first.
_ALWAYS = ("momentum", "betas")


def rates_of(plan: Plan) -> list[str]:
    """What the learning rate of each optimizer is called."""
    return [RATE, *(f"{optimizer.name}_{RATE}" for optimizer in plan.optimizers[1:])]


def optimizer_fills(plan: Plan, *, sharded: bool, scaled: bool) -> dict[str, list[str]]:
    """What stands in the parts, by place.

    ``sharded``: the parameters may be DTensors; ``scaled``: losses may be, by a GradScaler.
    """
    (first, *others), defaults = plan.optimizers, [plan.formula(o.lr) for o in plan.optimizers]
    rates = rates_of(plan)
    methods = [f"{optimizer.name}_groups" for optimizer in plan.optimizers]
    methods = methods if others else ["param_groups"]
    groups = [f"self.{method}({rate})" for method, rate in zip(methods, rates, strict=True)]
    names = ", ".join(rates)
    arguments = ", ".join(["self", *(f"{rate}: float | None = None" for rate in rates)])
    asked = [f"{names} = self.{BASE_RATES}({names})"]
    about = f"that of {first.law.title}; the other rates keep their ratio to it"
    pairs = zip(rates, [about, *(f"that of {other.law.title}" for other in others)], strict=True)
    return {
        "each": [
            line
            for method, optimizer in zip(methods, plan.optimizers, strict=True)
            for line in _method(plan, method, optimizer)
        ][:-1],
        "base_rates": [f"def {BASE_RATES}({arguments}) -> list[float]:"],
        "defaults": [*binding(defaults), f"rates, defaults = ({names}), [{', '.join(defaults)}]"],
        "param_groups": [f"def param_groups({arguments}) -> list[dict[str, Any]]:"],
        "rates": asked,
        "groups": [f"return [{', '.join(f'*{each}' for each in groups)}]"],
        "optimizer": [f"def make_optimizer({arguments}) -> torch.optim.Optimizer:"],
        "made": _made(plan, groups, asked, sharded=sharded, scaled=scaled),
        "options": [
            f'add("--{rate.replace("_", "-")}", type=number, help="{about}")'
            for rate, about in pairs
        ],
    }


def _method(plan: Plan, method: str, optimizer: Optimizer) -> list[str]:
    """That makes the groups of one optimizer, with a line behind it."""
    about = f"What {optimizer.law.title} trains; its"
    if method == "param_groups":
        about = "Every trainable tensor, in one group each; the optimizer's"
    about = f"{about} ``lr`` is by default {plan.formula(optimizer.lr)}."
    head = f"def {method}(self, {RATE}: float | None = None) -> list[dict[str, Any]]:"
    return [head, *indented(_table(plan, optimizer, about), 4), ""]


def _table(plan: Plan, optimizer: Optimizer, about: str) -> list[str]:
    """The groups of one optimizer: a table of them, and what each row becomes."""
    default, groups = plan.formula(optimizer.lr), plan.groups_of(optimizer)
    if not groups:
        return [f'"""{about}"""', "return []"]
    made = [{RATE: plan.formula(g.lr), **_knobs(plan, g)} for g in groups]
    own = [knob for knob in made[0] if knob == RATE or len({row[knob] for row in made}) > 1]
    columns = ["name", *(_COLUMNS.get(knob, knob) for knob in own), "params"]
    rows = [
        f"({', '.join([literal(g.name), *(row[knob] for knob in own), _listed(g.params)])})"
        for g, row in zip(groups, made, strict=True)
    ]
    values = made[0] | {knob: _COLUMNS.get(knob, knob) for knob in own}
    becomes = ", ".join(f'"{knob}": {value}' for knob, value in values.items())
    group = f'{{"name": name, "params": params, {becomes}}}'
    shape = _shape_correction(optimizer)
    return [
        f'"""{about}"""',
        *binding([*rows, becomes, default]),
        f"{RATE} = {default} if {RATE} is None else {RATE}",
        f"rows: list[tuple[Any, ...]] = [{', '.join(rows)}]",
        f"{'groups =' if shape else 'return'} [{group} for {', '.join(columns)} in rows]",
        *shape,
    ]


#: What a knob of a group is called in the table.
_COLUMNS = {RATE: "rate", "weight_decay": "decay"}


def _listed(params: tuple[str, ...]) -> str:
    """A list of tensors; of a lone ``*(... for ...)`` it is a comprehension."""
    is_one = len(params) == 1 and params[0].startswith("*(")
    return f"[{params[0][2:-1] if is_one else ', '.join(params)}]"


def _knobs(plan: Plan, group: ParameterGroup) -> dict[str, str]:
    """Beside the rate."""
    knobs = {"weight_decay": plan.formula(group.decay)}
    law = group.optimizer.law
    if law.eps == Epsilon.WEIGHT:
        # Without a floor the update is proportional to RMS(W), as the checker assumes.
        floor = "0.0" if group.eps is None else plan.formula(group.eps)
        knobs["eps"] = f"({law.torch.gradient_floor}, {floor})"
    elif group.eps is not None and law.eps is not None:
        knobs["eps"] = plan.formula(group.eps)
    return knobs


def _shape_correction(optimizer: Optimizer) -> list[str]:
    """Shape factors that torch lacks, as a correction of rate and decay: exact."""
    torch = optimizer.law.torch
    factor = optimizer.shape_factor
    if factor is None or factor not in torch.excess:
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
        "return groups",
    ]


def _made(
    plan: Plan, groups: list[str], asked: list[str], *, sharded: bool, scaled: bool
) -> list[str]:
    """The body of ``make_optimizer``."""
    if not plan.groups:
        return ['raise ValueError("there is nothing to train: every layer is frozen")']
    spellings = [optimizer.law.torch for optimizer in plan.optimizers]
    fused = [o.law for o in plan.optimizers if o.law.torch.is_fused]
    whole = [law.title for law in fused if not law.torch.is_fused_on_shards]
    lines, made = [], []
    if whole and (sharded or scaled):
        lacking = " or ".join(whole)
        lines += [f"first = next(self.parameters())  # sharded, they have no fused {lacking}"]
        is_plain = 'first.device.type in ("cpu", "cuda") and not hasattr(first, "device_mesh")'
        lines += [f"fused = {is_plain}"]
    elif fused:
        kernels = 'next(self.parameters()).device.type in ("cpu", "cuda")'
        lines += [f"fused = {kernels}  # None: as torch chooses"]
    if any(torch.caps_rate for torch in spellings):
        lines += ["# torch caps every rate at 1 / sqrt(step): long runs flatten large ones."]
    for optimizer, torch, its in zip(plan.optimizers, spellings, groups, strict=True):
        kernel = ["fused=fused or None"] if torch.is_fused else []
        arguments = ", ".join([its, *_options(optimizer), *torch.arguments, *kernel])
        made.append(f"{torch.name}({arguments})")
        if sharded and not torch.steps_on_shards:
            made[-1] = f"Whole({made[-1]})"
    if len(made) > 1:
        return [*lines, *asked, f"return SideBySide({', '.join(made)})"]
    skips = spellings[0].undefined_by_skips
    if not scaled or not skips or not plan.optimizers[0].option(skips):
        return [*lines, f"return {made[0]}"]
    return [
        *lines,
        f"optimizer = {made[0]}",
        "# GradScaler is to skip a step that overflows: the fused kernel, which would skip it too,",
        "# leaves the first momenta as whatever was in memory.",
        'vars(optimizer)["_step_supports_amp_scaling"] = False',
        "return optimizer",
    ]


def _options(optimizer: Optimizer) -> list[str]:
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
        return str(value)
    if isinstance(value, tuple):
        return f"({', '.join(number(v) for v in value)})"
    if isinstance(value, str):
        return literal(value)
    return str(int(value)) if kind == Kind.COUNT else number(value)
