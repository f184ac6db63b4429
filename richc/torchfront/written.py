"""``--rich``: a chain of dense layers as a .rich file, exact; or what the language cannot say."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from richc.files import starts_with, write_file
from richc.pipeline import analyse
from richc.torchfront.chains import DenseStep, Unsaid, chain
from richc.torchfront.factory import Factory, Made, plain
from richc.torchfront.initials import Drawn, Initials
from richc.torchfront.measuring import quiet
from richc.torchfront.reading import power

_HEADER = "# Written by richc audit"
#: PyTorch's class -> the language's word, and its options with PyTorch's defaults.
_OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("sgd", {"momentum": 0.0, "nesterov": False}),
    "Adam": ("adam", {"betas": (0.9, 0.999), "amsgrad": False}),
    "AdamW": ("adamw", {"betas": (0.9, 0.999), "amsgrad": False}),
    "Lion": ("lion", {"betas": (0.9, 0.99)}),
    "SignSGD": ("signsgd", {"momentum": 0.0}),
}
#: How far numbers of double precision may be off after a few operations.
_EXACT = 1e-13
#: The largest denominator of a number that is meant; other numbers have all their digits.
_LONGEST = 10_000
#: Numerator times denominator: fractions with more are near to any number.
_MEANT = 10**9
#: Below it a number is an eps, of which PyTorch's 1e-8 is the unit.
_SMALL = 1e-4
_WORDS = set(
    "model width richness parameterization input optimizer loss train require with".split()
)


class _Seen(NamedTuple):
    """A network at one width."""

    layers: list[DenseStep]
    shapes: dict[str, tuple[int, ...]]
    drawn: dict[str, Drawn | None]
    #: Of every parameter's group; None for what does not train.
    groups: dict[str, dict[str, Any] | None]
    optimizer: str


def save(factory: str, widths: tuple[int, ...], path: Path, *, force: bool) -> None:
    """Write the .rich file of a factory's model.  Raises Unsaid, Refusal, OutputError."""
    text = written(Factory(factory), widths[:3])
    write_file(path, text.encode(), lambda p: starts_with(p, _HEADER.encode()), force=force)


def written(factory: Callable[[int, int], Made], widths: Sequence[int]) -> str:
    """The text of the .rich file, which has been checked.  Raises Unsaid and Refusal."""
    with quiet():
        seen = [_look(factory, width) for width in widths]
    text = "\n".join([*_lines(seen, list(widths)), ""])
    if analyse(text).is_unresolved:
        raise Unsaid("what was read is no model of the language")
    return text


def _look(factory: Callable[[int, int], Made], width: int) -> _Seen:
    initials = Initials()
    with initials:
        made = factory(width, 0)
    if len(made.optimizers) != 1 or len(made.steppers) != 1:
        raise Unsaid("several optimizers")
    named: dict[str, nn.Parameter] = {plain(n): p for n, p in made.model.named_parameters()}
    groups = {id(p): group for _, group in made.groups for p in group["params"]}
    return _Seen(
        chain(made),
        {name: tuple(p.shape) for name, p in named.items()},
        {name: initials.of(p) for name, p in named.items()},
        {name: groups.get(id(p)) if p.requires_grad else None for name, p in named.items()},
        type(made.optimizers[0]).__name__,
    )


def _lines(seen: list[_Seen], widths: list[int]) -> Iterator[str]:
    first = seen[0]
    if len({tuple((s.where, s.activation) for s in one.layers) for one in seen}) > 1:
        raise Unsaid("another width has other layers")
    if first.optimizer not in _OPTIMIZERS:
        raise Unsaid(f"the optimizer {first.optimizer}")
    lr = _common_rate(seen, widths)
    yield _HEADER
    yield "model net {"
    yield f"  width n = {widths[-1]}, base n0 = {widths[0]}"
    yield f"  input {first.shapes[first.layers[0].weight][1]}"
    names = _names([layer.where for layer in first.layers])
    for at, (name, layer) in enumerate(zip(names, first.layers, strict=True)):
        size = _dimension([one.shapes[layer.weight][0] for one in seen], widths)
        scales = [s.layers[at].scale for s in seen]
        items = list(_tensor(seen, widths, layer.weight, scales, lr, _dist(first, layer)))
        if layer.bias is not None:
            scales = [s.layers[at].bias_scale for s in seen]
            items.append(f"bias {{ {', '.join(_tensor(seen, widths, layer.bias, scales, lr))} }}")
        yield f"  {name}: dense -> {size} {{ {', '.join(items)} }}"
        if layer.activation is not None:
            yield f"  {layer.activation}"
    word, options = _OPTIMIZERS[first.optimizer]
    chosen = ", ".join([f"lr = {_number(lr)}", *_options(first, options)])
    yield f"  optimizer {word} {{ {chosen} }}"
    yield "}"


def _common_rate(seen: list[_Seen], widths: list[int]) -> float:
    """The optimizer's rate: where that can be, it and what multiplies it are short numbers."""
    groups = [
        g for g in zip(*(one.groups.values() for one in seen), strict=True) if g[0] is not None
    ]
    rates = [[float(g["lr"]) for g in found if g is not None] for found in groups]
    if not rates:
        raise Unsaid("nothing trains")
    powers = [power(found, widths) for found in rates if any(found)]
    for unit in (1, widths[0]):
        sizes = [
            found[0] / (widths[0] / unit) ** float(exponent)
            for found, exponent in zip(filter(any, rates), powers, strict=True)
            if exponent is not None
        ]
        if sizes and all(map(_exact, (*sizes, *(size / sizes[0] for size in sizes)))):
            return float(sizes[0])
    return float(max(found[0] for found in rates))


