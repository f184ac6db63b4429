"""Edits of expressions, as a person would write them.

``at_base`` multiplies an expression by powers of n / n0 and L / L0, so that its value at the base
stays what it was; ``scaled`` multiplies it by a number.  Factors that are not concerned stay as
they are written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fractions import Fraction
from math import isqrt, sqrt
from typing import NamedTuple

from richc.algebra.formula import exponent_words, rich_formula
from richc.algebra.monomial import (
    BASE_DEPTH,
    BASE_WIDTH,
    DEPTH,
    NO_POWER,
    WIDTH,
    Affine,
    Monomial,
    number,
    symbol,
)
from richc.diagnostics import Edit, Span
from richc.rules.context import Context
from richc.spec.model import Layer
from richc.syntax import tree

_HALF, _ONE = Affine(Fraction(1, 2)), Affine(Fraction(1))
#: Integers below this one read well under a root and in a fraction.
_FEW = 10


class Unit(NamedTuple):
    """n and n0, or L and L0, in the words of a file: their ratio is one at the base."""

    width: str
    #: The declared one as a number where no base may be declared.
    base: str
    #: What declares a base where the file has none.
    edits: tuple[Edit, ...] = ()


def unit(context: Context) -> Unit:
    """n / n0 for a file.

    Where it has no base width, the declared width is made one if that leaves all other values as
    they are: not where they are inferred, and not where alpha = gamma n^r would be another.
    """
    model = context.model
    if model.base_symbol is not None:
        return Unit(model.width_symbol, model.base_symbol)
    (width,) = (s for s in context.node.statements if isinstance(s, tree.Width))
    symbol = f"{model.width_symbol}0"
    is_flat = model.richness == 0 and model.interval is None
    may_declare = is_flat or "alpha" not in context.words
    return _declared(context, width, symbol, model.width, may_declare=may_declare)


def depth_unit(context: Context) -> Unit:
    """L / L0 for a file that declares a depth, as ``unit`` is n / n0."""
    depth = context.model.depth
    assert depth is not None
    if depth.base_symbol is not None:
        return Unit(depth.symbol, depth.base_symbol)
    (statement,) = (s for s in context.node.statements if isinstance(s, tree.Depth))
    return _declared(context, statement, f"{depth.symbol}0", depth.value, may_declare=True)


def _declared(
    context: Context,
    statement: tree.Width | tree.Depth,
    base: str,
    value: int,
    *,
    may_declare: bool,
) -> Unit:
    model, symbol = context.model, statement.symbol.text
    taken = {part for layer in model.layers for part in layer.statement.split(".")}
    taken |= {model.name, model.width_symbol, model.base_symbol or ""}
    if model.depth is not None:
        taken |= {model.depth.symbol, model.depth.base_symbol or ""}
    if model.parameterization not in (None, "standard") or not may_declare or base in taken:
        return Unit(symbol, str(value))
    end = statement.value.span.end
    return Unit(symbol, base, (Edit(Span(end, end), f", base {base} = {value}"),))


class _Atom(NamedTuple):
    """A power of one name or number."""

    base: str
    power: Affine


def at_base(
    context: Context,
    layers: Collection[Layer],
    span: Span,
    change: Affine,
    *,
    of_bias: bool,
    depth: Affine = NO_POWER,
) -> str:
    """The expression at ``span`` times (n / n0)^change (L / L0)^depth.

    ``layers`` are those that share it.
    """
    ratios: list[tuple[Unit, set[str], Affine]] = []
    if not change.is_zero:
        ratios.append((unit(context), _alike(context, layers, of_bias=of_bias), change))
    if not depth.is_zero:
        words = depth_unit(context)
        ratios.append((words, {words.width}, depth))
    over: list[str] = []
    under: list[str] = []
    powers: dict[str, Affine] = {}
    known = {name for words, alike, _ in ratios for name in (*alike, words.base)}
    for factor, divides in _factors(context.expressions[span]):
        atoms = _atoms(factor, _ONE.negated() if divides else _ONE)
        if atoms is not None and all(atom.base in known for atom in atoms):
            for atom in atoms:
                powers[atom.base] = powers.get(atom.base, NO_POWER).plus(atom.power)
        else:
            (under if divides else over).append(_slice(context.text, factor))
    for words, alike, by in ratios:
        own = {base: power for base, power in powers.items() if base in (*alike, words.base)}
        absorbing = _absorbing(own, alike, words.width, by)
        for base, power in ((absorbing, by), (words.base, by.negated())):
            own[base] = own.get(base, NO_POWER).plus(power)
        _write(own, words, over, under)
    return _fraction(over, under)


def _alike(context: Context, layers: Collection[Layer], *, of_bias: bool) -> set[str]:
    """The words that stand for the width in an attribute of these layers."""
    alike = {unit(context).width}
    for name, dims in (
        ("fan_in", [] if of_bias else [layer.fan_in for layer in layers]),
        ("layer_fan_in", [layer.fan_in for layer in layers] if of_bias else []),
        ("fan_out", [layer.fan_out for layer in layers]),
    ):
        if dims and all(dim.wide and (dim.factor, dim.over) == (1, 1) for dim in dims):
            alike.add(name)
    return alike


def fresh(context: Context, value: Monomial, change: Affine, depth: Affine = NO_POWER) -> str:
    """A value that is not written so far, times (n / n0)^change (L / L0)^depth."""
    symbols = context.model.symbols._replace(apart=True)
    if not change.is_zero:
        words = unit(context)
        value = value.times(_ratio(words, (WIDTH, BASE_WIDTH), change))
        symbols = symbols._replace(base=None if words.base.isdigit() else words.base)
    if not depth.is_zero:
        words = depth_unit(context)
        value = value.times(_ratio(words, (DEPTH, BASE_DEPTH), depth))
        symbols = symbols._replace(base_depth=None if words.base.isdigit() else words.base)
    return rich_formula(value, symbols)


def _ratio(words: Unit, bases: tuple[str, str], power: Affine) -> Monomial:
    """n / n0, or L / L0, to a power."""
    above, below = bases
    one = number(int(words.base)) if words.base.isdigit() else symbol(below)
    return symbol(above, power).over(one.power(power))


def _absorbing(powers: dict[str, Affine], alike: set[str], width: str, change: Affine) -> str:
    """The power that is the plainer for being changed, the plainest first; else the width's own."""
    better: list[tuple[int, bool, str]] = []
    for base, old in powers.items():
        new = old.plus(change)
        is_plainer = _plainness(new) <= _plainness(old) and _size(new) < _size(old)
        if base in alike and (new.is_zero or is_plainer):
            better.append((_plainness(new), base != width, base))
    return min(better)[2] if better else width


