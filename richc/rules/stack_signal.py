"""The size of every representation of a network with blocks at init, at the declared numbers.

A stream adds branches whose weights are independent, so that mean squares add:
q <- s^2 q + M^2 v, where v is what the branch makes of q (Yang et al. 2023, arXiv 2310.02244,
section 3); what has a mean of its own adds up coherently.  A norm makes 1 of any q, but for its
eps.  Between them the variance map of chains holds (richc/rules/signal.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from math import inf, log2
from typing import NamedTuple

from richc.algebra.gaussian import mean_share
from richc.rules.context import Context
from richc.rules.signal import BEYOND, LIMIT, STILL, known, reaching, total, with_bias
from richc.spec.activation import Activation
from richc.spec.arrangement import Part, RepeatedBlocks, ResidualBlock
from richc.spec.model import Layer, LayerKind, Model

#: Steps of the forward pass that are followed: 10 µs each.
_MOST_STEPS = 20_000
#: log2 of the eps of PyTorch's norms, where a file says none: torch.finfo(torch.float32).eps, 1e-5.
_FLOORS = {LayerKind.RMSNORM: -23.0, LayerKind.LAYERNORM: log2(1e-5)}


class Opened(NamedTuple):
    """The beginning of a branch."""

    block: ResidualBlock


class Closed(NamedTuple):
    """Its end, where it is added to the stream."""

    block: ResidualBlock


#: A layer or a norm by its index, an activation of the stream, or an end of a branch.
Step = int | Activation | Opened | Closed


class Passed(NamedTuple):
    """One step of the forward pass; sizes are log2 of mean squares."""

    step: Step
    #: Of what it reads, and of what it makes.
    source: float
    size: float
    #: Whether norms only read what it makes, or it is zero, a branch's output or the network's: its
    #: size is then free.
    is_free: bool


def passed(context: Context) -> list[Passed]:
    """The forward pass, as far as it is followed: empty where that is too long."""
    model = context.model
    depth = 1 if model.depth is None else model.depth.value
    steps = [*islice(_steps(model.arrangement, depth), _MOST_STEPS + 1)]
    if len(steps) > _MOST_STEPS:
        return []
    is_read_freely = _freely(model, steps)
    seen: dict[tuple[float, Activation | None], float] = {}
    found: list[Passed] = []
    #: Streams that branches are being made for, and the mean squares of what in them has a mean.
    streams: list[tuple[float, float]] = []
    size, mean, before = 0.0, -inf, None
    for at, step in enumerate(steps):
        key = size, before
        if key not in seen:
            seen[key] = reaching(before, size)
        source, own = seen[key], None
        if isinstance(step, Opened):
            streams.append((source, mean))
            size = source
        elif isinstance(step, Closed):
            size, mean = _added(context, step.block, streams.pop(), source, size)
        elif isinstance(step, Activation):
            size, own = source, step
        else:
            layer = model.layers[step]
            size, own = _after(context, layer, source), layer.activation
            mean = -inf
        size = max(size, -BEYOND)  # Zeros are meant.
        is_scaled = own is None or own.is_homogeneous
        is_free = (is_scaled and is_read_freely[at]) or min(source, size) <= -BEYOND
        found.append(Passed(step, source, size, is_free))
        if size > BEYOND:
            break
        before = own
    return found


def floor_of(context: Context, layer: Layer) -> float:
    """log2 of what a norm adds to the mean square under its root."""
    return _FLOORS[layer.kind] if layer.floor is None else context.log2(layer.floor)


def first_far(found: Sequence[Passed]) -> int | None:
    """The first step whose output should be of order one, is far from it, and not by its input."""
    for at, (_, source, size, is_free) in enumerate(found):
        if not is_free and abs(size) > 2 * LIMIT and abs(size - source) > STILL:
            return at
    return None


def _after(context: Context, layer: Layer, source: float) -> float:
    if layer.kind.is_norm:
        size = source - total(source, floor_of(context, layer))
    else:
        size = 2 * (context.log2(layer.weight.scale) + context.log2(layer.weight.std))
        size += log2(layer.fan_in.at(context.model.width)) + source
    return with_bias(context, layer, size)


def _added(
    context: Context, block: ResidualBlock, before: tuple[float, float], branch: float, last: float
) -> tuple[float, float]:
    """The mean square of a stream and its branch together, and what of it has a mean.

    ``last`` is that of the branch before its last activation.
    """
    skip, scale = 2 * context.log2(block.skip), 2 * context.log2(block.scale)
    if block.is_leaky and context.model.depth is not None:
        depth = context.model.depth.value
        skip = 2 * log2(1 - 1 / depth) if depth > 1 else -inf
    stream, mean = (size + skip for size in before)
    both = total(stream, branch + scale)
    end = _end_with_mean(context.model, block)
    if end is None:
        return both, mean
    of_branch = branch + scale + log2(mean_share(*known(end), 2.0**last))
    if mean == -inf:
        return both, of_branch
    return total(both, 1 + (mean + of_branch) / 2), 2 * total(mean / 2, of_branch / 2)


def _end_with_mean(model: Model, block: ResidualBlock) -> Activation | None:
    """The activation at the end of a branch, if its mean is not zero."""
    for part in reversed(block.parts):
        activation = part if isinstance(part, Activation) else model.layers[part].activation
        if activation is not None and _has_mean(activation):
            return activation
        if isinstance(part, int) and model.layers[part].kind != LayerKind.RMSNORM:
            return None
    return None


def _has_mean(activation: Activation) -> bool:
    return activation.below != 1 if activation.is_homogeneous else activation.kind.has_mean


def _steps(parts: Sequence[Part], depth: int) -> Iterator[Step]:
    for part in parts:
        if isinstance(part, RepeatedBlocks):
            for _ in range(depth if part.times is None else part.times):
                yield from _steps(part.parts, depth)
        elif isinstance(part, ResidualBlock):
            yield Opened(part)
            yield from part.parts
            yield Closed(part)
        else:
            yield part


def _freely(model: Model, steps: Sequence[Step]) -> list[bool]:
    """For every step, whether all that reads its output divides by its size.

    A branch's output has no size of its own: it is the stream that is judged.  Nor has the
    network's: the richness wants it small, or of order one.
    """
    found: list[bool] = []
    is_free = True
    after: list[bool] = []
    for step in reversed(steps):
        found.append(is_free)
        if isinstance(step, Closed):
            after.append(is_free)
            is_free = True
        elif isinstance(step, Opened):
            is_free = is_free and after.pop()
        elif isinstance(step, Activation):
            is_free = is_free and step.is_homogeneous
        else:
            is_free = model.layers[step].kind.is_norm
    found.reverse()
    return found