def _dist(first: _Seen, layer: DenseStep) -> str:
    """The distribution of a layer's weight and bias; biases of orthogonal layers are normal."""
    drawn = [first.drawn[name] for name in (layer.weight, layer.bias) if name is not None]
    weight, bias = (*(one.dist if one is not None and one.std else None for one in drawn), None)[:2]
    if weight is None:
        return bias or "normal"
    if bias not in (None, "normal" if weight == "orthogonal" else weight):
        raise Unsaid(f"`{layer.bias}` is drawn otherwise than `{layer.weight}`")
    return weight


def _tensor(
    seen: list[_Seen],
    widths: list[int],
    name: str,
    scales: list[float],
    lr: float,
    dist: str = "normal",
) -> Iterator[str]:
    """A weight's or bias's attributes; the layer's ``dist`` stands beside the weight's."""
    if any(scale != 1.0 for scale in scales):
        yield f"scale = {_expression(scales, widths, f'a multiplier of `{name}`')}"
    drawn = [one.drawn[name] for one in seen]
    known = [d for d in drawn if d is not None]
    if len(known) < len(drawn) or len({d.dist for d in known}) > 1:
        raise Unsaid(f"`{name}` is drawn from no distribution of the language")
    stds = [d.std for d in known]
    what = f"the std of `{name}`"
    shown, squared = _short(stds, widths), _short([std**2 for std in stds], widths)
    if shown is None and squared is not None:
        yield f"var = {squared}"
    else:
        yield f"std = {shown or _expression(stds, widths, what)}"
    if dist != "normal":
        yield f"dist = {dist}"
    groups = [one.groups[name] for one in seen]
    kept = [group for group in groups if group is not None]
    if len(kept) < len(groups):
        yield "frozen"
        return
    rates = [group["lr"] / lr for group in kept]
    yield f"lr = {_expression(rates, widths, f'the rate of `{name}`')}"
    for key, attribute in (("weight_decay", "decay"), ("eps", "eps")):
        values = [float(group.get(key) or 0.0) for group in kept]
        if any(values):
            yield f"{attribute} = {_expression(values, widths, f'{attribute} of `{name}`')}"


def _options(first: _Seen, options: dict[str, Any]) -> Iterator[str]:
    groups = [group for group in first.groups.values() if group is not None]
    for key, default in options.items():
        values = {group.get(key, default) for group in groups}
        if len(values) > 1:
            raise Unsaid(f"groups of another {key}")
        (value,) = values
        if value == default:
            continue
        if isinstance(value, tuple):
            yield f"{key} = ({', '.join(map(_number, value))})"
        else:
            yield f"{key} = {str(value).lower() if isinstance(value, bool) else _number(value)}"


def _dimension(sizes: list[int], widths: list[int]) -> str:
    exponent = power([float(size) for size in sizes], widths)
    if exponent == 0:
        return str(sizes[0])
    if exponent != 1:
        raise Unsaid(f"a size of {', '.join(map(str, sizes))} at the widths {widths}")
    factor = Fraction(sizes[0], widths[0])
    return "n" if factor == 1 else f"{factor}*n"


def _expression(values: list[float], widths: list[int], what: str) -> str:
    """A positive number times a power of n, or 0."""
    exponent = power(values, widths)
    if exponent is None and any(values):
        raise Unsaid(f"{what} is no power of the width")
    shown = _short(values, widths)
    return shown or f"{_number(values[0])} * (n / n0)^({exponent})"


def _short(values: list[float], widths: list[int]) -> str | None:
    """The same where its number is short."""
    exponent = power(values, widths)
    if exponent is None:
        return None if any(values) else "0"
    if exponent == 0:
        return _exact(values[0])
    alone = _exact(values[0] / widths[0] ** float(exponent))
    if alone is not None:
        return f"{alone} * n^({exponent})"
    based = _exact(values[0])
    return None if based is None else f"{based} * (n / n0)^({exponent})"


def _number(value: float) -> str:
    """A number in full, or as it is meant."""
    return _exact(value) or format(value, ".17g")


def _exact(value: float) -> str | None:
    """A number, or the square root of one, that is short; the shortest.  An eps has its unit."""
    if 0 < value < _SMALL:
        times = _exact(value / 1e-8) if value >= 1e-8 * _SMALL else None
        return None if times is None else f"1e-8 * {times}"
    for size, form in ((value, "{}"), (value * value, "sqrt({})")):
        near = Fraction(size).limit_denominator(_LONGEST)
        is_short = near.numerator * near.denominator <= _MEANT
        if near and is_short and math.isclose(float(near), size, rel_tol=_EXACT):
            short = format(size, ".10g")
            is_decimal = "e" not in short and Fraction(short) == near
            return form.format(short if is_decimal else near)
    return None


def _names(places: list[str]) -> list[str]:
    """Names for layers: their modules', where the language can have them."""
    found: list[str] = []
    for number, place in enumerate(places):
        name = re.sub(r"\W", "_", place).strip("_")
        usable = name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
        taken = name in found or name in _WORDS or hasattr(nn.Module, name)
        found.append(name if usable and not taken else f"layer{number + 1}")
    return found
