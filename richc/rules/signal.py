"""The size of every representation at init, at the declared width and depth: what R701 looks at.

The exponents say that h ~ n^0.  Its prefactor follows from the variance map of the activations,
q_l = fan_in (M s)^2 E phi(z)^2 with z ~ N(0, q_(l-1)): Poole et al. 2016 (arXiv 1606.05340),
equation 3; He et al. 2015 (arXiv 1502.01852), equation 10, for relu.  A stream adds branches whose
weights are independent, so that mean squares add: q <- s^2 q + M^2 v, where v is what the branch
makes of q (Yang et al. 2023, arXiv 2310.02244, section 3); what has a mean of its own adds up
coherently.  A norm makes 1 of any q, but for its eps.  Inputs are taken as standardised, which is
what the compiled program makes of them.

A chain is walked through as a network with blocks is: it has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from math import floor, inf, log2
from typing import TYPE_CHECKING, NamedTuple

from richc.spec.activation import Activation
from richc.spec.arrangement import Part, RepeatedBlocks, ResidualBlock
from richc.spec.model import LayerKind

if TYPE_CHECKING:
    from richc.rules.context import Context
    from richc.spec.model import Dim, Layer, Model

#: log2 of the RMS, or of its inverse, that is worth a warning.
LIMIT = log2(10)
#: log2 of variances beyond which an activation is what it is far from zero, or near it.
BEYOND = 80.0
#: log2 of a layer's factor below which h does not drift: tanh fades like 1/depth, and may.
_STILL = 0.05
#: Second moments are computed for so many variances in every doubling; between them their log2 is
#: linear to 1e-3.
_PER_DOUBLING = 8
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
    """One step of the forward pass; sizes are log2 of mean squares, -inf for zeros."""

    step: Step
    #: What it is, unless it is something around layers; and the activation in front of it.
    layer: Layer | None
    activation: Activation | None
    #: Of what the step before made, of what this one reads behind the activation, and of what it
    #: makes.
    before: float
    source: float
    size: float
    #: Whether norms only read what it makes, or it is zero, a branch's output or the network's: its
    #: size is then free.
    is_free: bool

    @property
    def is_joint(self) -> bool:
        """Whether sizes begin anew: at a norm, and where a branch begins and ends."""
        if self.layer is None:
            return not isinstance(self.step, Activation)
        return self.layer.kind.is_norm

    @property
    def is_far(self) -> bool:
        """Whether it should be of order one, is far from it, and not by what it reads."""
        if self.is_free or abs(self.size) <= 2 * LIMIT:
            return False
        if self.layer is None:
            return isinstance(self.step, Closed)
        return abs(self.size - self.before) > _STILL


class Init(NamedTuple):
    """log2 of what a layer multiplies a mean square by, and of that which its bias has."""

    factor: float
    bias: float

    def made(self, source: float) -> float:
        """log2 of the mean square of what it makes."""
        return total(source + self.factor, self.bias)


def first_far(found: Sequence[Passed]) -> int | None:
    """The first step whose output is far from order one, and on its way there."""
    return next((at for at, passed in enumerate(found) if passed.is_far), None)


def forward(context: Context) -> list[Passed]:
    """The forward pass; empty where it is too long to be followed."""
    model = context.model
    depth = 1 if model.depth is None else model.depth.value
    steps = [*islice(_steps(model.arrangement, depth), _MOST_STEPS + 1)]
    if len(steps) > _MOST_STEPS:
        return []
    found: list[Passed] = []
    #: By what repeated layers share.
    inits: dict[tuple[int, int, Dim], Init] = {}
    #: Streams that branches are being made for, and the mean squares of what in them has a mean.
    streams: list[tuple[float, float]] = []
    size, mean, activation = 0.0, -inf, None
    for step, is_read_freely in zip(steps, _freely(model, steps), strict=True):
        layer = model.layers[step] if isinstance(step, int) else None
        before, source, own = size, reaching(activation, size), None
        if isinstance(step, Opened):
            streams.append((source, mean))
            size = source
        elif isinstance(step, Closed):
            size, mean = _added(context, step.block, streams.pop(), source, size)
        elif isinstance(step, Activation):
            size, own = source, step
        elif layer is not None:
            key = id(layer.weight), id(layer.bias), layer.fan_in
            if key not in inits:
                inits[key] = init_of(context, layer)
            size = source - divisor_of(context, layer, source) if layer.kind.is_norm else source
            size, mean, own = inits[key].made(size), -inf, layer.activation
        is_scaled = own is None or own.is_homogeneous
        is_free = (is_scaled and is_read_freely) or -inf in (source, size)
        found.append(Passed(step, layer, activation, before, source, size, is_free))
        activation = own
    return found


def init_of(context: Context, layer: Layer) -> Init:
    """A layer as it is at init; a norm's factor is 1."""
    weight, bias = layer.weight, layer.bias
    factor = 0.0
    if not layer.kind.is_norm:
        factor = 2 * (context.log2(weight.scale) + context.log2(weight.std))
        factor += log2(layer.fan_in.at(context.model.width))
    return Init(factor, -inf if bias is None else 2 * context.log2(bias.scale.times(bias.std)))


