"""Scaling expressions to exact monomials.

An expression stands for ``prefactor * n^(p + q r)``; whatever does not is refused with the reason
(language reference, "Scaling expressions").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeVar

from richc.algebra.monomial import Affine, Monomial, number, symbol
from richc.diagnostics import Diagnostic, Span
from richc.spec import messages
from richc.spec.holes import Holes, PlacedHole, has_hole, is_base
from richc.syntax import tree

#: Longer literals, larger exponents and richer prefactors are mistakes (or attacks).
MAX_DIGITS = 40
MAX_EXPONENT = 1000
MAX_BITS = 128
MAX_FACTORS = 64
MAX_TERMS = 1000

RICHNESS = "r"
_DIMENSIONS = ("fan_in", "fan_out", "layer_fan_in")


_Chain = TypeVar("_Chain", bound=tree.Product | tree.Sum)


class Rejected(Exception):
    """An expression that is no monomial; carries the diagnostic.

    ``at_large_width`` is what a sum of different powers comes to there.
    """

    def __init__(self, diagnostic: Diagnostic, at_large_width: Monomial | None = None) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic
        self.at_large_width = at_large_width


class Scope:
    """The names an expression may use, and what to say of those it may not."""

    def __init__(
        self,
        names: Mapping[str, Monomial],
        hints: Mapping[str, str] | None = None,
        has_richness: bool = False,
        holes: Holes | None = None,
        kept: int | None = None,
    ) -> None:
        self.names = names
        self.hints = hints or {}
        self.has_richness = has_richness
        #: Where holes are noted; None where no exponent can be left out.
        self.holes = holes
        #: Which terms of a sum of different powers count, by the order of these: 0 for the largest
        #: at large width, -1 for the smallest; None where such a sum is refused.
        self.kept = kept

    def with_names(self, names: Mapping[str, Monomial]) -> Scope:
        return Scope({**self.names, **names}, self.hints, self.has_richness, self.holes, self.kept)

    def keeping(self, kept: int) -> Scope:
        return Scope(self.names, self.hints, self.has_richness, self.holes, kept)


def monomial(node: tree.Expression, scope: Scope) -> Monomial:
    """The value of an expression.  Raises Rejected."""
    if isinstance(node, tree.Product):
        return _product(node, scope)
    if isinstance(node, tree.Number):
        return number(literal(node))
    if isinstance(node, tree.Name):
        return _name(node, scope)
    if isinstance(node, tree.Group):
        return monomial(node.inner, scope)
    if isinstance(node, tree.Power):
        return _power(node, scope)
    if isinstance(node, tree.Call):
        if node.function.text != "sqrt":
            raise Rejected(
                messages.unknown_function(
                    node.function.text, node.function.span, node.function.text in scope.names
                )
            )
        return monomial(node.argument, scope).root()
    if isinstance(node, tree.Sum):
        return _sum(node, scope)
    if isinstance(node, tree.Negative):
        raise Rejected(messages.negative(node.span))
    raise Rejected(_hole(node.span))


def expression_of(item: tree.Item) -> tree.Expression:
    """The expression that an attribute or option is given.  Raises Rejected."""
    name = item.name.text
    if not isinstance(item, tree.Option):
        raise Rejected(
            messages.bad_value(f"`{name}` needs a value", item.span, f"write `{name} = ...`")
        )
    if isinstance(item.value, tree.String | tree.List):
        raise Rejected(messages.no_expression(name, item.value))
    return item.value


def at_large_width(
    read: Callable[[], Monomial], report: Callable[[Diagnostic], None]
) -> Monomial | None:
    """What is read, or what it comes to at large width; None where it is nothing.

    What is wrong is reported.
    """
    try:
        return read()
    except Rejected as rejected:
        report(rejected.diagnostic)
        return rejected.at_large_width


def attribute(name: str, node: tree.Expression, scope: Scope) -> Monomial:
    """The value of an attribute or option.

    Raises Rejected, for a sum of different powers with what it comes to at large width.
    """
    try:
        return monomial(node, scope)
    except Rejected as rejected:
        if rejected.diagnostic.code != "R020":
            raise
        from richc.spec.sums import explained  # few files add anything

        raise explained(rejected, name, node, scope) from None


def exponent(node: tree.Expression, scope: Scope) -> Affine:
    """The value of an exponent: a rational, affine in ``r``.  Raises Rejected."""
    value = _exponent(node, scope)
    for part in value:
        if part.numerator.bit_length() > MAX_BITS or part.denominator.bit_length() > MAX_BITS:
            raise Rejected(messages.overflow("this exponent has too many digits", node.span))
    return value


def literal(node: tree.Number) -> Fraction:
    """The exact value of a number.  Raises Rejected where it is too long or too large."""
    text = node.text
    mantissa, _, power = text.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(power) > 5 or (power and abs(int(power)) > 300):
        shown = text if len(text) <= 24 else f"{text[:20]}... ({len(text):,} characters)"
        raise Rejected(messages.overflow(f"the number {shown} is out of range", node.span))
    return Fraction(text)


def rational(node: tree.Expression, what: str) -> Fraction:
    """A plain number or ratio, perhaps negative.  Raises Rejected."""
    is_power = isinstance(node, tree.Power) and not isinstance(node.exponent, tree.Hole)
    if is_power or isinstance(node, tree.Name):
        help = "write it out" if is_power else None
        raise Rejected(messages.bad_value(f"{what} is a plain number", node.span, help))
    scope = Scope({}, {})
    value = exponent(node, scope)
    if value.slope:
        raise Rejected(messages.bad_value(f"{what} is a plain number", node.span))
    return value.const


def _hole(span: Span) -> Diagnostic:
    return messages.bad_exponent(
        "no exponent can be inferred here",
        span,
        "`n^?` may stand in `scale`, `std`, `var`, `lr`, `decay` and `eps`",
    )


def _name(node: tree.Name, scope: Scope) -> Monomial:
    value = scope.names.get(node.text)
    if value is not None:
        return value
    if node.text == "fan_in" and "layer_fan_in" in scope.names:
        raise Rejected(messages.fan_in_of_a_bias(node.span))
    is_vector = "fan_out" in scope.names and "fan_in" not in scope.names
    if node.text in ("fan_in", "layer_fan_in") and is_vector:
        raise Rejected(messages.fan_in_of_a_vector(node.span))
    if node.text == RICHNESS and scope.has_richness:
        raise Rejected(
            messages.unknown_name(
                RICHNESS, node.span, scope.names, "the richness `r` may stand only in exponents"
            )
        )
    raise Rejected(
        messages.unknown_name(node.text, node.span, scope.names, scope.hints.get(node.text))
    )


def _product(node: tree.Product, scope: Scope) -> Monomial:
    left, chain = _chain(node)
    value = monomial(left, scope)
    for link in chain:
        if link.divides:
            _refuse_ambiguity(link)
        factor = monomial(link.right, scope)
        if link.divides and factor.is_zero:
            raise Rejected(messages.zero("a divisor", link.right.span))
        value = value.over(factor) if link.divides else value.times(factor)
        _refuse_complexity(value, node.span)
    return value


def _chain(node: _Chain) -> tuple[tree.Expression, list[_Chain]]:
    """A left-associative chain as its first operand and the links after it, in order.

    A loop, because a recursion would let a long expression exhaust the stack.
    """
    kind = type(node)
    links: list[_Chain] = []
    left: tree.Expression = node
    while isinstance(left, kind):
        links.append(left)
        left = left.left
    if len(links) > MAX_TERMS:
        raise Rejected(messages.overflow("this expression is too long", node.span))
    links.reverse()
    return left, links


def _refuse_ambiguity(node: tree.Product) -> None:
    """``n^-1/2``: a person may mean n^(-1/2), the grammar reads (n^-1)/2."""
    last = node.left.right if isinstance(node.left, tree.Product) else node.left
    if not isinstance(last, tree.Power) or not isinstance(node.right, tree.Number):
        return
    inverse = isinstance(last.exponent, tree.Negative)
    power = last.exponent.operand if isinstance(last.exponent, tree.Negative) else last.exponent
    if not isinstance(power, tree.Number) or not (inverse or power.text == "1"):
        return
    base = last.base.text if isinstance(last.base, tree.Name) else "(...)"
    shown = ("-" if inverse else "") + power.text
    span = last.span.to(node.right.span)
    raise Rejected(messages.ambiguous_exponent(base, shown, node.right.text, span))


def _refuse_complexity(value: Monomial, span: Span) -> None:
    if len(value.powers) > MAX_FACTORS:
        raise Rejected(messages.overflow("this expression has too many different factors", span))
    for base, power in value.powers:
        # Only a sum can make such a number, and no literal could write it.
        if isinstance(base, int) and base >= 10**MAX_DIGITS:
            raise Rejected(messages.overflow("a number in this expression is too long", span))
        for part in power:
            if (
                abs(part.numerator) > MAX_EXPONENT * part.denominator
                or part.denominator.bit_length() > MAX_BITS
            ):
                raise Rejected(messages.overflow("a power in this expression is too large", span))


def _power(node: tree.Power, scope: Scope) -> Monomial:
    base = monomial(node.base, scope)
    if isinstance(node.exponent, tree.Hole):
        return _unknown_power(node, node.exponent, base, scope)
    power = exponent(node.exponent, scope)
    if power.slope and has_hole(base):
        raise Rejected(
            messages.bad_exponent(
                "a power of a hole cannot depend on `r`",
                node.span,
                "what `?` stands for may itself depend on `r`: leave out the outer power",
            )
        )
    if abs(power.const) > MAX_EXPONENT or abs(power.slope) > MAX_EXPONENT:
        raise Rejected(
            messages.overflow(f"an exponent beyond ±{MAX_EXPONENT} overflows", node.exponent.span)
        )
    try:
        value = base.power(power)
    except ZeroDivisionError:
        raise Rejected(messages.zero("the base of this power", node.base.span)) from None
    except ArithmeticError:
        raise Rejected(
            messages.bad_exponent(
                "this exponent would be quadratic in `r`",
                node.span,
                "exponents are affine in `r`: `n^(2*r - 1)`",
            )
        ) from None
    _refuse_complexity(value, node.span)
    return value


def _unknown_power(node: tree.Power, hole: tree.Hole, base: Monomial, scope: Scope) -> Monomial:
    """``base^?``, with a symbol for the unknown power."""
    if scope.holes is None:
        raise Rejected(_hole(hole.span))
    # A fan-in is a plain number at the read-in, and may be n in the next layer of the statement.
    varies = isinstance(node.base, tree.Name) and node.base.text in _DIMENSIONS
    placed = PlacedHole(hole.span, base)
    if not is_base(base) or not (varies or placed.grows):
        raise Rejected(
            messages.bad_exponent(
                "a hole is the exponent of the width",
                node.span,
                "write `n^?`, or `(n / n0)^?` with a base width",
            )
        )
    return symbol(scope.holes.symbol(placed))


def _sum(node: tree.Sum, scope: Scope) -> Monomial:
    from richc.spec.sums import Summand, added  # few files add anything

    left, chain = _chain(node)
    terms = [Summand(monomial(left, scope), False, left.span)]
    terms += (Summand(monomial(k.right, scope), k.subtracts, k.operator) for k in chain)
    value = added(terms, scope, node.span)
    _refuse_complexity(value, node.span)
    return value


def _exponent(node: tree.Expression, scope: Scope) -> Affine:
    if isinstance(node, tree.Number):
        return Affine(literal(node))
    if isinstance(node, tree.Name):
        if node.text == RICHNESS and scope.has_richness:
            return Affine(Fraction(0), Fraction(1))
        known = scope.names
        if node.text in known:
            value = known[node.text].as_fraction()
            if value is not None:
                return Affine(value)
            raise Rejected(
                messages.bad_exponent(
                    f"an exponent cannot depend on `{node.text}`",
                    node.span,
                    "exponents are rational numbers, affine in the richness `r`",
                )
            )
        raise Rejected(
            messages.unknown_name(
                node.text,
                node.span,
                (RICHNESS,) if scope.has_richness else (),
                scope.hints.get(node.text, "exponents are numbers, and `r` once it is declared"),
            )
        )
    if isinstance(node, tree.Group):
        return exponent(node.inner, scope)
    if isinstance(node, tree.Negative):
        sign, inner = 1, node.operand
        while isinstance(inner, tree.Negative):
            sign, inner = -sign, inner.operand
        return exponent(inner, scope).times(Fraction(-sign))
    if isinstance(node, tree.Product | tree.Sum):
        return _exponent_chain(node, scope)
    hole = node.exponent if isinstance(node, tree.Power) else node
    if isinstance(hole, tree.Hole):
        raise Rejected(_hole(hole.span))
    raise Rejected(
        messages.bad_exponent(
            "an exponent is a rational number, affine in `r`",
            node.span,
            "powers and roots inside exponents are not exact",
        )
    )


def _exponent_chain(node: tree.Product | tree.Sum, scope: Scope) -> Affine:
    left, chain = _chain(node)
    value = exponent(left, scope)
    for link in chain:
        right = exponent(link.right, scope)
        if isinstance(link, tree.Sum):
            value = value.plus(right.times(Fraction(-1)) if link.subtracts else right)
        elif link.divides:
            if right.slope:
                raise Rejected(
                    messages.bad_exponent("exponents are divided by numbers only", link.right.span)
                )
            if not right.const:
                raise Rejected(messages.zero("a divisor", link.right.span))
            value = value.times(1 / right.const)
        elif value.slope and right.slope:
            raise Rejected(
                messages.bad_exponent("this exponent would be quadratic in `r`", link.span)
            )
        else:
            value = right.times(value.const) if right.slope else value.times(right.const)
        if any(p.numerator.bit_length() > MAX_BITS * 2 for p in value):
            raise Rejected(messages.overflow("this exponent is too large", node.span))
    return value
