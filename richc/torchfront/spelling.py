"""Numbers, powers of the width and sizes as the language spells them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from richc.torchfront.reading import power
from richc.torchfront.structure import Unsaid

#: How far numbers of double precision may be off after a few operations.
_EXACT = 1e-13
#: The largest denominator of a number that is meant; other numbers have all their digits.
_LONGEST = 10_000
#: Numerator times denominator: fractions with more are near to any number.
_MEANT = 10**9
#: Below it a number is an eps, of which PyTorch's 1e-8 is the unit.
_SMALL = 1e-4


def dimension(sizes: Sequence[int], widths: Sequence[int]) -> str:
    """A size that is constant or in proportion to n.  Raises Unsaid."""
    exponent = power([float(size) for size in sizes], widths)
    if exponent == 0:
        return str(sizes[0])
    if exponent != 1:
        raise Unsaid(f"a size of {', '.join(map(str, sizes))} at the widths {widths}")
    factor = Fraction(sizes[0], widths[0])
    return "n" if factor == 1 else f"{factor}*n"


def expression(values: Sequence[float], widths: Sequence[int], what: str) -> str:
    """A positive number times a power of n, or 0.  Raises Unsaid where it is neither."""
    exponent = power(values, widths)
    if exponent is None and any(values):
        raise Unsaid(f"{what} is no power of the width")
    return short(values, widths) or f"{number(values[0])} * (n / n0)^({exponent})"


def short(values: Sequence[float], widths: Sequence[int]) -> str | None:
    """The same where its number is short."""
    exponent = power(values, widths)
    if exponent is None:
        return None if any(values) else "0"
    if exponent == 0:
        return exact(values[0])
    alone = exact(values[0] / widths[0] ** float(exponent))
    if alone is not None:
        return f"{alone} * n^({exponent})"
    based = exact(values[0])
    return None if based is None else f"{based} * (n / n0)^({exponent})"


def number(value: float) -> str:
    """A number in full, or as it is meant."""
    return exact(value) or format(value, ".17g")


def exact(value: float) -> str | None:
    """A number, or the square root of one, that is short; the shortest.  An eps has its unit."""
    if 0 < value < _SMALL:
        times = exact(value / 1e-8) if value >= 1e-8 * _SMALL else None
        return None if times is None else f"1e-8 * {times}"
    for size, form in ((value, "{}"), (value * value, "sqrt({})")):
        near = Fraction(size).limit_denominator(_LONGEST)
        is_short = near.numerator * near.denominator <= _MEANT
        if near and is_short and math.isclose(float(near), size, rel_tol=_EXACT):
            decimal = format(size, ".10g")
            is_decimal = "e" not in decimal and Fraction(decimal) == near
            return form.format(decimal if is_decimal else near)
    return None
