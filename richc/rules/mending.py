"""Edits that change the power of n in an expression, as a person would write them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import isqrt, sqrt
from typing import NamedTuple

from richc.diagnostics import Edit, Span
from richc.rules.context import Context
from richc.scaling.formula import exponent_words
from richc.scaling.monomial import Affine
from richc.spec.model import Layer
from richc.syntax import tree

#: Integers below this one read well under a root and in a fraction.
_FEW = 10
_ATOMS = (tree.Name, tree.Number, tree.Power, tree.Group, tree.Call)


def edit(
    context: Context, layer: Layer, span: Span | None, factor: Fraction | Affine
) -> Edit | None:
    """Multiply the expression at ``span`` by n^factor; None where it cannot be edited well."""
    node = context.expressions.get(span) if span is not None else None
    if node is None or span is None:
        return None
    factors = _factors(node)
    if factors is None:
        return None
    change = factor if isinstance(factor, Affine) else Affine(factor)
    return Edit(span, _rewrite(context, layer, factors, change))


def any_edit(context: Context, layer: Layer, span: Span, factor: Affine) -> Edit:
    """The same for every expression, if need be in parentheses."""
    found = edit(context, layer, span, factor)
    if found is not None:
        return found
    power = _written(context.model.width_symbol, factor)
    return Edit(span, f"({_slice(context.text, span)}) * {power}")


def scaled(context: Context, span: Span, square: Fraction, *, is_root: bool) -> Edit | None:
    """Multiply the expression by a number, or by its root; None where it cannot be edited well."""
    node = context.expressions.get(span)
    factors = _factors(node) if node is not None else None
    if factors is None:
        return None
    constant = Fraction(1)
    over: list[str] = []
    under: list[str] = []
    for factor, divides in factors:
        if isinstance(factor, tree.Number):
            constant *= Fraction(factor.text) ** (-1 if divides else 1)
        else:
            (under if divides else over).append(_slice(context.text, factor.span))
    if is_root:
        above, below = isqrt(square.numerator), isqrt(square.denominator)
        if (above * above, below * below) == (square.numerator, square.denominator):
            constant *= Fraction(above, below)
        elif max(square.numerator, square.denominator) < _FEW:
            over.insert(0, f"sqrt({_constant(square)})")
        else:
            constant = Fraction(f"{float(constant) * sqrt(square):.4g}")
    else:
        constant *= square
    decimal = _constant(constant)
    if "/" in decimal:
        numerator, denominator = decimal.split("/")
        over.insert(0, numerator)
        under.insert(0, denominator)
    else:
        over.insert(0, decimal)
    return Edit(span, _fraction(over, under))


def _constant(value: Fraction) -> str:
    """``2``, ``1/3``, ``2.35``."""
    decimal = f"{float(value):g}"
    is_short = value.numerator >= _FEW and "e" not in decimal and Fraction(decimal) == value
    return decimal if is_short else str(value)


class Mistake(NamedTuple):
    """A well-known one."""

    words: str
    #: The name that the attribute was meant to have, if that is all that is wrong.
    other: str | None = None


def misread(attribute: str, written: Affine, wanted: Affine) -> Mistake | None:
    """A std taken for a variance or the reverse, or one square root too many or too few."""
    if wanted.is_zero:
        return None
    is_twice = written == wanted.times(Fraction(2))
    is_half = written.times(Fraction(2)) == wanted
    if attribute == "std" and is_twice:
        return Mistake("`std` is written where `var` was meant: a square root is missing", "var")
    if attribute == "std" and is_half:
        return Mistake("one square root too many: `std` is the root of the variance already")
    if attribute == "var" and is_half:
        return Mistake("`var` is written where `std` was meant: one square root too many", "std")
    if attribute == "var" and is_twice:
        return Mistake("a square root is missing, or the variance was squared")
    return None


def swap(context: Context, span: Span, other: str) -> Edit | None:
    """Another name for the attribute whose value is at ``span``."""
    place = _word_place(context, span)
    return None if place is None else Edit(place, other)


def _word_place(context: Context, value: Span) -> Span | None:
    """Where the name of the attribute stands whose value is at ``value``."""

    def visit(block: tree.Block | None) -> Iterator[Span]:
        for item in block.items if block else ():
            if isinstance(item, tree.Section):
                yield from visit(item.block)
            elif isinstance(item, tree.Option) and item.value.span == value:
                yield item.name.span

    layers = (s for s in context.node.statements if isinstance(s, tree.Layer))
    return next((span for layer in layers for span in visit(layer.block)), None)


_Factor = tuple[tree.Expression, bool]


def _factors(node: tree.Expression) -> list[_Factor] | None:
    """The factors of a product, each with whether it divides."""
    factors: list[_Factor] = []
    while isinstance(node, tree.Product):
        right = node.right
        if isinstance(right, tree.Group) and node.divides and not isinstance(right.inner, tree.Sum):
            inner = _factors(right.inner)
            if inner is None:
                return None
            factors[:0] = [(factor, not divides) for factor, divides in inner]
        else:
            factors.insert(0, (right, node.divides))
        node = node.left
    factors.insert(0, (node, False))
    return factors if all(isinstance(f, _ATOMS) for f, _ in factors) else None


def _rewrite(context: Context, layer: Layer, factors: list[_Factor], change: Affine) -> str:
    width = context.model.width_symbol
    wide = {width}
    if layer.fan_in.wide:
        wide.add("fan_in")
    if layer.fan_out.wide:
        wide.add("fan_out")
    best: tuple[int, int, str, Affine] | None = None
    for index, (factor, divides) in enumerate(factors):
        known = _power_of(factor, wide)
        if known is None:
            continue
        base, power = known
        new = power.times(Fraction(-1 if divides else 1)).plus(change)
        rank = _plainness(new)
        if best is None or rank < best[0]:
            best = rank, index, base, new
    over: list[str] = []
    under: list[str] = []
    for index, (factor, divides) in enumerate(factors):
        if best is not None and index == best[1]:
            _append(best[2], best[3], over, under)
        else:
            (under if divides else over).append(_slice(context.text, factor.span))
    if best is None:
        _append(width, change, over, under)
    return _fraction(over, under)


def _fraction(over: list[str], under: list[str]) -> str:
    """Factors above and below one bar."""
    above = " * ".join(part for part in over if part != "1") or "1"
    if not under:
        return above
    return f"{above} / {under[0]}" if len(under) == 1 else f"{above} / ({' * '.join(under)})"


def _plainness(power: Affine) -> int:
    """How well a power reads: none at all best, then whole ones, then those without r."""
    if power.is_zero:
        return 0
    if power.slope:
        return 3
    return 1 if power.const.denominator == 1 else 2


def _power_of(node: tree.Expression, wide: set[str]) -> tuple[str, Affine] | None:
    """The base and the exponent, when the factor is a plain power of what grows like n."""
    if isinstance(node, tree.Name):
        return (node.text, Affine(Fraction(1))) if node.text in wide else None
    if isinstance(node, tree.Call):
        inner = _power_of(node.argument, wide) if node.function.text == "sqrt" else None
        return None if inner is None else (inner[0], inner[1].times(Fraction(1, 2)))
    if not isinstance(node, tree.Power) or not isinstance(node.base, tree.Name):
        return None
    if node.base.text not in wide:
        return None
    from richc.spec.expressions import Rejected, Scope, exponent

    try:
        return node.base.text, exponent(node.exponent, Scope({}, has_richness=True))
    except Rejected:
        return None


def _append(base: str, power: Affine, over: list[str], under: list[str]) -> None:
    if power.is_zero:
        return
    if power.const >= 0 or power.slope:
        over.append(_written(base, power))
    else:
        under.append(_written(base, power.times(Fraction(-1))))


def _written(base: str, power: Affine) -> str:
    if power == Affine(Fraction(1)):
        return base
    words = exponent_words(power)
    is_plain = words.isalnum()
    return f"{base}^{words}" if is_plain else f"{base}^({words})"


def _slice(text: str, span: Span) -> str:
    return text[span.start : span.end]
