"""D0 to D4 of a network with residual blocks, norms and depth.

A weight that every block has is a family of as many weights, and the desiderata ask of families
what they ask of the weights of a chain.  D4 takes D3 literally inside a block: a weight changes
what follows it by no less than what reaches it from before (Dey et al. 2025, arXiv 2505.01618,
section 3: the difference between Depth-muP and CompleteP); docs/theory.md, "Desiderata of a stack".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import NamedTuple

from richc.algebra.exponent import ONE
from richc.algebra.sizes import ZERO_SIZE, Size, Zero, largest
from richc.calculus.loop import Placed, backward, forward, place, upward, wake
from richc.calculus.ops import (
    FIXED,
    PLAIN,
    UNIT,
    Axis,
    Bias,
    Domain,
    Elementwise,
    Gain,
    Linear,
    Norm,
    Op,
    Phase,
    Site,
    Step,
    Undecided,
    every,
)
from richc.calculus.residual import READS_GROWTH, Exponential, Opaque, Residual, is_centred
from richc.calculus.run import LayerFlow, most_steps
from richc.calculus.verdict import HOLDS, NOT_EVALUATED, VIOLATED, Breach, Status


class StackFault(NamedTuple):
    """A desideratum broken at one place, by the size of something."""

    desideratum: str
    kind: Breach
    layer: int
    size: Size
    of_bias: bool = False
    #: By how much ``size`` is too large or too small.
    excess: Size = ZERO_SIZE
    #: Only because something else is too large.
    is_consequence: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """What two of one kind at one place have in common."""
        return self.desideratum, self.kind, self.layer, self.of_bias


class StackVerdict(NamedTuple):
    statuses: dict[str, Status]
    faults: tuple[StackFault, ...]
    #: Why something is not decided, as a clause.
    reason: str = ""
    #: With the sizes of the last step; empty where none could be run.
    values: tuple[Representation, ...] = ()
    sites: tuple[Site, ...] = ()
    #: The sizes of the first step, by layer.
    first: Mapping[int, LayerFlow] = MappingProxyType({})


class Representation(NamedTuple):
    """A representation: what the last of its sites makes, which begin with a weight or a norm."""

    sites: tuple[Site, ...]
    #: Of how many blocks it is one.
    blocks: Axis
    #: The residual op that it is in, and whether it is what a branch adds to the stream.
    region: Site | None = None
    is_added: bool = False
    #: Only norms read it, so that its size is free.
    is_normed: bool = False
    is_output: bool = False

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

    def to_output(self, site: Site | None = None) -> Size:
        """What an aligned change of it, or of what one of its sites makes, makes of the output.

        In one block, that is.
        """
        return (UNIT if self.is_output else ONE) + (site or self.at).gradient


def judge(ops: Sequence[Placed], step: Step) -> StackVerdict:
    """Decide D0 to D4; D4 only where there are branches.  Never raises Undecided."""
    names = ["D0", "D1", "D2", "D3"]
    names += ["D4"] * any(_has_branches(op) for _, op in ops)
    try:
        sites, values = begin(ops)
    except Exponential as error:
        statuses = dict.fromkeys(names, NOT_EVALUATED) | {"D0": VIOLATED}
        fault = StackFault("D0", Breach.EXPONENTIAL, error.layer, ZERO_SIZE)
        return StackVerdict(statuses, (fault,), "the stream grows faster than any power of L")
    except Undecided as error:
        return StackVerdict(dict.fromkeys(names, NOT_EVALUATED), (), str(error))
    faults = [*sizes(values)]
    if faults and not _is_homogeneous(sites, values):
        statuses = dict.fromkeys(names, NOT_EVALUATED) | {"D0": VIOLATED}
        reason = "sizes away from order one are not exact"
        return StackVerdict(statuses, tuple(faults), reason, tuple(values), tuple(sites))
    exploded: dict[tuple[object, ...], StackFault] = {}
    roots: frozenset[tuple[object, ...]] = frozenset()
    first: dict[int, LayerFlow] = {}
    for number in steps(sites, step):
        for fault in explosions(values):
            key = fault.key
            # What explodes in a later step only, does so through what did in the first.
            is_late = number > 0 and bool(roots)
            if key not in roots and (key not in exploded or fault.size > exploded[key].size):
                consequence = fault.is_consequence or is_late
                exploded[key] = fault._replace(is_consequence=consequence)
        if not number:
            roots, first = frozenset(exploded), summaries(values)
    faults += exploded.values()
    explodes = bool(faults)
    for fault in lacks(values):
        exploded[fault.key] = fault._replace(is_consequence=explodes)
    faults += [fault for fault in exploded.values() if fault not in faults]
    broken = {fault.desideratum for fault in faults}
    statuses = {d: VIOLATED if d in broken else HOLDS for d in names}
    return StackVerdict(statuses, tuple(faults), "", tuple(values), tuple(sites), first)


def _has_branches(op: Op) -> bool:
    return isinstance(op, Residual) or (isinstance(op, Opaque) and op.has_branches)


def begin(ops: Sequence[Placed], domain: Domain = PLAIN) -> tuple[list[Site], list[Representation]]:
    """The sites of a network at init, and its representations.

    Raises Undecided and Exponential.
    """
    sites = place(ops)
    forward(sites, UNIT, domain)
    for index, site in enumerate(sites):
        if site.is_forgetful and is_centred(op for _, op in ops[index + 1 :]):
            raise Undecided(READS_GROWTH)
    values = [*_values(sites)]
    for value in values:
        _limit(value)
    return sites, values


def steps(sites: Sequence[Site], step: Step) -> Iterator[int]:
    """Every step until nothing is new, by its number: the sizes are then those of that step."""
    for number in range(most_steps(len(sites))):
        phase = Phase(step, PLAIN, is_later=number > 0)
        backward(sites, UNIT, phase)
        upward(sites, ZERO_SIZE, phase)
        yield number
        if not wake(sites) and number:
            return


def summaries(values: Sequence[Representation]) -> dict[int, LayerFlow]:
    """The sizes at every layer of which something is run, by its index.

    Of several blocks in a row, those of the one where most moves; a family's share of the output's
    change is that of all its members.
    """
    found: dict[int, LayerFlow] = {}
    for value in values:
        if isinstance(value.sites[0].op, Residual):
            continue
        for layer, group in groupby(value.sites, attrgetter("layer")):
            flow = _summary(value, [*group])
            known = found.get(layer)
            if known is None or largest(known.df, known.bias_df) <= largest(flow.df, flow.bias_df):
                found[layer] = flow
    return found


def _summary(value: Representation, sites: Sequence[Site]) -> LayerFlow:
    last = sites[-1]
    trained = [site for site in sites if site.op.letter]
    bias = next((site for site in trained if isinstance(site.op, Bias)), None)
    weight = next((site for site in trained if site is not bias), sites[0])
    known = {id(site): share for site, share in shares(value)}
    return LayerFlow(
        h=last.height,
        source=weight.source,
        gradient=weight.gradient,
        gain=weight.gain,
        own=weight.own,
        bias_own=ZERO_SIZE if bias is None else bias.own,
        carried=weight.carried,
        dh=last.change,
        df=known.get(id(weight), ZERO_SIZE),
        bias_df=ZERO_SIZE if bias is None else known[id(bias)],
        reach=value.blocks.whole + value.to_output() + last.change,
    )


def _values(
    sites: Sequence[Site], region: Site | None = None, blocks: Axis = FIXED
) -> Iterator[Representation]:
    """The representations of a network, or of a branch, with those inside of blocks."""
    index = 0
    while index < len(sites):
        site, end = sites[index], index + 1
        if isinstance(site.op, Residual):
            for inner in site.inner:
                yield from _values(inner, site, site.op.blocks)
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
    if value.is_normed and isinstance(weight.op, Linear) and isinstance(weight.height, Fraction):
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


def _is_homogeneous(sites: Sequence[Site], values: Sequence[Representation]) -> bool:
    """Whether sizes away from order one are exact all the same.

    A bias beside such a size does no harm where only norms read it.
    """
    if any(isinstance(v.at.height, Zero) for v in values if not v.region and not v.is_output):
        return False
    if any(isinstance(at.op, Bias) for v in values if not v.is_free for at in v.sites):
        return False
    ops = (site.op for site in every(sites))
    return all(op.is_homogeneous for op in ops if isinstance(op, Elementwise))


def sizes(values: Sequence[Representation]) -> Iterator[StackFault]:
    """D0 at init.  What a branch adds has no least size, and what only norms read has none."""
    for value in values:
        height = value.at.height
        if value.is_output:
            if height > UNIT:
                yield StackFault("D0", Breach.OUTPUT, value.layer, height, excess=height)
        elif not value.is_added and not value.is_normed and height != UNIT:
            source = value.sites[0].source
            excess = height if isinstance(source, Zero) else height + -source
            is_new = source != height
            yield StackFault(
                "D0", Breach.SIZE, value.layer, height, excess=excess, is_consequence=not is_new
            )


def explosions(values: Sequence[Representation]) -> Iterator[StackFault]:
    """What no step may exceed: D0 of updates, and D1."""
    for value in values:
        change, most = value.at.change, value.at.height if value.is_normed else UNIT
        if not value.is_output and not value.is_added and change > most:
            roots = [site for site in value.sites if site.own > most]
            root = roots[0] if roots else value.at
            yield StackFault(
                "D0",
                Breach.UPDATE,
                value.layer,
                root.own if roots else change,
                isinstance(root.op, Bias) and bool(roots),
                excess=change + -most,
                is_consequence=not roots,
            )
        for site, share in shares(value):
            if share > UNIT:
                of_bias = isinstance(site.op, Bias)
                yield StackFault("D1", Breach.EXPLODES, value.layer, share, of_bias, share)


def shares(value: Representation) -> Iterator[tuple[Site, Size]]:
    """What the weight, the bias and the gain of a value, in all blocks, add to the output."""
    for site in value.sites:
        if site.op.letter:
            yield site, value.blocks.whole + value.to_output(site) + site.own


def lacks(values: Sequence[Representation]) -> Iterator[StackFault]:
    """What does too little in the last step: D1, D2, D3 and D4.

    All copies of a weight in several blocks in a row have one fault: their largest share is the
    family's, so that D2 and D3 fail in all of them or not at all.
    """
    copies = Counter(value.layer for value in values if value.region is not None)
    groups: dict[tuple[object, ...], list[StackFault]] = {}
    for fault in _lazy(values):
        groups.setdefault(fault.key, []).append(fault)
    for group in groups.values():
        first = group[0]
        if first.desideratum in ("D2", "D3") and len(group) < copies[first.layer]:
            continue
        yield max(group, key=lambda fault: fault.size) if len(group) > 1 else first


def _lazy(values: Sequence[Representation]) -> Iterator[StackFault]:
    """What the last phase must reach: D1, D2, D3 and D4."""
    moved = largest(*(share for value in values for _, share in shares(value)))
    has_stream = any(value.region is not None for value in values)
    if moved < UNIT:
        yield StackFault("D1", Breach.STILL, values[-1].layer, moved, excess=moved)
    for value in values:
        at, region = value.at, value.region
        if region is not None:
            trained = [(site, by) for site, by in shares(value) if isinstance(site.op, Linear)]
            stream = ONE + region.gradient + region.change
            reach = value.blocks.whole + value.to_output() + at.coherent
            if not value.is_added and trained and reach < UNIT:
                yield StackFault("D2", Breach.USELESS, value.layer, reach, excess=reach)
            for site, share in trained:
                if share < stream:
                    gap = _over(share, stream)
                    yield StackFault("D3", Breach.FAMILY, value.layer, share, excess=gap)
                rest = _rest(site)
                if not (value.is_added and value.sites[0] is site) and site.own < rest:
                    gap = _over(site.own, rest)
                    yield StackFault("D4", Breach.LAZY, value.layer, site.own, excess=gap)
            continue
        if not value.is_output and not isinstance(value.sites[0].op, Norm):
            reach = value.to_output() + at.change
            if reach < UNIT:
                yield StackFault("D2", Breach.USELESS, value.layer, reach, excess=reach)
        whole = largest(*(site.own for site in value.sites), _rest(value.sites[0]))
        for site in value.sites:
            # A vector that is added to a stream may be slow, or frozen.
            if has_stream and isinstance(site.op, Bias):
                continue
            is_missing = isinstance(site.op, Bias) and isinstance(site.own, Zero)
            if isinstance(site.op, Linear | Bias) and not is_missing and site.own < whole:
                kind = Breach.READOUT if value.is_output else Breach.WEIGHT
                of_bias = isinstance(site.op, Bias)
                gap = _over(site.own, whole)
                yield StackFault("D3", kind, value.layer, site.own, of_bias, gap)


def _over(size: Size, other: Size) -> Size:
    return size if isinstance(other, Zero) else size + -other


def _rest(site: Site) -> Size:
    """What comes from below through an op's init, which is beside its own update."""
    op = site.op
    if isinstance(op, Linear) and op.fan_out.wide:
        init = op.fan_in.half + op.weight.init
        if site.gain > init and isinstance(site.carried, Fraction):
            return site.carried + -site.gain + init
    return site.carried
