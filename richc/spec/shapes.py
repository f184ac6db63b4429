"""The sizes of layers: which the theory has a place for, and which are whole numbers.

Attributes are read after them: what they mean depends on sizes.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import lcm
from typing import NamedTuple

from richc.algebra.monomial import WIDTH, symbol
from richc.diagnostics import Span
from richc.spec import messages
from richc.spec.activation import Activation
from richc.spec.expressions import Rejected, Scope, monomial
from richc.spec.items import Report
from richc.spec.model import Dim, LayerKind
from richc.syntax import tree


class Slot(NamedTuple):
    """One statement's layers, before their attributes are read."""

    statement: tree.Layer | tree.Norm
    #: With the names of what it stands in: ``blocks.mlp.up``.
    name: str
    name_place: Span
    kind: LayerKind
    repeats: int
    #: Of a norm, nothing in particular.
    dim: Dim
    #: Where the size is written.
    place: Span
    activation: Activation | None


def check_whole(slots: list[Slot], widths: Iterable[tuple[str, int]], report: Report) -> None:
    """Report a width (its word, its value) at which not every dimension is a whole number."""
    multiple = lcm(*(slot.dim.over for slot in slots))
    for word, value in widths:
        slot = next((slot for slot in slots if value % slot.dim.over), None)
        if slot is not None:
            below = value - value % multiple
            around = [str(width) for width in (below, below + multiple) if width]
            report(
                messages.shape(
                    f"{slot.dim.words(word)} is no whole number at {word} = {value}",
                    slot.place,
                    f"take a multiple of {multiple}: {' or '.join(around)}",
                )
            )


def dimension(node: tree.Expression, width: str) -> Dim:
    """An integer, the width, or a rational multiple of it.  Raises Rejected."""
    wrong = messages.bad_value(
        f"a dimension is a positive integer, `{width}`, or a multiple such as `4*{width}` and "
        f"`8/3*{width}`",
        node.span,
    )
    try:
        value = monomial(node, Scope({width: symbol(WIDTH)}))
    except Rejected as rejected:
        raise Rejected(wrong) if rejected.diagnostic.code == "R020" else rejected from None
    factor = value.without(WIDTH).as_fraction()
    power = value.exponent(WIDTH)
    if (
        power.slope
        or power.const not in (0, 1)
        or factor is None
        or factor <= 0
        or max(factor.numerator, factor.denominator) > 2**31
        or (factor.denominator != 1 and not power.const)
    ):
        raise Rejected(wrong)
    return Dim(factor.numerator, bool(power.const), factor.denominator)
