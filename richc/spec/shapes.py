"""The sizes of layers: which the theory has a place for, and which are whole numbers.

Shapes are checked for the whole stack before attributes are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import lcm
from typing import NamedTuple

from richc.algebra.monomial import WIDTH, symbol
from richc.diagnostics import Label, Span
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


def check_shapes(slots: list[Slot], report: Report) -> None:
    """Report every shape the theory has no place for."""
    fine = True
    unrolled = sum(slot.repeats for slot in slots)
    seen = 0
    for at, slot in enumerate(slots):
        seen += slot.repeats
        is_last = seen == unrolled
        if is_last and slot.dim.wide:
            report(
                messages.shape(
                    f"the last layer, `{slot.name}`, grows with the width",
                    slot.place,
                    "the output has a fixed size: `-> 10`",
                )
            )
            fine = False
        elif not slot.dim.wide and (not is_last or slot.repeats > 1):
            report(
                messages.shape(
                    f"`{slot.name}` makes a hidden representation of fixed size {slot.dim.factor}",
                    slot.place,
                    "only the last layer has a fixed size; hidden ones are `-> n`, or `-> 4*n`",
                    _next(slots, at),
                )
            )
            fine = False
    if fine and unrolled < 2:
        report(
            messages.shape(
                "one layer has no hidden representation: nothing here depends on the width",
                slots[0].statement.span,
                "a network needs a layer `-> n` before its read-out",
            )
        )


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


def _next(slots: list[Slot], at: int) -> tuple[Label, ...]:
    """The other end of a size: the layer that takes it."""
    if at + 1 == len(slots):
        return ()
    following = slots[at + 1]
    text = f"`{following.name}` follows, so it is not the last layer"
    return (Label(following.name_place, text),)


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
