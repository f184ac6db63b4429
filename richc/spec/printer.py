"""A model back as a text that needs no inference: the inverse of reading and resolving.

Resolving the text gives an equal model, with these exceptions:

- places in the source, naturally;
- ``parameterization`` and ``gauge``: they say where omitted attributes come from, and none are
  omitted here.  What they declared stays: the richness has a statement of its own;
- the names of a repeated statement's layers, where inference made them so different that no one
  block says them all: equal neighbours then become statements of their own, so that ``body.0`` and
  ``body.1`` are ``body_0`` and ``body_1``.  What a file can write in one block stays in one,
  because it differs by powers of ``fan_in`` only.

Left out is what the language never infers: a decay of zero, normal entries, biases and options of
``train`` that are not there.  A width of 1 lets inference reach exponents beyond those that a text
may hold; such a model prints, and its text is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise

from richc.algebra.formula import rich_formula
from richc.algebra.monomial import ONE, Monomial, symbol
from richc.spec.activation import Activation
from richc.spec.infer import dim_monomial
from richc.spec.model import (
    Claim,
    Dim,
    Layer,
    Model,
    Optimizer,
    Requirement,
    Tensor,
    Train,
)
from richc.spec.names import MAX_NAME

#: Blocks that would make a longer line get a line for each item.
_LINE_LENGTH = 100

Formula = Callable[[Monomial], str]


def print_models(models: Iterable[Model]) -> str:
    """A file of these models."""
    return "\n".join(print_model(model) for model in models)


def print_model(model: Model) -> str:
    """One model, everything about it written out."""
    symbols = model.symbols

    def formula(value: Monomial) -> str:
        return rich_formula(value, symbols)

    lines = [_width(model)]
    if model.depth is not None:
        base = model.depth.base_symbol
        based = "" if base is None else f", base {base} = {model.depth.base}"
        lines.append(f"depth {model.depth.symbol} = {model.depth.value}{based}")
    if model.richness is not None:
        within = ""
        if model.interval is not None:
            low, high = model.interval
            within = f" in [{low}, {high}]"
        lines.append(f"richness r = {model.richness}{within}, gamma = {_number(model.gamma)}")
    lines.append(f"input {'tokens ' if model.is_token_input else ''}{model.input_dim}")
    from richc.spec.block_printer import BlockPrinter

    lines += BlockPrinter(model, formula).lines()
    for optimizer in model.optimizers:
        lines += statement_of(f"optimizer {optimizer.name}", _options(optimizer, formula))
    lines.append(f"loss {model.loss}")
    if model.train != Train():
        lines += statement_of("train", _train(model.train))
    if model.features:
        lines.append(f"with {', '.join(model.features)}")
    lines += [_requirement(requirement) for requirement in model.requirements]
    return "\n".join([f"model {model.name} {{", *(f"  {line}" for line in lines), "}", ""])


def _width(model: Model) -> str:
    declared = f"width {model.width_symbol} = {model.width}"
    if model.base_symbol is None:
        return declared
    return f"{declared}, base {model.base_symbol} = {model.base_width}"


def statement_of(head: str, items: Sequence[str]) -> list[str]:
    """A statement with its block, on one line if there is room."""
    line = f"{head} {{ {', '.join(items)} }}"
    if len(line) + 2 <= _LINE_LENGTH:
        return [line]
    return [f"{head} {{", *(f"  {item}" for item in items), "}"]


def statements(
    name: str, layers: Sequence[Layer], formula: Formula, width: str, taken: set[str]
) -> Iterator[str]:
    """One statement for these layers, or one for each run of equal ones, under free names."""
    items = shared_items(layers, formula)
    if items is not None:
        count = None if layers[0].position is None else len(layers)
        yield from _layer_statement(name, count, layers[0], items, width)
        return
    for _, equal in groupby(layers, key=_content):
        run = list(equal)
        free = _free_name(name, run[0].position or 0, taken)
        taken.add(free)
        items = shared_items(run, formula)
        assert items is not None  # Equal layers share everything.
        yield from _layer_statement(free, len(run) if len(run) > 1 else None, run[0], items, width)


def _layer_statement(
    name: str, count: int | None, layer: Layer, items: Sequence[str], width: str
) -> list[str]:
    repeat = "" if count is None else f"[{count}]"
    lines = statement_of(f"{name}{repeat}: {layer.kind} -> {layer.fan_out.words(width)}", items)
    if layer.activation is not None:
        lines.append(activation_words(layer.activation))
    return lines


def _free_name(statement: str, position: int, taken: set[str]) -> str:
    """``body_0``, or the like of it that no other statement has."""
    suffix = f"_{position}"
    while (name := statement[: MAX_NAME - len(suffix)] + suffix) in taken:
        suffix = f"_{suffix}"
    return name


def _content(layer: Layer) -> tuple[Tensor, Tensor | None, str]:
    """What a block has to say of a layer; all else follows from its place in the stack."""
    bias = None if layer.bias is None else layer.bias._replace(places=())
    return layer.weight._replace(places=()), bias, layer.dist


def shared_items(layers: Sequence[Layer], formula: Formula) -> list[str] | None:
    """The items of one block for all these layers, None where there is no such block."""
    first = layers[0]
    fan_ins = [layer.fan_in for layer in layers]
    weight = _tensor([layer.weight for layer in layers], "fan_in", fan_ins, formula)
    if weight is None or any(layer.dist != first.dist for layer in layers):
        return None
    items = list(weight)
    if first.dist != "normal":
        items.append(f"dist = {first.dist}")
    biases = [layer.bias for layer in layers if layer.bias is not None]
    if biases:
        if len(biases) != len(layers):
            return None
        own = _tensor(biases, "layer_fan_in", fan_ins, formula)
        if own is None:
            return None
        items.append(f"bias {{ {', '.join(own)} }}")
    return items


def _tensor(
    tensors: Sequence[Tensor], word: str, fan_ins: Sequence[Dim], formula: Formula
) -> list[str] | None:
    """The attributes that these tensors share, None where some attribute has no one formula."""
    first = tensors[0]
    alike = (first.frozen, first.eps is None, first.optimizer)
    if any((t.frozen, t.eps is None, t.optimizer) != alike for t in tensors):
        return None
    columns = {
        "scale": [t.scale for t in tensors],
        "std": [t.std for t in tensors],
        "lr": [t.lr for t in tensors],
        "decay": [t.decay for t in tensors],
        "eps": [t.eps for t in tensors if t.eps is not None],
    }
    items: list[str] = []
    for name, values in columns.items():
        if not values or (name == "decay" and all(value.is_zero for value in values)):
            continue
        value = _one_formula(values, word, fan_ins)
        if value is None:
            return None
        items.append(f"{name} = {formula(value)}")
    # A rate of zero says so already.
    if first.frozen and not first.lr.is_zero:
        items.append("frozen")
    if first.optimizer is not None:
        items.append(f"optimizer = {first.optimizer}")
    return items


def _one_formula(values: Sequence[Monomial], word: str, fan_ins: Sequence[Dim]) -> Monomial | None:
    """The value that all have, or ``rest * fan_in^p`` where that gives each layer its own.

    ``word`` is what the file calls the layers' fan-ins there.
    """
    if len(set(values)) == 1:
        return values[0]
    pairs = [(value, dim_monomial(dim)) for value, dim in zip(values, fan_ins, strict=True)]
    if any(value.is_zero for value in values):
        return None
    for (value, fan_in), (other_value, other_fan_in) in pairwise(pairs):
        of_fan_in = fan_in.over(other_fan_in)
        if of_fan_in == ONE:
            continue
        base, exponent = of_fan_in.powers[0]
        power = value.over(other_value).exponent(base).times(1 / exponent.const)
        rests = {value.over(fan_in.power(power)) for value, fan_in in pairs}
        return rests.pop().times(symbol(word, power)) if len(rests) == 1 else None
    return None


def activation_words(activation: Activation) -> str:
    if activation.slope is None:
        return activation.name
    return f"{activation.name}({_number(activation.slope)})"


def _options(optimizer: Optimizer, formula: Formula) -> list[str]:
    values = {name: _option(value) for name, value in optimizer.options}
    return [f"{name} = {text}" for name, text in {"lr": formula(optimizer.lr), **values}.items()]


def _option(value: Fraction | bool | str | tuple[Fraction, ...]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return f"({', '.join(map(_number, value))})"
    return _number(value)


def _number(value: Fraction) -> str:
    """A plain number, as a decimal where that is exact; no powers, which may not stand here."""
    if value.denominator != 1 and Fraction(decimal := repr(float(value))) == value:
        return decimal
    return str(value)


def _train(train: Train) -> list[str]:
    quoted = ("data", "target")
    return [
        f'{name} = "{value}"' if name in quoted else f"{name} = {_option(value)}"
        for name, value in train._asdict().items()
        if value is not None
    ]


def _requirement(requirement: Requirement) -> str:
    if requirement.kind == Claim.EQUIVALENT:
        return f'require equivalent "{requirement.value}"'
    if requirement.kind == Claim.DEPTH:
        return f"require {requirement.value}"
    if requirement.kind != Claim.POINT:
        return f"require {requirement.kind} {requirement.value}"
    if requirement.value != "rich":
        return f"require {requirement.value}"
    return f"require rich(r = {requirement.richness})"
