"""All sizes of a network, in the first step and in every later one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from richc.algebra.exponent import ONE
from richc.algebra.sizes import ZERO_SIZE, Size, Zero, largest
from richc.calculus.loop import Placed, backward, forward, place, upward, wake
from richc.calculus.ops import (
    FIXED,
    PLAIN,
    UNIT,
    WIDE,
    Axis,
    Bias,
    Domain,
    Elementwise,
    Gain,
    Linear,
    Norm,
    Op,
    Parameter,
    Phase,
    Site,
    Step,
    Undecided,
    every,
)
from richc.calculus.residual import READS_GROWTH, Residual, is_centred

#: How many steps a homogeneous network that starts small is followed: what grows by less than a
#: hundredth of its distance to one a step has not arrived when training ends; and layers times
#: steps, so that no file takes minutes.
_LEAST_STEPS = 8
_MOST_WORK = 5_000


class Stage(NamedTuple):
    """One layer: its weight, its bias, and whether its fan-in and fan-out grow with n."""

    weight: Parameter
    bias: Parameter | None
    wide_in: bool
    wide_out: bool
    #: The update laws of optimizers of their own.
    step: Step | None = None
    bias_step: Step | None = None

    @property
    def ops(self) -> Iterator[Op]:
        """What the layer does before its activation."""
        fan_in, fan_out = (WIDE if wide else FIXED for wide in (self.wide_in, self.wide_out))
        yield Linear(self.weight, fan_in, fan_out, self.step)
        if self.bias is not None:
            yield Bias(self.bias, fan_out, self.bias_step)


class LayerFlow(NamedTuple):
    """The sizes at one layer, in one phase.

    The read-out's own "representation" is the output f: there ``h`` is f at init, ``dh`` the
    whole change of f, and ``gradient`` is one.
    """

    #: The representation at init.
    h: Size
    #: What reaches the weight from below.
    source: Size
    #: The entries of df/dh.
    gradient: Size
    #: By what the weight multiplies a change from below, and a gradient on its way back.
    gain: Size
    #: What the weight's and the bias's own updates add to the representation.
    own: Size
    bias_own: Size
    #: What the layers below add, through this layer's weight.
    carried: Size
    #: The representation's whole update.
    dh: Size
    #: What this layer's own updates add to the output's change, in all blocks together.
    df: Size
    bias_df: Size
    #: What the whole update of the representation adds to the output's change.
    reach: Size


#: Of a layer of which nothing is run: a norm without a gain, or a network that is not decided.
NOTHING = LayerFlow(*[ZERO_SIZE] * len(LayerFlow._fields))


class Flow(NamedTuple):
    """All sizes of a network by layer: in the first step, and in every later one."""

    first: tuple[LayerFlow, ...]
    later: tuple[LayerFlow, ...]


class Representation(NamedTuple):
    """A representation: what the last of its sites makes, which begin with a weight or a norm."""

    sites: tuple[Site, ...]
    #: Of how many blocks it is one.
    blocks: Axis
    #: The residual op that it is in, and whether it is what a branch adds to the stream.
    region: Site | None
    is_added: bool
    #: Only norms read it, so that its size is free.
    is_normed: bool
    is_output: bool

    @property
    def at(self) -> Site:
        return self.sites[-1]

    @property
    def is_free(self) -> bool:
        """Whether its size plays no part: only norms read it, or a norm has made it."""
        return self.is_normed or isinstance(self.sites[0].op, Norm)

    @property
    def layer(self) -> int:
        return self.sites[0].layer

    @property
    def is_bounded(self) -> bool:
        """Whether D0 says how large a change of it may be."""
        return not self.is_output and not self.is_added

    @property
    def most(self) -> Size:
        """How large a change of it may be, where there is a bound."""
        return self.at.height if self.is_normed else UNIT

    def to_output(self, site: Site | None = None) -> Size:
        """What an aligned change of it, or of what one of its sites makes, makes of the output.

        In one block, that is.
        """
        return (UNIT if self.is_output else ONE) + (site or self.at).gradient

    @property
    def shares(self) -> Iterator[tuple[Site, Size]]:
        """What its weight, its bias and its gain, in all blocks, add to the output."""
        for site in self.sites:
            if site.op.letter:
                yield site, self.blocks.whole + self.to_output(site) + site.own

    @property
    def reach(self) -> Size:
        """What its whole change, in all blocks, adds to the output."""
        return self.blocks.whole + self.to_output() + self.at.change


def placed(stages: Iterable[Stage]) -> Iterator[Placed]:
    """The ops of a chain of layers without their activations, each with its layer."""
    for layer, stage in enumerate(stages):
        for op in stage.ops:
            yield layer, op


def begin(ops: Sequence[Placed], domain: Domain = PLAIN) -> tuple[list[Site], list[Representation]]:
    """The sites of a network at init, and its representations.

    Raises Undecided and Exponential.
    """
    sites = place(ops)
    forward(sites, UNIT, domain)
    for index, site in enumerate(sites):
        if site.is_forgetful and is_centred(op for _, op in ops[index + 1 :]):
            raise Undecided(READS_GROWTH)
    values = [*representations(sites)]
    for value in values:
        _limit(value)
    return sites, values


def steps(sites: Sequence[Site], step: Step) -> Iterator[int]:
    """Every step until nothing is new, by its number: the sizes are then those of that step.

    In the first step every factor is its init; later it is init plus update.  That wakes a
    read-out that starts at zero, a hidden weight that starts small beside a bias of order one, and
    the representations of a homogeneous network that start small.  From one step to the next sizes
    only grow, and a source to one at most.
    """
    layers = sum(site.ends for site in sites)
    for number in range(max(_LEAST_STEPS, _MOST_WORK // layers)):
        phase = Phase(step, PLAIN, is_later=number > 0)
        backward(sites, UNIT, phase)
        upward(sites, ZERO_SIZE, phase)
        yield number
        is_new = wake(sites)
        if not is_new and (number or not any(map(_grows, every(sites)))):
            return


def _grows(site: Site) -> bool:
    """Whether a weight does more by its own update than by its init."""
    return isinstance(site.op, Linear) and site.op.wakes(site)


def representations(
    sites: Sequence[Site], region: Site | None = None, blocks: Axis = FIXED
) -> Iterator[Representation]:
    """The representations of a network, or of a branch, with those inside of blocks."""
    index = 0
    while index < len(sites):
        site, end = sites[index], index + 1
        if isinstance(site.op, Residual):
            for inner in site.inner:
                yield from representations(inner, site, site.op.blocks)
        elif isinstance(site.op, Elementwise):
            index = end
            continue
        while end < len(sites) and isinstance(sites[end].op, Bias | Gain):
            end += 1
        is_last = end == len(sites)
        yield Representation(
            tuple(sites[index:end]),
            blocks,
            region,
            is_added=is_last and region is not None,
            is_normed=_is_normed(sites[end:]),
            is_output=is_last and region is None,
        )
        index = end


def _limit(value: Representation) -> None:
    """A weight before a norm may owe as much to its updates as to its init, however large it is."""
    weight = value.sites[0]
    if value.is_normed and isinstance(weight.op, Linear) and not isinstance(weight.height, Zero):
        weight.limit = weight.height + -weight.source


def _is_normed(rest: Sequence[Site]) -> bool:
    for site in rest:
        op = site.op
        if isinstance(op, Norm):
            # Beside a larger eps, sizes stay what they are.
            return site.divisor == site.source
        if isinstance(op, Residual):
            if op.post_norm or not all(_is_normed(inner) for inner in site.inner):
                return False
        elif not (
            isinstance(op, Bias | Gain) or (isinstance(op, Elementwise) and op.is_homogeneous)
        ):
            return False
    return False


def summaries(values: Sequence[Representation], domain: Domain = PLAIN) -> dict[int, LayerFlow]:
    """The sizes at every layer of which something is run, by its index.

    Of several blocks in a row, those of the one where most moves.
    """
    found: dict[int, LayerFlow] = {}
    for value in values:
        if isinstance(value.sites[0].op, Residual):
            continue
        for layer, group in groupby(value.sites, attrgetter("layer")):
            flow = _summary(value, [*group], domain)
            known = found.get(layer)
            if known is None or largest(known.df, known.bias_df) <= largest(flow.df, flow.bias_df):
                found[layer] = flow
    return found


def _summary(value: Representation, sites: Sequence[Site], domain: Domain) -> LayerFlow:
    layer, last = sites[0].layer, sites[-1]
    df: Size = ZERO_SIZE
    bias_df: Size = ZERO_SIZE
    bias_own: Size = ZERO_SIZE
    weight = sites[0]
    for site, share in value.shares:
        if site.layer != layer:
            continue
        if isinstance(site.op, Bias):
            bias_own, bias_df = site.own, domain.named("t'", layer, share)
        else:
            weight, df = site, domain.named("t", layer, share)
    return LayerFlow(
        h=last.height,
        source=weight.source,
        gradient=weight.gradient,
        gain=weight.gain,
        own=weight.own,
        bias_own=bias_own,
        carried=weight.carried,
        dh=last.change,
        df=df,
        bias_df=bias_df,
        reach=domain.named("T", layer, value.blocks.whole + value.to_output() + last.change),
    )
