"""The emitted file's docstring: verdict, violations, and the table of the layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from richc.algebra.formula import rich_formula
from richc.algebra.monomial import (
    ONE,
    Base,
    Monomial,
    symbol,
)
from richc.emit.plan import (
    RATE,
    LayerRun,
    Plan,
    PlannedBlock,
    PlannedModule,
    Step,
    dim,
    is_frozen,
    shape,
)
from richc.emit.text import LINE_LENGTH, indented, prose
from richc.spec.declared_values import logs
from richc.spec.model import Tensor

_HEADS = ("layer", "shape", "multiplier", "init std", "learning rate", "optimizer")
#: A row's first cells, the values behind them, and a last cell.
_Row = tuple[list[str], list[tuple[str, str]], list[str]]


def docstring(decided: Plan, summary: str, violations: Sequence[str]) -> list[str]:
    """The lines, quotes included."""
    depth = " and depth L" if decided.model.depth is not None else ""
    what = "a multilayer perceptron"
    if not decided.model.is_chain:
        is_residual = any(module.residual for module in decided.modules)
        what = "a residual network" if is_residual else "a network"
    lines = [f'"""{decided.class_name}: {what} of width n{depth}.']
    lines += ["", *prose(summary)] if summary else []
    if violations:
        lines += ["", "WARNING. Compiled although the specification violates what makes it scale:"]
        for violation in violations:
            lines += prose("- " + violation, hanging="  ")
    lines += ["", *indented(_table(decided), 4), "", *prose(_legend(decided))]
    return [*lines, '"""']


def _legend(decided: Plan) -> str:
    model = decided.model
    known = [f"At n = {model.width}"]
    if model.depth is not None:
        known.append(f"L = {model.depth.value}")
    known += [
        f"lr = {rich_formula(optimizer.lr, decided.symbols)} ({optimizer.name})"
        for optimizer in decided.optimizers
    ]
    if decided.bases:
        known += [f"{base} = {value}" for base, value in decided.bases.items()]
        known[-1] += " (where that was tuned)"
    if "alpha" in decided.used:
        ratio = "(n / n0)" if decided.symbols.base else "n"
        known.append(f"alpha = gamma * {ratio}^r")
    return f"{', '.join(known)}."


def _table(decided: Plan) -> list[str]:
    """One row per weight and bias, neighbours that are equal sharing one: formula = number.

    Where that would be too wide, numbers stand below their formulas.
    """
    rows = list(_rows(decided, decided.steps))
    joined = [
        [*names, *(f"{text} = {value}" if value else text for text, value in values), *last]
        for names, values, last in rows
    ]
    lines = _aligned(joined)
    if max(map(len, lines)) + 4 <= LINE_LENGTH:
        return lines
    apart: list[list[str]] = []
    for names, values, last in rows:
        apart.append([*names, *(text for text, _ in values), *last])
        if any(value for _, value in values):
            apart.append(["", "", *(value and f"= {value}" for _, value in values)])
    return _aligned(apart)


def _rows(decided: Plan, steps: Iterable[Step]) -> Iterator[_Row]:
    """A row for each weight, bias and gain, and for what a branch or its stream is multiplied by.

    A row's cells are names, then formulas with their numbers.
    """
    for step in steps:
        if isinstance(step, PlannedModule):
            residual = step.residual
            rows = _rows(decided, step.steps)
            if residual is None:
                yield from rows
                continue
            yield [residual.name, "branch"], [_value(decided, residual.scale)], []
            if residual.is_leaky:
                yield ["  skip", "stream"], [("1 - 1 / L", "")], []
            elif residual.skip != ONE:
                yield ["  skip", "stream"], [_value(decided, residual.skip)], []
            for (name, *others), values, last in rows:
                yield [f"  {name.removeprefix(f'{residual.name}.')}", *others], values, last
        elif isinstance(step, PlannedBlock):
            for run in step.runs:
                yield from _of_layer(decided, step, run)


def _of_layer(decided: Plan, block: PlannedBlock, run: LayerRun) -> Iterator[_Row]:
    layer, name, outputs = run.layer, block.label(run.start, run.end), dim(run.layer.fan_out)
    if not layer.kind.is_norm:
        yield [name, " -> ".join(shape(decided.model, layer))], *_values(decided, layer.weight)
    elif not is_frozen(layer.weight):
        values, last = _values(decided, layer.weight)
        yield [f"{name}.gain", outputs], [values[0], ("ones", ""), values[2]], last
    if layer.bias is not None:
        yield [f"{name}.bias", outputs], *_values(decided, layer.bias)


def _aligned(rows: list[list[str]]) -> list[str]:
    columns = max(map(len, rows))
    rows = [[*row, *[""] * (columns - len(row))] for row in [list(_HEADS[:columns]), *rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(columns)]
    rows.insert(1, ["-" * width for width in widths])
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _values(decided: Plan, tensor: Tensor) -> tuple[list[tuple[str, str]], list[str]]:
    """Multiplier, deviation and rate: formula, and its number where it is not one itself.

    Behind them the optimizer, where there are several.
    """
    optimizer = decided.model.optimizer_of(tensor)
    rate = _value(decided, symbol(RATE).times(tensor.lr), optimizer.lr)
    if is_frozen(tensor):
        rate = ("frozen", "")
    last = [optimizer.name] if len(decided.optimizers) > 1 and not is_frozen(tensor) else []
    return [_value(decided, tensor.scale), _value(decided, tensor.std), rate], last


def _value(decided: Plan, value: Monomial, lr: Monomial = ONE) -> tuple[str, str]:
    text = rich_formula(value, decided.symbols)
    model = decided.model
    known: dict[Base, float] = logs(model)
    richness = float(model.richness or 0)
    known[RATE] = lr.log2(known, richness)
    try:
        size = f"{2.0 ** value.log2(known, richness):.4g}"
    except OverflowError:
        return text, ""
    return text, "" if size == text or value.is_zero else size