def _size(power: Affine) -> Fraction:
    return abs(power.const) + abs(power.slope)


def _plainness(power: Affine) -> int:
    """How well a power reads: none at all best, then whole ones, then those without r."""
    if power.is_zero:
        return 0
    if power.slope:
        return 3
    return 1 if power.const.denominator == 1 else 2


def _write(powers: dict[str, Affine], words: Unit, over: list[str], under: list[str]) -> None:
    """Powers of names as factors above and below the bar; those of n and n0 together if alike."""
    up, down = powers.get(words.width, NO_POWER), powers.get(words.base, NO_POWER)
    rest = dict(powers)
    falls = up.const < 0 and not up.slope
    if {up, down} <= {_HALF, _HALF.negated()}:
        above, below = (
            " * ".join(name for name in (words.width, words.base) if powers[name] == half)
            for half in (_HALF, _HALF.negated())
        )
        if above:
            over.append(f"sqrt({above} / {below})" if below else f"sqrt({above})")
        else:
            under.append(f"sqrt({below})")
        del rest[words.width], rest[words.base]
    elif not up.is_zero and up.plus(down).is_zero and up not in (_ONE, _ONE.negated()):
        names = (words.base, words.width) if falls else (words.width, words.base)
        over.append(_power(f"({names[0]} / {names[1]})", up.negated() if falls else up))
        del rest[words.width], rest[words.base]
    for base, power in rest.items():
        if power.is_zero:
            continue
        falls = power.const < 0 and not power.slope
        (under if falls else over).append(_power(base, power.negated() if falls else power))


