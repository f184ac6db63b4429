"""The emitted file's docstring: verdict, violations, and the table of the layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from richc.algebra.formula import rich_formula
from richc.algebra.monomial import ONE, Base, Monomial, symbol
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
    lines = _aligned(rows)
    if max(map(len, lines)) + 4 <= LINE_LENGTH:
        return lines
    apart: list[list[str]] = []
    for cells in ([cell.partition(" = ") for cell in row] for row in rows):
        apart.append([formula for formula, _, _ in cells])
        numbers = [size and f"= {size}" for _, _, size in cells]
        apart += [numbers] if any(numbers) else []
    return _aligned(apart)


def _rows(decided: Plan, steps: Iterable[Step]) -> Iterator[list[str]]:
    """A row for each weight, bias and gain, and for the factor of a branch or of its stream."""
    for step in steps:
        if isinstance(step, PlannedModule):
            residual = step.residual
            rows = _rows(decided, step.steps)
            if residual is None:
                yield from rows
                continue
            yield [residual.name, "branch", _value(decided, residual.scale)]
            if residual.is_leaky:
                yield ["  skip", "stream", "1 - 1 / L"]
            elif residual.skip != ONE:
                yield ["  skip", "stream", _value(decided, residual.skip)]
            for name, *others in rows:
                yield [f"  {name.removeprefix(f'{residual.name}.')}", *others]
        elif isinstance(step, PlannedBlock):
            for run in step.runs:
                yield from _of_layer(decided, step, run)


def _of_layer(decided: Plan, block: PlannedBlock, run: LayerRun) -> Iterator[list[str]]:
    layer, name, outputs = run.layer, block.label(run.start, run.end), dim(run.layer.fan_out)
    if not layer.kind.is_norm:
        yield [name, " -> ".join(shape(decided.model, layer)), *_values(decided, layer.weight)]
    elif not is_frozen(layer.weight):
        scale, _, *others = _values(decided, layer.weight)
        yield [f"{name}.gain", outputs, scale, "ones", *others]
    if layer.bias is not None:
        yield [f"{name}.bias", outputs, *_values(decided, layer.bias)]


def _aligned(rows: list[list[str]]) -> list[str]:
    columns = []
    for head, *cells in zip_longest(_HEADS[: max(map(len, rows))], *rows, fillvalue=""):
        width = max(map(len, (head, *cells)))
        columns.append([cell.ljust(width) for cell in (head, "-" * width, *cells)])
    return ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]


def _values(decided: Plan, tensor: Tensor) -> list[str]:
    """Multiplier, deviation and rate; behind them the optimizer, where there are several."""
    optimizer = decided.model.optimizer_of(tensor)
    known = [_value(decided, tensor.scale), _value(decided, tensor.std)]
    if is_frozen(tensor):
        return [*known, "frozen"]
    known.append(_value(decided, symbol(RATE).times(tensor.lr), optimizer.lr))
    return [*known, optimizer.name] if len(decided.optimizers) > 1 else known


def _value(decided: Plan, value: Monomial, lr: Monomial = ONE) -> str:
    """A formula, and its number where it is not one itself."""
    text = rich_formula(value, decided.symbols)
    known: dict[Base, float] = logs(decided.model)
    richness = float(decided.model.richness or 0)
    known[RATE] = lr.log2(known, richness)
    try:
        size = f"{2.0 ** value.log2(known, richness):.4g}"
    except OverflowError:
        return text
    return text if size == text or value.is_zero else f"{text} = {size}"
