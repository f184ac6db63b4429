"""The emitted file's docstring: verdict, violations, and the table of the layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from richc.algebra.formula import rich_formula
from richc.algebra.monomial import BASE_WIDTH, GAMMA, WIDTH, Base, Monomial, symbol
from richc.emit.plan import RATE, LayerRun, Plan, PlannedBlock, dim, is_frozen
from richc.emit.text import LINE_LENGTH, indented, prose
from richc.spec.model import Tensor

_HEADS = ("layer", "shape", "multiplier", "init std", "learning rate")


def docstring(decided: Plan, summary: str, violations: Sequence[str]) -> list[str]:
    """The lines, quotes included."""
    lines = [f'"""{decided.class_name}: a multilayer perceptron of width n.']
    lines += ["", *prose(summary)] if summary else []
    if violations:
        lines += ["", "WARNING. Compiled although the specification violates what makes it scale:"]
        for violation in violations:
            lines += prose("- " + violation, hanging="  ")
    lines += ["", *indented(_table(decided), 4), "", *prose(_legend(decided))]
    return [*lines, '"""']


def _legend(decided: Plan) -> str:
    model = decided.model
    rate = rich_formula(model.optimizer.lr, decided.symbols)
    known = [f"At n = {model.width}, lr = {rate} ({model.optimizer.name})"]
    if "n0" in decided.used or ("alpha" in decided.used and decided.symbols.base):
        known.append(f"n0 = {model.base_width} (where that was tuned)")
    if "alpha" in decided.used:
        ratio = "(n / n0)" if decided.symbols.base else "n"
        known.append(f"alpha = gamma * {ratio}^r")
    return f"{', '.join(known)}."


def _table(decided: Plan) -> list[str]:
    """One row per weight and bias, neighbours that are equal sharing one: formula = number.

    Where that would be too wide, numbers stand below their formulas.
    """
    rows = []
    for block in decided.blocks:
        for run in block.runs:
            layer, name = run.layer, _span(block, run)
            outputs = dim(layer.fan_out)
            rows.append(
                ([name, f"{dim(layer.fan_in)} -> {outputs}"], _values(decided, layer.weight))
            )
            if layer.bias is not None:
                rows.append(([f"{name}.bias", outputs], _values(decided, layer.bias)))
    joined = [
        [*names, *(f"{text} = {value}" if value else text for text, value in values)]
        for names, values in rows
    ]
    lines = _aligned(joined)
    if max(map(len, lines)) + 4 <= LINE_LENGTH:
        return lines
    apart: list[list[str]] = []
    for names, values in rows:
        apart.append([*names, *(text for text, _ in values)])
        if any(value for _, value in values):
            apart.append(["", "", *(value and f"= {value}" for _, value in values)])
    return _aligned(apart)


def _aligned(rows: list[list[str]]) -> list[str]:
    rows = [list(_HEADS), *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _values(decided: Plan, tensor: Tensor) -> list[tuple[str, str]]:
    """Multiplier, deviation and rate: formula, and its number where it is not one itself."""
    rate = symbol(RATE).times(tensor.lr)
    found = [_value(decided, tensor.scale), _value(decided, tensor.std), _value(decided, rate)]
    if is_frozen(tensor):
        found[2] = ("frozen", "")
    return found


def _value(decided: Plan, value: Monomial) -> tuple[str, str]:
    text = rich_formula(value, decided.symbols)
    model = decided.model
    known: dict[Base, float] = {
        WIDTH: math.log2(model.width),
        BASE_WIDTH: math.log2(model.base_width or 1),
        GAMMA: math.log2(model.gamma),
    }
    richness = float(model.richness or 0)
    known[RATE] = model.optimizer.lr.log2(known, richness)
    try:
        size = f"{2.0 ** value.log2(known, richness):.4g}"
    except OverflowError:
        return text, ""
    return text, "" if size == text or value.is_zero else size


def _span(block: PlannedBlock, run: LayerRun) -> str:
    if not block.is_list:
        return block.name
    if run.end - run.start == 1:
        return f"{block.name}.{run.start}"
    return f"{block.name}.{run.start}-{run.end - 1}"
