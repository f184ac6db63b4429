"""R701: representations that are of order one in n and L, but far from one at these numbers.

Only sizes that matter are told of: what norms alone read may be of any, and so may what a branch
adds, as long as the stream keeps its own.

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
from richc.rules.signal import (
    BEYOND,
    LIMIT,
    Closed,
    Opened,
    Passed,
    first_far,
    floor_of,
    init_of,
    known,
    reaching,
)
from richc.spec.activation import Activation
from richc.spec.arrangement import ResidualBlock
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
    found = context.passed
    at = first_far(found)
    if at is None:
        return
    layer, block = found[at].layer, _of_which(found, at)
    if layer is not None and layer.kind.is_norm:
        yield _of_norm(context, layer, found[at])
    elif block is not None:
        yield from _of_stream(context, found, block, at)
    else:
        yield from _of_layers(context, found, at)


def _of_layers(context: Context, found: Sequence[Passed], at: int) -> Iterator[Diagnostic]:
    """Layers in a row, from the input, a norm or an end of a branch on."""
    begin = next((i + 1 for i in reversed(range(at)) if found[i].is_joint), 0)
    output = len(found) - 1
    end = next((i for i in range(at, output) if found[i].is_joint), output)
    row = [(p.layer, p) for p in found[begin:end] if p.layer is not None]
    here = sum(p.layer is not None for p in found[begin:at])
    bits = found[at].size / 2
    shrinks = bits < 0
    sign = -1 if shrinks else 1
    reached = found[begin - 1].size if begin else 0.0
    shares = [s for s in _shares(context, row, here, reached) if s.total * sign > FINE]
    if not shares:
        return
    start = f"entries of `{row[here][0].name}` start at about {decimal(bits)}"
    drift = f"the signal {'fades' if shrinks else 'grows'} with depth: {start}"
    note = None
    if here < len(row) - 1 and end == output:
        layer, last = row[-1]
        note = f"the last representation, `{layer.name}`, starts at about {decimal(last.size / 2)}"
    yield _finding(context, shares, sign, drift if here else f"{start}, not near 1", note)


def _shares(
    context: Context, row: Sequence[tuple[Layer, Passed]], here: int, reached: float
) -> Iterator[Share]:
    """What each statement does that begins up to ``here``; in blocks in a row, in all of them."""
    shares: dict[str, Share] = {}
    begin = 0
    for statement, run in groupby(row, key=lambda item: item[0].statement):
        members = [*run]
        layer, last = members[-1]
        if begin <= here or statement in shares:
            bits = init_of(context, layer).made(reaching(last.activation, 0.0))
            layers = tuple(layer for layer, _ in members)
            share = Share(layers, last.activation, bits, last.size - reached)
            if (known := shares.get(statement)) is not None:
                share = share._replace(
                    layers=known.layers + layers, total=known.total + share.total
                )
            shares[statement] = share
        begin += len(members)
        reached = last.size
    yield from shares.values()


def _finding(
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


def _of_which(found: Sequence[Passed], at: int) -> ResidualBlock | None:
    """The residual whose stream is far off; None where it is what stands in front of ``at``."""
    step = found[at].step
    if isinstance(step, Closed):
        return step.block
    joint = next((passed for passed in reversed(found[:at]) if passed.is_joint), None)
    if joint is None or not isinstance(joint.step, Opened):
        return None
    # A stream that is read as it is has the larger share in what is far off.
    return joint.step.block if joint.size / found[at].size > 1 / 2 else None


def _of_stream(
    context: Context, found: Sequence[Passed], block: ResidualBlock, at: int
) -> Iterator[Diagnostic]:
    """A stream that its blocks make large: it cannot fade, since it is carried along."""
    first = next(i for i, p in enumerate(found) if isinstance(p.step, Opened))
    last = max(i for i, p in enumerate(found) if isinstance(p.step, Closed))
    begins, ends = found[first].source / 2, found[last].size / 2
    if ends - begins < LIMIT / 2:
        return  # It was large before.
    depth = context.model.depth
    place = f" at {depth.symbol} = {depth.value}" if depth is not None else ""
    opened = max(i for i in range(at) if found[i].step == Opened(block))
    closed = next(i for i in range(opened, len(found)) if found[i].step == Closed(block))
    share = found[closed].source / 2 + context.log2(block.scale) - found[opened].source / 2
    yield Diagnostic(
        "R701",
        f"the stream grows with depth: it starts at about {decimal(begins)} and reaches about "
        f"{decimal(ends)}{place}",
        block.place("scale"),
        label=f"this branch begins at {decimal(share)} of its stream",
        layer=block.name,
        notes=("powers of the depth are right, the number before them is not",),
        help="a smaller `scale`, or a norm in front of the read-out and of every branch: the "
        "stream's own size is then free",
        severity=WARNING,
    )


def _of_norm(context: Context, layer: Layer, at: Passed) -> Diagnostic:
    """A norm whose eps is larger than what it normalises."""
    floor = floor_of(context, layer)
    written = "" if layer.floor is not None else ", which is PyTorch's own,"
    return Diagnostic(
        "R701",
        f"the eps of `{layer.name}`{written} outgrows what it normalises: entries start at about "
        f"{decimal(at.size / 2)}, not near 1",
        layer.name_place,
        label=f"eps is {decimal(floor)} beside a mean square of {decimal(at.source)}",
        layer=layer.name,
        help="a smaller `eps`, or a larger std in front of the norm",
        severity=WARNING,
    )