def _power(base: str, power: Affine) -> str:
    if power == _ONE:
        return base
    if power == _HALF:
        root = isqrt(int(base)) if base.isdigit() else 0
        return str(root) if root and root * root == int(base) else f"sqrt({base})"
    words = exponent_words(power)
    return f"{base}^{words}" if words.isalnum() else f"{base}^({words})"


def scaled(context: Context, span: Span, square: Fraction, *, is_root: bool) -> Edit | None:
    """Multiply the expression by a number, or by its root; None where it cannot be edited well."""
    node = context.expressions.get(span)
    if node is None:
        return None
    constant = Fraction(1)
    over: list[str] = []
    under: list[str] = []
    for factor, divides in _factors(node):
        if isinstance(factor, tree.Number):
            constant *= Fraction(factor.text) ** (-1 if divides else 1)
        else:
            (under if divides else over).append(_slice(context.text, factor))
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


def swap(context: Context, span: Span, other: str) -> Edit | None:
    """Another name for the attribute whose value is at ``span``."""

    def visit(block: tree.Block | None) -> Iterator[Span]:
        for item in block.items if block else ():
            if isinstance(item, tree.Section):
                yield from visit(item.block)
            elif isinstance(item, tree.Option) and item.value.span == span:
                yield item.name.span

    layers = (s for s in context.node.statements if isinstance(s, tree.Layer))
    place = next((span for layer in layers for span in visit(layer.block)), None)
    return None if place is None else Edit(place, other)


def _factors(node: tree.Expression) -> Iterator[tuple[tree.Expression, bool]]:
    """The factors of a product, each with whether it divides, in order."""
    if not isinstance(node, tree.Product):
        yield node, False
        return
    yield from _factors(node.left)
    right = node.right
    inner = right.inner if isinstance(right, tree.Group) else right
    if isinstance(inner, tree.Sum):
        inner = right
    for factor, divides in _factors(inner):
        yield factor, divides != node.divides


def _atoms(node: tree.Expression, times: Affine) -> list[_Atom] | None:
    """A factor as powers of names and numbers; None for what is none, such as a sum."""
    if isinstance(node, tree.Name | tree.Number):
        return [_Atom(node.text, times)]
    if isinstance(node, tree.Group):
        return _atoms(node.inner, times)
    if isinstance(node, tree.Product):
        left = _atoms(node.left, times)
        right = _atoms(node.right, times.negated() if node.divides else times)
        return None if left is None or right is None else left + right
    if isinstance(node, tree.Call) and node.function.text == "sqrt":
        return _atoms(node.argument, times.times(Fraction(1, 2)))
    if isinstance(node, tree.Power):
        from richc.spec.expressions import Rejected, Scope, exponent

        try:
            power = exponent(node.exponent, Scope({}, has_richness=True))
        except Rejected:
            return None
        if times.slope and power.slope:
            return None
        by, of = (times, power.const) if times.slope else (power, times.const)
        return _atoms(node.base, by.times(of))
    return None


def _fraction(over: list[str], under: list[str]) -> str:
    """Factors above and below one bar."""
    above = " * ".join(part for part in over if part != "1") or "1"
    if not under:
        return above
    return f"{above} / {under[0]}" if len(under) == 1 else f"{above} / ({' * '.join(under)})"


def _slice(text: str, node: tree.Expression) -> str:
    words = text[node.span.start : node.span.end]
    return f"({words})" if isinstance(node, tree.Sum | tree.Negative) else words
