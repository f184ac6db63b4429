"""The short table of a clean model: every layer's multiplier, std, rate, and what else scales."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

from richc.algebra.formula import power, rich_formula
from richc.algebra.monomial import GAMMA, Monomial
from richc.optimizers.shape_factor import SHAPE_FACTORS
from richc.pipeline import ModelResult
from richc.report.style import columns
from richc.spec.arrangement import residuals
from richc.spec.declared_values import Values, place, values
from richc.spec.model import Layer, Model, Tensor

HEADER = ("layer", "multiplier", "", "std", "", "rate", "")
#: Longer formulas are cut.
_LONGEST = 44


class KnobCell(NamedTuple):
    """How one knob of a tensor scales: a formula, and its size at the declared richness."""

    formula: str
    size: str


def knobs(model: ModelResult, tensor: Tensor) -> tuple[KnobCell, KnobCell, KnobCell]:
    """A tensor's multiplier, std and rate; the rate's size counts the optimizer's in."""
    if tensor.frozen:
        rate = KnobCell("frozen", "0")
    else:
        rate = _knob(model, tensor.lr, model.spec.optimizer_of(tensor).lr.times(tensor.lr))
    return _knob(model, tensor.scale), _knob(model, tensor.std), rate


def _knob(model: ModelResult, value: Monomial, whole: Monomial | None = None) -> KnobCell:
    """The formula of ``value``, and the size of ``whole``."""
    spec = model.spec
    size = power(model.context.size(value if whole is None else whole))
    if spec.richness is None or spec.interval is not None:
        return KnobCell(rich_formula(value, spec.symbols._replace(apart=True)), size)
    symbols = spec.symbols._replace(alpha=False, apart=True)
    return KnobCell(rich_formula(_at_richness(value, spec), symbols), size)


def _at_richness(value: Monomial, model: Model) -> Monomial:
    """With the declared richness in the place of r, and without a gamma that is 1."""
    if model.richness is None:
        return value
    found = value.at(model.richness)
    return found.without(GAMMA) if model.gamma == 1 else found


def table(model: ModelResult) -> list[str]:
    """Aligned lines: formulas, each with its exponent."""
    tensors = {tensor for layer in model.spec.layers for tensor in layer.tensors}
    decays = any(not tensor.decay.is_zero for tensor in tensors)
    #: Of the same epsilon everywhere, whatever the width, there is nothing to say.
    has_eps = len({tensor.eps for tensor in tensors}) > 1 or any(
        tensor.eps is not None and not tensor.eps.exponent().is_zero for tensor in tensors
    )
    header = [*HEADER, *(("decay", "") if decays else ()), *(("eps", "") if has_eps else ())]

    def row(name: str, tensor: Tensor) -> tuple[str, ...]:
        found = list(knobs(model, tensor))
        found += [_knob(model, tensor.decay)] if decays else []
        if has_eps:
            found.append(KnobCell("-", "") if tensor.eps is None else _knob(model, tensor.eps))
        cells = [name]
        for formula, size in found:
            is_long = len(formula) > _LONGEST
            cells += [formula[: _LONGEST - 3] + "..." if is_long else formula, size]
        return tuple(cells)

    lines = _lines(model, header, row)
    for block, _ in residuals(model.spec.arrangement):
        scale, skip = _knob(model, block.scale), _knob(model, block.skip)
        skipped = "" if skip.formula == "1" else f", the skip times {skip.formula} ~ {skip.size}"
        lines.append(f"the branch of {block.name} is times {scale.formula} ~ {scale.size}{skipped}")
    shapes = dict.fromkeys(o.shape_factor for o in model.spec.optimizers if o.shape_factor)
    for shape in shapes:
        which = "every update" if len(model.spec.optimizers) == 1 else "every update by muon"
        lines.append(f"{which} is times {SHAPE_FACTORS[shape]}: shape factor {shape}")
    return lines


def numbers(model: ModelResult) -> list[str]:
    """Aligned lines: every layer's values at the declared width and richness."""

    def row(name: str, tensor: Tensor) -> tuple[str, ...]:
        return (name, *values(model.spec, tensor).words)

    head = f"at {place(model.spec)}, with the whole rates:"
    return [head, *_lines(model, ("layer", *Values._fields), row)]


def _lines(
    model: ModelResult, header: Sequence[str], row: Callable[[str, Tensor], Sequence[str]]
) -> list[str]:
    """A row for each group of layers, and for its biases, aligned."""
    rows = [header]
    for group in groups(model.spec.layers):
        first = group[0]
        if first.is_bare:
            continue
        name = f"{group_name(group)}.gain" if first.kind.is_norm else group_name(group)
        if not (first.kind.is_norm and first.weight.frozen):
            rows.append(row(name, first.weight))
        if first.bias is not None:
            rows.append(row("  bias", first.bias))
    return columns(rows)


def groups(layers: tuple[Layer, ...]) -> list[list[Layer]]:
    """Neighbours of one statement with the same attributes, together."""
    alike = groupby(layers, key=lambda layer: (layer.statement, layer.weight, layer.bias))
    return [list(group) for _, group in alike]


def group_name(group: Sequence[Layer]) -> str:
    first, last = group[0], group[-1]
    return first.name if first is last else f"{first.name} ... {last.position}"
