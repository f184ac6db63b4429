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


def rates(plan: Plan) -> list[str]:
    """What the learning rate of each optimizer is called."""
    return [RATE, *(f"{optimizer.name}_{RATE}" for optimizer in plan.optimizers[1:])]


def group_lines(plan: Plan) -> list[str]:
    """The body of ``param_groups``."""
    first, *others = plan.optimizers
    if not others:
        about = "Every trainable tensor, in one group each; the optimizer's"
        return _table(plan, first, f"{about} ``lr`` is by default {plan.formula(first.lr)}.")
    return [
        '"""Every trainable tensor, in one group each, with the rates of its optimizer."""',
        _rates_line(plan),
        f"return [{', '.join(f'*{groups}' for groups in _calls_of_groups(plan))}]",
    ]


def groups_of_each(plan: Plan) -> list[str]:
    """Of several optimizers the methods that make the groups of one."""
    lines = []
    for optimizer in plan.optimizers:
        default = plan.formula(optimizer.lr)
        about = f"What {optimizer.law.title} trains; its ``lr`` is by default {default}."
        head = f"def {optimizer.name}_groups(self, {RATE}: float | None = None)"
        lines += [f"{head} -> list[dict[str, Any]]:"]
        lines += [*indented(_table(plan, optimizer, about), 4), ""]
    return lines


def default_rates(plan: Plan) -> list[str]:
    """How ``base_rates`` begins."""
    defaults = [plan.formula(optimizer.lr) for optimizer in plan.optimizers]
    values = f"({', '.join(rates(plan))}), [{', '.join(defaults)}]"
    return [*binding(defaults), f"rates, defaults = {values}"]


def _rates_line(plan: Plan) -> str:
    names = ", ".join(rates(plan))
    return f"{names} = self.{BASE_RATES}({names})"


def _calls_of_groups(plan: Plan) -> list[str]:
    """The groups of each optimizer, by the method that makes them."""
    if len(plan.optimizers) == 1:
        return [f"self.param_groups({RATE})"]
    pairs = zip(plan.optimizers, rates(plan), strict=True)
    return [f"self.{optimizer.name}_groups({rate})" for optimizer, rate in pairs]


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


def optimizer_lines(plan: Plan, *, sharded: bool, scaled: bool) -> list[str]:
    """The body of ``make_optimizer``.

    ``sharded``: the parameters may be DTensors; ``scaled``: losses may be, by a GradScaler.
    """
    if not plan.groups:
        return ['raise ValueError("there is nothing to train: every layer is frozen")']
    fused = [o.law for o in plan.optimizers if o.law.torch.is_fused]
    whole = [law.title for law in fused if not law.torch.is_fused_on_shards]
    lines = []
    if whole and (sharded or scaled):
        lacking = " or ".join(whole)
        lines += [f"first = next(self.parameters())  # sharded, they have no fused {lacking}"]
        is_plain = 'first.device.type in ("cpu", "cuda") and not hasattr(first, "device_mesh")'
        lines += [f"fused = {is_plain}"]
    elif fused:
        kernels = 'next(self.parameters()).device.type in ("cpu", "cuda")'
        lines += [f"fused = {kernels}  # None: as torch chooses"]
    if any(optimizer.law.torch.caps_rate for optimizer in plan.optimizers):
        lines += ["# torch caps every rate at 1 / sqrt(step): long runs flatten large ones."]
    pairs = zip(plan.optimizers, _calls_of_groups(plan), strict=True)
    made, *others = [_made(optimizer, groups, sharded=sharded) for optimizer, groups in pairs]
    if others:
        return [*lines, _rates_line(plan), f"return SideBySide({', '.join([made, *others])})"]
    skips = plan.optimizers[0].law.torch.undefined_by_skips
    if not scaled or not skips or not plan.optimizers[0].option(skips):
        return [*lines, f"return {made}"]
    return [
        *lines,
        f"optimizer = {made}",
        "# GradScaler is to skip a step that overflows: the fused kernel, which would skip it too,",
        "# leaves the first momenta as whatever was in memory.",
        'vars(optimizer)["_step_supports_amp_scaling"] = False',
        "return optimizer",
    ]


def _made(optimizer: Optimizer, groups: str, *, sharded: bool) -> str:
    """An optimizer's constructor."""
    torch = optimizer.law.torch
    fused = ["fused=fused or None"] if torch.is_fused else []
    arguments = [groups, *_options(optimizer), *torch.arguments, *fused]
    made = f"{torch.name}({', '.join(arguments)})"
    return f"Whole({made})" if sharded and not torch.steps_on_shards else made


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
