"""Edits that change the power of n in an expression, as a person would write them."""

from __future__ import annotations

from fractions import Fraction

from richc.diagnostics import Edit, Span
from richc.rules.context import Context
from richc.scaling.formula import exponent_words
from richc.scaling.monomial import Affine
from richc.spec.model import Layer
from richc.syntax import tree

_ATOMS = (tree.Name, tree.Number, tree.Power, tree.Group, tree.Call)


def edit(context: Context, layer: Layer, span: Span | None, factor: Fraction) -> Edit | None:
    """Multiply the expression at ``span`` by n^factor; None where it cannot be edited well."""
    node = context.expressions.get(span) if span is not None else None
    if node is None or span is None:
        return None
    factors = _factors(node)
    if factors is None:
        return None
    return Edit(span, _rewrite(context, layer, factors, factor))


def any_edit(context: Context, layer: Layer, span: Span, factor: Affine) -> Edit:
    """The same for exponents that may depend on r, and for every expression."""
    if not factor.slope:
        found = edit(context, layer, span, factor.const)
        if found is not None:
            return found
    written = _slice(context.text, span)
    node = context.expressions.get(span)
    if node is not None and _factors(node) is None:
        written = f"({written})"
    power = f"{context.model.width_symbol}^({exponent_words(factor)})"
    return Edit(span, power if written == "1" else f"{written} * {power}")


_Factor = tuple[tree.Expression, bool]


def _factors(node: tree.Expression) -> list[_Factor] | None:
    """The factors of a product, each with whether it divides."""
    factors: list[_Factor] = []
    while isinstance(node, tree.Product):
        right = node.right
        if isinstance(right, tree.Group) and node.divides:
            inner = _factors(right.inner)
            if inner is None:
                return None
            factors[:0] = [(factor, not divides) for factor, divides in inner]
        else:
            factors.insert(0, (right, node.divides))
        node = node.left
    factors.insert(0, (node, False))
    return factors if all(isinstance(f, _ATOMS) for f, _ in factors) else None


def _rewrite(context: Context, layer: Layer, factors: list[_Factor], change: Fraction) -> str:
    width = context.model.width_symbol
    wide = {width}
    if layer.fan_in.wide:
        wide.add("fan_in")
    if layer.fan_out.wide:
        wide.add("fan_out")
    best: tuple[int, int, Fraction] | None = None
    for index, (factor, divides) in enumerate(factors):
        power = _power_of(factor, wide)
        if power is None:
            continue
        new = (-power if divides else power) + change
        rank = 0 if new == 0 else 1 if new.denominator == 1 else 2
        if best is None or rank < best[0]:
            best = rank, index, new
    over: list[str] = []
    under: list[str] = []
    for index, (factor, divides) in enumerate(factors):
        if best is not None and index == best[1]:
            base = factor.base if isinstance(factor, tree.Power) else factor
            assert isinstance(base, tree.Name)
            _append(base.text, best[2], over, under)
        else:
            (under if divides else over).append(_slice(context.text, factor.span))
    if best is None:
        _append(width, change, over, under)
    over = [part for part in over if part != "1"] or ["1"]
    result = " * ".join(over)
    if under:
        result += f" / {under[0]}" if len(under) == 1 else f" / ({' * '.join(under)})"
    return result


def _power_of(node: tree.Expression, wide: set[str]) -> Fraction | None:
    """The exponent, when the factor is a plain power of something that grows like n."""
    if isinstance(node, tree.Name):
        return Fraction(1) if node.text in wide else None
    if not isinstance(node, tree.Power) or not isinstance(node.base, tree.Name):
        return None
    if node.base.text not in wide:
        return None
    from richc.spec.expressions import Rejected, rational

    try:
        return rational(node.exponent, "the exponent")
    except Rejected:
        return None


def _append(base: str, power: Fraction, over: list[str], under: list[str]) -> None:
    if power:
        (over if power > 0 else under).append(_written(base, abs(power)))


def _written(base: str, power: Fraction) -> str:
    if power == 1:
        return base
    return f"{base}^{power}" if power.denominator == 1 else f"{base}^({power})"


def _slice(text: str, span: Span) -> str:
    return text[span.start : span.end]
