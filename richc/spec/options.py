"""Options of ``optimizer`` and ``train``: which there are, and what values they take."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from richc.algebra.monomial import ZERO, Monomial, number
from richc.diagnostics import Span
from richc.optimizers import law
from richc.optimizers.knobs import Kind, Knob
from richc.optimizers.knobs import Value as OptionValue
from richc.spec import messages
from richc.spec.expressions import Rejected, Scope, attribute, expression_of, rational
from richc.spec.items import Report, collect
from richc.spec.model import Optimizer, Train
from richc.syntax import tree
from richc.words import FEATURES, OPTIMIZERS

PRECISIONS = ("fp32", "bf16", "fp16")
SCHEDULES = ("constant", "cosine", "linear")
TRAIN_OPTIONS = ("data", "target", "steps", "batch", "precision", "schedule", "warmup", "seed")

MAX_INTEGER = 2**53


class Knobs(NamedTuple):
    """What an ``optimizer`` statement says of all layers."""

    optimizer: Optimizer
    decay: Monomial
    #: None when the file does not say.
    eps: Monomial | None


def integer(node: tree.Value, what: str, low: int, high: int = MAX_INTEGER) -> int:
    """A plain integer in a range.  Raises Rejected."""
    bounds = f"from {low} to {high:,}" if high < MAX_INTEGER else f"of at least {low}"
    wrong = messages.bad_value(f"{what} is an integer {bounds}", node.span)
    if isinstance(node, tree.String | tree.List | tree.Name):
        raise Rejected(wrong)
    value = rational(node, what)
    if value.denominator != 1 or not low <= value <= high:
        raise Rejected(wrong)
    return int(value)


def optimizer(node: tree.Optimizer, scope: Scope, report: Report) -> Knobs | None:
    """Read an ``optimizer`` statement; None where it cannot be used."""
    name = node.name.text
    if name not in OPTIMIZERS:
        report(messages.unknown_word("optimizer", name, node.name.span, OPTIMIZERS))
        return None
    known = law(name)
    allowed = ("lr", *known.options, "weight_decay")
    items = node.block.items if node.block else ()
    given, fine = _options(items, allowed, f"option of {name}", report)
    lr, decay, eps = number(known.lr), ZERO, None
    plain: dict[str, OptionValue] = {}
    places: list[tuple[str, Span]] = []
    for option, item in given.items():
        places.append((option, item.value.span))
        try:
            knob = None if option in ("lr", "weight_decay") else known.knob(option)
            if knob is not None and knob.kind != Kind.EXPRESSION:
                plain[option] = _plain(knob, item.value)
                continue
            value = _expression(item, scope, option != "lr")
        except Rejected as rejected:
            report(rejected.diagnostic)
            if rejected.at_large_width is None:
                fine = False
                continue
            value = rejected.at_large_width
        if option == "lr":
            lr = value
        elif option == "weight_decay":
            decay = value
        else:
            eps = value
    for knob in known.knobs:
        if fine and knob.needs and plain.get(knob.name) and not plain.get(knob.needs):
            needs = f"`{knob.name}` needs a `{knob.needs}`"
            report(messages.bad_value(needs, given[knob.name].span))
            fine = False
        if knob.required and knob.name not in given:
            help = f"{knob.required}: {', '.join(knob.shown)}"
            whole = f"`optimizer {name}`"
            report(messages.missing_attribute(f"`{knob.name}`", whole, node.name.span, help))
            fine = False
    if not fine:
        return None
    optimizer = Optimizer(name, lr, tuple(sorted(plain.items())), node.span, tuple(places))
    return Knobs(optimizer, decay, eps)


def train(node: tree.Train, report: Report) -> Train:
    """Read a ``train`` statement."""
    given, _ = _options(node.block.items, TRAIN_OPTIONS, "option of train", report)
    values: dict[str, object] = {}
    for option, item in given.items():
        try:
            values[option] = _train_value(option, item.value)
        except Rejected as rejected:
            report(rejected.diagnostic)
    return Train(**values)  # type: ignore[arg-type]  # each value was made for its field


def features(node: tree.With, report: Report) -> tuple[str, ...]:
    """Read a ``with`` statement: the features in the language's order."""
    for name in node.features:
        if name.text not in FEATURES:
            report(messages.unknown_word("feature", name.text, name.span, FEATURES))
    written = {name.text for name in node.features}
    return tuple(name for name in FEATURES if name in written)


