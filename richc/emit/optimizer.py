"""The text of parameter groups and of the optimizer built on them.

Update laws are torch.optim's own where it has them, so that the emitted program runs the fused or
foreach kernels that users know; lion and signsgd come as parts (``richc/emit/parts``).
"""

from __future__ import annotations

from richc.emit.plan import BASE_RATES, RATE, ParameterGroup, Plan
from richc.emit.text import Items, indented, literal, number, wrapped
from richc.optimizers.knobs import Kind, Value
from richc.optimizers.law import Epsilon
from richc.spec.model import Optimizer

#: Options that are printed even at their default: what people look for first.
_ALWAYS = ("momentum", "betas")

_OPTION_WORDS = {True: "True", False: "False"}


def group_lines(plan: Plan, optimizer: Optimizer) -> list[str]:
    """The groups of one optimizer: a table of them, and what each row becomes."""
    default, groups = plan.formula(optimizer.lr), plan.groups_of(optimizer)
    about = (
        '"""Every trainable tensor, in one group each; '
        f'the optimizer\'s ``lr`` is by default {default}."""'
    )
    if len(plan.optimizers) > 1:
        title = optimizer.law.title
        about = f'"""What {title} trains; its ``lr`` is by default {default}."""'
    if not groups:
        return [about, "return []"]
    made = [{RATE: plan.formula(g.lr), **_knobs(plan, g)} for g in groups]
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
        for group, row in zip(groups, made, strict=True)
    ]
    values = {
        knob: made[0][knob] if knob in alike else _COLUMNS.get(knob, knob) for knob in made[0]
    }
    becomes = ", ".join(f'"{knob}": {value}' for knob, value in values.items())
    whole = f'{{"name": name, "params": params, {becomes}}}'
    shape = _shape_correction(optimizer)
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
    ]


def optimizer_lines(plan: Plan, *, sharded: bool, scaled: bool) -> list[str]:
    """The body of ``make_optimizer``.

    ``sharded``: the parameters may be DTensors; ``scaled``: losses may be, by a GradScaler.
    """
    optimizer = plan.optimizers[0]
    if not plan.groups:
        return ['raise ValueError("there is nothing to train: every layer is frozen")']
    groups = f"self.param_groups({RATE})"
    body, made = _made(optimizer, groups, sharded=sharded, scaled=scaled)
    skips = optimizer.law.torch.undefined_by_skips
    if not scaled or not skips or not optimizer.option(skips):
        return [*body, *wrapped(made._replace(opening=f"return {made.opening}"), 0)]
    return [
        *body,
        *wrapped(made._replace(opening=f"optimizer = {made.opening}"), 0),
        "# GradScaler is to skip a step that overflows: the fused kernel, which would skip it too,",
        "# leaves the first momenta as whatever was in memory.",
        'vars(optimizer)["_step_supports_amp_scaling"] = False',
        "return optimizer",
    ]


def several_lines(plan: Plan, *, sharded: bool, scaled: bool) -> list[str]:
    """The methods of a network with several optimizers: the groups of each, and all of them."""
    lines: list[str] = []
    made, before = [], []
    for optimizer, rate in zip(plan.optimizers, rates(plan), strict=True):
        name = f"{optimizer.name}_groups"
        head = f"def {name}(self, {RATE}: float | None = None) -> list[dict[str, Any]]:"
        lines += [head, *indented(group_lines(plan, optimizer), 4), ""]
        body, call = _made(optimizer, f"self.{name}({rate})", sharded=sharded, scaled=scaled)
        before += [line for line in body if line not in before]
        made.append(call)
    names = ", ".join(rates(plan))
    groups = [
        f"*self.{optimizer.name}_groups({rate})"
        for optimizer, rate in zip(plan.optimizers, rates(plan), strict=True)
    ]
    arguments = ["self", *(f"{rate}: float | None = None" for rate in rates(plan))]

    def head_of(name: str, returned: str) -> list[str]:
        return wrapped(Items(f"def {name}(", arguments, f") -> {returned}:", hugs=True), 0, "", 4)

    if any(line.startswith("first = ") for line in before):
        before = [line for line in before if not line.startswith("fused = next(")]
    defaults = [plan.formula(optimizer.lr) for optimizer in plan.optimizers]
    titles = " and ".join(optimizer.law.title for optimizer in plan.optimizers)
    return [
        *lines,
        *head_of(BASE_RATES, "list[float]"),
        f'    """Of {titles}: what is not given keeps its ratio to ``{RATE}``."""',
        *indented(plan.binding(defaults), 4),
        *wrapped(Items("defaults = [", defaults, "]"), 4, margin=4),
        f"    factor = 1.0 if {RATE} is None else {RATE} / defaults[0]",
        f"    given = zip(({names}), defaults, strict=True)",
        "    return [factor * default if rate is None else rate for rate, default in given]",
        "",
        *head_of("param_groups", "list[dict[str, Any]]"),
        '    """Every trainable tensor, in one group each, with the rates of its optimizer."""',
        f"    {names} = self.{BASE_RATES}({names})",
        *wrapped(Items("return [", groups, "]"), 4, margin=4),
        "",
        *head_of("make_optimizer", "torch.optim.Optimizer"),
        '    """The optimizers, side by side as one; build it once the model is on its device."""',
        *indented(before, 4),
        f"    {names} = self.{BASE_RATES}({names})",
        *wrapped(Items("return SideBySide(", made, ")"), 4, margin=4),
    ]


def rates(plan: Plan) -> list[str]:
    """What the learning rate of each optimizer is called."""
    return [RATE, *(f"{optimizer.name}_{RATE}" for optimizer in plan.optimizers[1:])]


def _made(
    optimizer: Optimizer, groups: str, *, sharded: bool, scaled: bool
) -> tuple[list[str], Items]:
    """An optimizer's constructor, and the lines that have to stand before it."""
    law = optimizer.law
    torch = law.torch
    arguments, body = [groups, *_options(optimizer), *torch.arguments], []
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
    made = Items(f"{torch.name}(", arguments, ")", hugs=True)
    if sharded and not torch.steps_on_shards:
        made = Items("Whole(", [made], ")", hugs=True)
    return body, made


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
        return _OPTION_WORDS[value]
    if isinstance(value, tuple):
        return f"({', '.join(number(v) for v in value)})"
    if isinstance(value, str):
        return literal(value)
    return str(int(value)) if kind == Kind.COUNT else number(value)
