"""The short table of a clean model: every layer's multiplier, std and rate."""

from __future__ import annotations

from richc.pipeline import ModelResult
from richc.scaling.formula import power, rich_formula
from richc.scaling.monomial import Monomial
from richc.spec.model import Layer, Tensor

HEADER = ("layer", "multiplier", "", "std", "", "rate", "")
_LONGEST = 44


def table(model: ModelResult) -> list[str]:
    """Aligned lines: formulas, each with its exponent at the declared richness."""
    spec = model.spec
    symbols = spec.symbols

    def cell(value: Monomial) -> tuple[str, str]:
        formula = rich_formula(value, symbols)
        if len(formula) > _LONGEST:
            formula = formula[: _LONGEST - 3] + "..."
        return formula, power(model.context.size(value))

    def row(name: str, tensor: Tensor) -> tuple[str, ...]:
        rate = ("frozen", "0") if tensor.frozen else cell(tensor.lr)
        if not tensor.frozen:
            total = spec.optimizer.lr.times(tensor.lr)
            rate = (rate[0], power(model.context.size(total)))
        return (name, *cell(tensor.scale), *cell(tensor.std), *rate)

    rows: list[tuple[str, ...]] = [HEADER]
    for group in _groups(spec.layers):
        first = group[0]
        rows.append(row(_name(group), first.weight))
        if first.bias is not None:
            rows.append(row("  bias", first.bias))
    widths = [max(len(r[column]) for r in rows) for column in range(len(HEADER))]
    lines = []
    for cells in rows:
        parts = [f"{text:<{width}}" for text, width in zip(cells, widths, strict=True)]
        lines.append("  ".join(parts).rstrip())
    return lines


def _groups(layers: tuple[Layer, ...]) -> list[list[Layer]]:
    """Neighbours of one statement with the same attributes, together."""
    groups: list[list[Layer]] = []
    for layer in layers:
        last = groups[-1][-1] if groups else None
        if last is not None and (last.statement, last.weight, last.bias) == (
            layer.statement,
            layer.weight,
            layer.bias,
        ):
            groups[-1].append(layer)
        else:
            groups.append([layer])
    return groups


def _name(group: list[Layer]) -> str:
    first, last = group[0], group[-1]
    return first.name if first is last else f"{first.name} ... {last.position}"