def _train_value(option: str, value: tree.Value) -> object:
    if option == "data":
        if not isinstance(value, tree.String) or not value.text:
            raise Rejected(messages.bad_value('`data` is a path: data = "digits.csv"', value.span))
        return value.text
    if option == "target":
        if isinstance(value, tree.String | tree.Name):
            return value.text
        raise Rejected(messages.bad_value("`target` is a column or key", value.span))
    if option == "precision":
        return _word(value, "precision", PRECISIONS)
    if option == "schedule":
        return _word(value, "schedule", SCHEDULES)
    if option == "warmup":
        return _warmup(value)
    return integer(value, f"`{option}`", 0 if option == "seed" else 1)


def _warmup(value: tree.Value) -> Fraction:
    """A number of steps, or a share of all steps below 1.  Raises Rejected."""
    wrong = messages.bad_value(
        "`warmup` is a number of steps, or a share of them: `100`, `0.05`", value.span
    )
    if isinstance(value, tree.String | tree.List):
        raise Rejected(wrong)
    share = rational(value, "`warmup`")
    if share < 0 or share > MAX_INTEGER or (share > 1 and share.denominator != 1):
        raise Rejected(wrong)
    return share


def _plain(knob: Knob, value: tree.Value) -> OptionValue:
    """What is no expression.  Raises Rejected."""
    name, kind = knob.name, knob.kind
    if kind == Kind.WORD:
        return _word(value, name.replace("_", " "), tuple(knob.words), knob.shown)
    if kind == Kind.TRUTH:
        return _word(value, f"value of {name}", ("true", "false")) == "true"
    if kind == Kind.COUNT:
        return Fraction(integer(value, f"`{name}`", 1, 99))
    if kind == Kind.PAIR:
        if not isinstance(value, tree.List) or len(value.items) != 2:
            raise Rejected(
                messages.bad_value(f"`{name}` are two numbers: {name} = (0.9, 0.999)", value.span)
            )
        return tuple(_fraction(item, f"each of `{name}`") for item in value.items)
    if isinstance(value, tree.String | tree.List):
        raise Rejected(messages.bad_value(f"`{name}` is a number", value.span))
    if kind == Kind.NOT_POSITIVE:
        power = rational(value, f"`{name}`")
        if power > 0:
            raise Rejected(messages.bad_value(f"`{name}` is at most 0", value.span))
        return power
    return _fraction(value, f"`{name}`")


def _fraction(node: tree.Expression, what: str) -> Fraction:
    value = rational(node, what)
    if not 0 <= value < 1:
        raise Rejected(
            messages.bad_value(
                f"{what} is at least 0 and below 1, the same at every width", node.span
            )
        )
    return value


def _word(
    value: tree.Value, kind: str, known: tuple[str, ...], shown: tuple[str, ...] | None = None
) -> str:
    if not isinstance(value, tree.Name):
        raise Rejected(messages.bad_value(f"one of {', '.join(known)} is expected", value.span))
    if value.text not in known:
        raise Rejected(messages.unknown_word(kind, value.text, value.span, known, shown))
    return value.text


def _expression(item: tree.Option, scope: Scope, may_be_zero: bool) -> Monomial:
    name, node = item.name.text, expression_of(item)
    value = attribute(name, node, scope)
    if value.is_zero and not may_be_zero:
        raise Rejected(messages.zero(f"the optimizer's `{name}`", node.span))
    return value


def _options(
    items: tuple[tree.Item, ...], known: tuple[str, ...], kind: str, report: Report
) -> tuple[dict[str, tree.Option], bool]:
    """Items that all have the form ``name = value``, and whether all could be taken."""
    found, fine = collect(items, known, kind, report)
    given: dict[str, tree.Option] = {}
    for name, item in found.items():
        if isinstance(item, tree.Option):
            given[name] = item
        else:
            report(messages.bad_value(f"`{name}` needs a value: `{name} = ...`", item.span))
            fine = False
    return given, fine


def named_arguments(
    options: tuple[tree.Option, ...], known: tuple[str, ...], what: str, report: Report
) -> dict[str, tree.Option]:
    """``name = value`` options after a comma in a statement, by name."""
    return _options(options, known, what, report)[0]