def reaching(before: Activation | None, variance: float) -> float:
    """log2 of the mean square of what an activation makes of a Gaussian with this variance."""
    if before is None:
        return variance
    if before.is_homogeneous:
        return variance + log2((1 + before.below**2) / 2)
    if variance == -inf:
        return _moment(*known(before), variance)
    return _between(before, variance, _moment)


def returning(before: Activation | None, variance: float) -> float:
    """log2 of what an activation of such a Gaussian multiplies a gradient's mean square by."""
    if before is None:
        return 0.0
    return _between(before, max(variance, -BEYOND), _slope_moment)


def _between(
    activation: Activation, variance: float, moment: Callable[[str, float, float], float]
) -> float:
    # Beyond the last points as between them: phi is a constant or a slope there.
    low = floor(max(-BEYOND, min(variance, BEYOND)) * _PER_DOUBLING) / _PER_DOUBLING
    one, other = (moment(*known(activation), low + more / _PER_DOUBLING) for more in (0, 1))
    return one + (other - one) * _PER_DOUBLING * (variance - low)


@lru_cache(maxsize=4096)
def _moment(name: str, slope: float, variance: float) -> float:
    from richc.algebra.gaussian import second_moment  # many activations are homogeneous

    return _log2(second_moment(name, slope, 2.0**variance))


@lru_cache(maxsize=4096)
def _slope_moment(name: str, slope: float, variance: float) -> float:
    from richc.algebra.gaussian import slope_moment

    return _log2(slope_moment(name, slope, 2.0**variance))


def total(one: float, other: float) -> float:
    """log2(2^one + 2^other)."""
    high, low = max(one, other), min(one, other)
    return high + log2(1 + 2.0 ** (low - high)) if low > -inf else high


def known(activation: Activation) -> tuple[str, float]:
    """The arguments of ``second_moment``."""
    return activation.name, float(activation.below)


def floor_of(context: Context, layer: Layer) -> float:
    """log2 of what a norm adds to the mean square under its root."""
    return _FLOORS[layer.kind] if layer.floor is None else context.log2(layer.floor)


def skip_of(context: Context, block: ResidualBlock) -> float:
    """log2 of what the stream is multiplied by beside a branch."""
    depth = context.model.depth
    if block.is_leaky and depth is not None:
        return _log2(1 - 1 / depth.value)
    return context.log2(block.skip)


def divisor_of(context: Context, layer: Layer, source: float) -> float:
    """log2 of the mean square that a norm divides by; 0 where that is exactly zero."""
    divisor = total(source, floor_of(context, layer))
    return divisor if divisor > -inf else 0.0


def _log2(value: float) -> float:
    return log2(value) if value else -inf


def _added(
    context: Context, block: ResidualBlock, before: tuple[float, float], branch: float, last: float
) -> tuple[float, float]:
    """The mean square of a stream and its branch together, and what of it has a mean.

    ``last`` is that of the branch before its last activation.
    """
    skip, scale = 2 * skip_of(context, block), 2 * context.log2(block.scale)
    stream, mean = (size + skip for size in before)
    both = total(stream, branch + scale)
    end = _end_with_mean(context.model, block)
    if end is None:
        return both, mean
    from richc.algebra.gaussian import mean_share  # most branches end with a layer

    share = mean_share(*known(end), 2.0 ** max(-BEYOND, min(last, BEYOND)))
    of_branch = branch + scale + _log2(share)
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
