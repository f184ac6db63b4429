"""What a file says of its model, and what training sees of that."""

from __future__ import annotations

from itertools import groupby

from richc.algebra.formula import rich_formula
from richc.algebra.monomial import WIDTH, Monomial
from richc.optimizers.law import Epsilon, rate_powers
from richc.report.derivation.formulas import affine, span
from richc.report.derivation.sheet import Sheet
from richc.report.style import columns
from richc.rules.invariants import Invariants, invariants, rate_of
from richc.spec.declared_values import Values, place, values
from richc.spec.model import Layer, Tensor

_LONGEST = 26


def given(sheet: Sheet) -> None:
    spec, optimizer = sheet.spec, sheet.spec.optimizer.law
    sheet.head("What is given")
    bias = " (+ M'_l b_l)" if sheet.has_biases() else ""
    sheet.say(
        f"Layer l computes h_l = M_l W_l φ(h_{{l-1}}){bias}; h_{sheet.last + 1} is the output "
        "f. The multiplier is M ~ n^-a, W's entries start with std ~ n^-b, and its learning "
        "rate is ~ n^-c."
    )
    sheet.block(_table(sheet))
    sheet.say(" ".join(_remarks(sheet)))
    follows = optimizer.eps == Epsilon.GRADIENT and "eps" not in dict(spec.optimizer.places)
    eps = " (an eps that nobody writes follows the layer's gradient)" if follows else ""
    sheet.say(f"In numbers, at {place(spec)}, with the whole rates{eps}:")
    sheet.block(_numbers(sheet))
    sheet.say(f"{optimizer.title} {optimizer.moves}")
    sheet.say("So training sees only two numbers of a layer:")
    found = invariants(sheet.context)
    rate = _rate_law(sheet, found)
    sheet.block(
        [
            f"{'A = a + b':<{len(rate)}}  the size n^-A of M W at init",
            f"{rate}  its effective rate n^-C",
        ]
    )
    sheet.say(_gauge_move(sheet))
    if found.floors:
        sheet.say("RMS(W) ~ n^-R counts as the floor eps ~ n^-e where it is smaller.")
    for lines in found:
        sheet.show(lines)


def _rate_law(sheet: Sheet, found: Invariants) -> str:
    """``C = c + 2a``."""
    by_c, by_a, by_rms, by_kappa = rate_powers(sheet.spec.optimizer.law)
    text = ""
    parts = ((by_c, "c"), (by_a, "a"), (by_rms, "R" if found.floors else "b"), (-by_kappa, "κ"))
    for times, letter in parts:
        if times:
            sign = " - " if times < 0 else " + " if text else ""
            text += f"{sign}{'' if abs(times) == 1 else abs(times)}{letter}"
    return f"C = {text}"


def _gauge_move(sheet: Sheet) -> str:
    move = sheet.spec.optimizer.law.gauge_power
    rate = {0: "c unchanged", 1: "c - θ"}.get(move, f"c - {move}θ")
    return (
        f"A move a + θ, b - θ, {rate} of any layer keeps both: it is a change of gauge, and "
        "leaves the function the same at every step."
    )


def _remarks(sheet: Sheet) -> list[str]:
    spec = sheet.spec
    found = []
    if spec.width_symbol != WIDTH:
        found.append(f"n is the width, `{spec.width_symbol}` in the file.")
    if _holds_r(sheet):
        width = spec.width_symbol
        base = f"({width} / {spec.base_symbol})" if spec.base_symbol else width
        activity = f"gamma * {base}^r" if spec.gamma != 1 else f"{base}^r"
        found.append(f"Here r = {spec.richness}; alpha is {activity}.")
    if spec.base_symbol:
        found.append(f"{spec.base_symbol} is a constant: it changes no exponent.")
    rate = rich_formula(spec.optimizer.lr, sheet.spec.symbols)
    found.append(f"Rates are times the optimizer's lr = {rate}.")
    zero = [
        index
        for index, layer in enumerate(sheet.layers)
        if layer.weight.std.is_zero and index in sheet.only
    ]
    frozen = [
        index
        for index, layer in enumerate(sheet.layers)
        if layer.weight.frozen and index in sheet.only
    ]
    causes = [f"{sheet.named(zero)} start{'s' * (len(zero) == 1)} at zero"] if zero else []
    if frozen:
        causes.append(f"{sheet.named(frozen)} {'is' if len(frozen) == 1 else 'are'} frozen")
    if any(layer.bias and (layer.bias.std.is_zero or layer.bias.frozen) for layer in sheet.layers):
        causes.append("biases that start at zero or are frozen")
    if causes:
        found.append(f"n^-∞ stands for exactly zero: {', '.join(causes)}.")
    return found


def _holds_r(sheet: Sheet) -> bool:
    return any(
        value.exponent(WIDTH).slope
        for layer in sheet.layers
        for tensor in layer.tensors
        for value in (tensor.scale, tensor.std, rate_of(sheet.context, tensor))
    )


def _table(sheet: Sheet) -> list[str]:
    """Multiplier, std and rate of every layer, each with its exponent."""
    rows: list[tuple[str, ...]] = []
    for run in _alike(sheet):
        layer = sheet.layers[run[0]]
        rows.append((span(run), sheet.named(run), *_cells(sheet, layer.weight)))
        if layer.bias is not None:
            rows.append(("", "  bias", *_cells(sheet, layer.bias)))
    rows.insert(0, ("l", "layer", "M", "a", "std", "b", "rate", "c"))
    return columns(rows)


def _numbers(sheet: Sheet) -> list[str]:
    """Every layer's values, and its bias's."""
    rows: list[tuple[str, ...]] = [("layer", *Values._fields)]
    for run in _alike(sheet):
        layer = sheet.layers[run[0]]
        rows.append((sheet.named(run), *values(sheet.spec, layer.weight).words))
        if layer.bias is not None:
            rows.append(("  bias", *values(sheet.spec, layer.bias).words))
    return columns(rows)


def _alike(sheet: Sheet) -> list[list[int]]:
    def key(index: int) -> tuple[object, ...]:
        layer: Layer = sheet.layers[index]
        return layer.statement, layer.weight, layer.bias

    groups = groupby(sorted(sheet.only), key)
    return [list(group) for _, group in groups]


def _cells(sheet: Sheet, tensor: Tensor) -> tuple[str, ...]:
    def cell(value: Monomial, total: Monomial) -> tuple[str, str]:
        formula = rich_formula(value, sheet.spec.symbols)
        if len(formula) > _LONGEST:
            formula = f"{formula[: _LONGEST - 3]}..."
        if total.is_zero:
            return formula, "∞"
        return formula, affine(total.exponent(WIDTH), inverse=True)

    rate = ("frozen", "∞")
    if not tensor.frozen:
        rate = cell(tensor.lr, rate_of(sheet.context, tensor))
    return (*cell(tensor.scale, tensor.scale), *cell(tensor.std, tensor.std), *rate)
