"""R701: representations that are of order one in n, but far from one at this depth.

The exponents say that h ~ n^0.  Its prefactor follows from the variance map of the activations,
q_l = fan_in (M s)^2 E phi(z)^2 with z ~ N(0, q_(l-1)): Poole et al. 2016 (arXiv 1606.05340),
equation 3; He et al. 2015 (arXiv 1502.01852), equation 10, for relu.  Inputs are taken as
standardised, which is what the compiled program makes of them.

The limit is a factor of ten: below it, training with a variance of 1/fan_in differs from training
with one that keeps the size by less than between seeds; beyond, by several times
(tests/measured/test_signal.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from math import log2, sqrt
from typing import NamedTuple

from richc.algebra.gaussian import second_moment
from richc.algebra.monomial import WIDTH, is_one
from richc.diagnostics import WARNING, Diagnostic, Edit, Label, Span
from richc.rules.common import decimal
from richc.rules.context import Context
from richc.rules.mending import scaled
from richc.rules.signal import BEYOND, first_far, following, known
from richc.spec.activation import Activation
from richc.spec.model import Layer, LayerKind

#: log2 of a variance that nobody would change: an RMS between 0.8 and 1.25 times.
FINE = 2 * log2(1.25)
_MAX_LABELS = 3
#: Inputs, from which on they may well be the words of a vocabulary.
_MANY = 1_000


class Share(NamedTuple):
    """What one statement does to the signal."""

    layers: tuple[Layer, ...]
    #: The activation before it; None for the read-in.
    before: Activation | None
    #: log2 of the variance that its last layer makes of a variance of 1.
    bits: float
    #: log2 of what all its layers together make of the variance that reaches them.
    total: float

    @property
    def actual(self) -> float:
        """What each of its layers makes of the one before, on average."""
        return self.total / len(self.layers)


def check(context: Context) -> Iterator[Diagnostic]:
    if not context.model.is_chain:
        from richc.rules.stack_prefactor import of_blocks  # most models are chains

        yield from of_blocks(context)
        return
    layers = context.model.layers[:-1]
    variances = context.signal
    sizes = [variance / 2 for variance in variances]
    first = first_far(variances)
    if first is None:
        return
    shrinks = sizes[first] < 0
    sign = -1 if shrinks else 1
    shares = [
        share
        for share in _shares(context, layers[: len(sizes)], variances)
        if share.total * sign > FINE and layers.index(share.layers[0]) <= first
    ]
    if not shares:
        return
    start = f"entries of `{layers[first].name}` start at about {decimal(sizes[first])}"
    drift = f"the signal {'fades' if shrinks else 'grows'} with depth: {start}"
    note = None
    if first < len(sizes) - 1:
        last = len(sizes) - 1
        note = f"the last representation, `{layers[last].name}`, {_about(sizes[last])}"
    yield finding(context, shares, sign, drift if first else f"{start}, not near 1", note)


def finding(
    context: Context, shares: Sequence[Share], sign: int, message: str, note: str | None = None
) -> Diagnostic:
    """What statements do to a signal that fades (``sign`` -1) or grows, the gravest first."""
    shares = sorted(shares, key=lambda share: -share.total * sign)
    worst = shares[0]
    places = [_place(share.layers[0]) for share in shares[:_MAX_LABELS]]
    edits = [edit for share in shares if (edit := _edit(context, share)) is not None]
    index = _of_index(worst)
    notes = [_why(worst), *([note] if note else [])]
    if len(shares) > _MAX_LABELS:
        notes.append(f"{len(shares) - _MAX_LABELS} more statements do the same")
    return Diagnostic(
        "R701",
        message,
        places[0],
        label=_label(worst),
        layer=worst.layers[0].name,
        labels=tuple(
            Label(place, _label(share))
            for place, share in zip(places[1:], shares[1:_MAX_LABELS], strict=True)
            if place != places[0]
        ),
        notes=tuple(notes),
        help=index or _help(worst, edits[0] if edits else None),
        edits=tuple(edits) if len(edits) == len(shares) and index is None else (),
        severity=WARNING,
    )


def _shares(context: Context, layers: tuple[Layer, ...], variances: list[float]) -> Iterator[Share]:
    before: Activation | None = None
    done, reached = 0, 0.0
    for _, run in groupby(layers, key=lambda layer: layer.statement):
        members = tuple(run)
        own = members[-1].activation
        if len(members) > 1:
            before = own
        done += len(members)
        bits = following(context, members[-1], before, 0.0)
        yield Share(members, before, bits, variances[done - 1] - reached)
        before, reached = own, variances[done - 1]


def _about(bits: float) -> str:
    return f"starts at about {decimal(bits)}"


def _label(share: Share) -> str:
    if len(share.layers) == 1:
        return f"this multiplies the RMS by {decimal(share.actual / 2)}"
    # What is not homogeneous treats signals of another size differently.
    mean = "" if share.before is None or share.before.is_homogeneous else ", on average"
    return f"each layer multiplies the RMS by {decimal(share.actual / 2)}{mean}"


def _why(share: Share) -> str:
    if share.before is None:
        first = share.layers[0].fan_in
        fan_in = str(first.factor) if not first.wide else first.words(WIDTH)
        return f"inputs of size 1 are summed over fan_in = {fan_in} entries"
    kept = second_moment(*known(share.before), 1.0)
    name = share.before.name
    words = f"`{name}` makes {kept:.3g} of a variance of 1"
    return words if kept != 0.5 else f"`{name}` halves the variance"


def _place(layer: Layer) -> Span:
    return layer.weight.place("var", "std", "scale") or layer.name_place


def _change(share: Share) -> Fraction:
    """What the variance is to be multiplied with, as a number that a person would write."""
    wanted = Fraction(2.0**-share.bits)
    near = (
        wanted.limit_denominator(12) if share.bits < 0 else 1 / (1 / wanted).limit_denominator(12)
    )
    if abs(near / wanted - 1) < Fraction(1, 1000):
        return near
    return Fraction(f"{float(wanted):.3g}")


def _edit(context: Context, share: Share) -> Edit | None:
    tensor, bias = share.layers[0].weight, share.layers[0].bias
    written = next((name for name in ("var", "std") if tensor.place(name)), None)
    has_bias = bias is not None and not bias.std.is_zero
    if written is None or has_bias or abs(share.bits) > BEYOND:
        return None
    if share.bits * share.total <= 0:
        return None  # It keeps a variance of 1, or brings one nearer to it.
    place = tensor.place(written)
    assert place is not None
    return scaled(context, place, _change(share), is_root=written == "std")


def _of_index(share: Share) -> str | None:
    """What to write if the input is an index, as a read-in of unit entries is for."""
    layer = share.layers[0]
    size = layer.fan_in.factor
    is_unit = is_one(layer.weight.std.times(layer.weight.scale))
    is_many = size >= _MANY and share.before is None and not layer.fan_in.wide
    if not (is_many and is_unit and layer.kind == LayerKind.DENSE):
        return None
    name = layer.statement
    return (
        f"if the input is an index, write `input tokens {size}` and `{name}: embedding -> n`: its "
        f"entries keep their size; if it is a vector, `std = 1 / sqrt(fan_in)`"
    )


def _help(share: Share, edit: Edit | None) -> str:
    tensor = share.layers[0].weight
    name = share.layers[0].statement
    if edit is not None:
        return f"use `{'var' if tensor.place('var') else 'std'} = {edit.text}`: h keeps its size"
    if abs(share.bits) > BEYOND:
        return f"bring the std of `{name}` near 1 / sqrt(fan_in)"
    knob = "std" if tensor.place("var", "std") else "scale"
    return f"multiply the {knob} of `{name}` by {sqrt(_change(share)):.3g}: h keeps its size"
