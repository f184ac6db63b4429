"""R701 in networks with blocks: streams and what stands inside of branches, at these numbers.

Only sizes that matter are told of: what norms alone read may be of any, and so may what a branch
adds, as long as the stream keeps its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from richc.diagnostics import WARNING, Diagnostic
from richc.rules.common import decimal
from richc.rules.context import Context
from richc.rules.signal import LIMIT, following
from richc.rules.signal_prefactor import FINE, Share, finding
from richc.rules.stack_signal import Closed, Opened, Passed, first_far, floor_of
from richc.spec.activation import Activation
from richc.spec.arrangement import ResidualBlock
from richc.spec.model import Layer


def of_blocks(context: Context) -> Iterator[Diagnostic]:
    found = context.passed
    at = first_far(found)
    if at is None:
        return
    step, size = found[at].step, found[at].size
    block = _of_which(found, at)
    if block is not None:
        yield from _of_stream(context, found, block, at)
    elif isinstance(step, int):
        layer = context.model.layers[step]
        if layer.kind.is_norm:
            yield _of_norm(context, layer, found[at])
            return
        sign = 1 if size > 0 else -1
        shares = [s for s in _shares(context, found[: at + 1]) if s.total * sign > FINE]
        if shares:
            start = f"entries of `{layer.name}` start at about {decimal(size / 2)}, not near 1"
            yield finding(context, shares, sign, start)


def _of_which(found: Sequence[Passed], at: int) -> ResidualBlock | None:
    """The residual whose stream is far off; None where it is what stands in front of ``at``."""
    step = found[at].step
    if isinstance(step, Closed):
        return step.block
    ends = [i for i in range(at) if isinstance(found[i].step, Opened | Closed)]
    opened = found[ends[-1]] if ends else None
    if opened is None or not isinstance(opened.step, Opened):
        return None
    # A stream that is read as it is has the larger share in what is far off.
    return opened.step.block if opened.size > found[at].size - opened.size else None


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


def _shares(context: Context, found: Sequence[Passed]) -> Iterator[Share]:
    """What each statement does, from the last norm or stream on."""
    begin = 0
    for i, at in enumerate(found):
        is_norm = isinstance(at.step, int) and context.model.layers[at.step].kind.is_norm
        if is_norm or isinstance(at.step, Opened | Closed):
            begin = i + 1
    before: Activation | None = None
    if begin and isinstance(norm := found[begin - 1].step, int):
        before = context.model.layers[norm].activation
    reached = found[begin - 1].size if begin else 0.0
    layers = context.model.layers
    for step, run in groupby(found[begin:], key=lambda at: _statement(layers, at)):
        members = list(run)
        if step is None:
            before = next(m.step for m in members if isinstance(m.step, Activation))
            continue
        of_run = tuple(layers[m.step] for m in members if isinstance(m.step, int))
        if len(of_run) > 1:
            before = of_run[-1].activation
        bits = following(context, of_run[-1], before, 0.0)
        yield Share(of_run, before, bits, members[-1].size - reached)
        before, reached = of_run[-1].activation, members[-1].size


def _statement(layers: Sequence[Layer], at: Passed) -> str | None:
    return layers[at.step].statement if isinstance(at.step, int) else None
