"""D0 to D4 of a network, from the sizes of its representations.

A weight that every block has is a family of as many weights, and the desiderata ask of families
what they ask of single weights (docs/theory.md, "Desiderata of a stack").  D0 to D3 are those of
Karkada 2024 (arXiv 2404.19719), section 3.  D4 takes D3 literally inside a block: a weight changes
what follows it by no less than what reaches it from before (Dey et al. 2025, arXiv 2505.01618,
section 3: the difference between Depth-muP and CompleteP).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from operator import attrgetter
from types import MappingProxyType
from typing import NamedTuple

from richc.algebra.exponent import ONE
from richc.algebra.sizes import ZERO_SIZE, Size, Zero, finite, largest
from richc.calculus.loop import Placed
from richc.calculus.ops import (
    UNIT,
    Bias,
    Elementwise,
    Linear,
    Norm,
    Op,
    Site,
    Step,
    Undecided,
    every,
)
from richc.calculus.residual import Exponential, Opaque, Residual
from richc.calculus.run import LayerFlow, Representation, begin, steps, summaries
from richc.calculus.verdict import (
    DESIDERATA,
    HOLDS,
    NOT_EVALUATED,
    VIOLATED,
    Breach,
    Status,
    Violation,
    is_chain,
)

_NO_FLOW: Mapping[int, LayerFlow] = MappingProxyType({})
#: What is said of one place: the desideratum, the kind, the layer, and whether it is its bias.
_Key = tuple[str, Breach, int, bool]


class Decided(NamedTuple):
    """What the sizes of a network decide."""

    statuses: dict[str, Status]
    violations: tuple[Violation, ...]
    #: Why something is not decided, as a clause.
    reason: str = ""
    #: With the sizes of the last step; empty where none could be run.
    values: tuple[Representation, ...] = ()
    sites: tuple[Site, ...] = ()
    #: The sizes of the first step, and of later ones, by layer.
    first: Mapping[int, LayerFlow] = _NO_FLOW
    later: Mapping[int, LayerFlow] = _NO_FLOW

    @property
    def is_evaluated(self) -> bool:
        """Whether the sizes of updates are exact."""
        return not self.reason


def decide(ops: Sequence[Placed], step: Step) -> Decided:
    """Decide D0 to D4; D4 only where there are branches.  Never raises Undecided."""
    names = [*DESIDERATA]
    names += ["D4"] * any(_has_branches(op) for _, op in ops)
    unknown = dict.fromkeys(names, NOT_EVALUATED)
    try:
        sites, values = begin(ops)
    except Exponential as error:
        fault = Violation("D0", Breach.EXPONENTIAL, error.layer, False, None, ZERO_SIZE)
        reason = "the stream grows faster than any power of L"
        return Decided(unknown | {"D0": VIOLATED}, (fault,), reason)
    except Undecided as error:
        return Decided(unknown, (), str(error))
    at_init = [*sizes(values)]
    is_exact = _is_exact(sites, values, at_init)
    # What explodes behind norms, or in a stream, explodes everywhere.
    spreads = not is_chain(ops)
    early: list[Violation] = []
    first = later = _NO_FLOW
    for number in steps(sites, step):
        if not number:
            first = later = summaries(values)
            early = [*explosions(values)] if is_exact and spreads else []
    if number:
        later = summaries(values)
    run = (tuple(values), tuple(sites), first, later)
    if not is_exact:
        reason = "sizes away from order one are not exact"
        return Decided(unknown | {"D0": VIOLATED}, tuple(_causes(at_init)), reason, *run)
    violations = _causes([*at_init, *_gravest(early, explosions(values))])
    follows = spreads and bool(violations)
    lacking = [v._replace(is_consequence=True) if follows else v for v in lacks(values)]
    statuses = dict.fromkeys(names, HOLDS)
    if not spreads and any(violation.kind == Breach.STILL for violation in lacking):
        # Nothing moves the output, so that no share of its change can be compared.
        statuses |= dict.fromkeys(("D2", "D3"), NOT_EVALUATED)
        lacking = [violation for violation in lacking if violation.desideratum == "D1"]
    violations = sorted((*violations, *lacking), key=attrgetter("desideratum"))
    statuses |= {violation.desideratum: VIOLATED for violation in violations}
    return Decided(statuses, tuple(violations), "", *run)


def flow(ops: Sequence[Placed], step: Step) -> Mapping[int, LayerFlow]:
    """The sizes at every layer after the first steps, by its index; empty where none is exact."""
    try:
        sites, values = begin(ops)
    except (Undecided, Exponential):
        return _NO_FLOW
    if not _is_exact(sites, values, sizes(values)):
        return _NO_FLOW
    for _ in steps(sites, step):
        pass
    return summaries(values)


def _gravest(early: Iterable[Violation], last: Iterable[Violation]) -> list[Violation]:
    """What explodes, each place once: in the first step, where that spreads, and in the last.

    Sizes only grow from step to step, and what explodes first makes all explode that does so later.
    """
    found: dict[_Key, Violation] = {}
    for fault in early:
        _take(found, fault)
    roots = frozenset(found)
    for fault in last:
        if _key(fault) not in roots:
            _take(found, fault._replace(is_consequence=True) if roots else fault)
    return sorted(found.values(), key=attrgetter("layer", "of_bias"))


def _take(found: dict[_Key, Violation], fault: Violation) -> None:
    known = found.get(_key(fault))
    if known is None or fault.size > known.size:
        found[_key(fault)] = fault


def _causes(violations: Sequence[Violation]) -> list[Violation]:
    """Without those of D0 that follow from others of D0."""
    causes = [v for v in violations if not v.is_consequence or v.desideratum != "D0"]
    return causes if any(v.desideratum == "D0" for v in causes) else list(violations)


def _key(fault: Violation) -> _Key:
    return fault.desideratum, fault.kind, fault.layer, fault.of_bias


def _has_branches(op: Op) -> bool:
    return isinstance(op, Residual) or (isinstance(op, Opaque) and op.has_branches)


def _is_exact(
    sites: Sequence[Site], values: Sequence[Representation], off: Iterable[Violation]
) -> bool:
    """Whether sizes are exact, also those of updates: none is ``off``, or all scale alike.

    A bias beside a size that is off does no harm where only norms read it.
    """
    if not any(off):
        return True
    if any(isinstance(v.at.height, Zero) for v in values if not v.region and not v.is_output):
        return False
    if any(isinstance(at.op, Bias) for v in values if not v.is_free for at in v.sites):
        return False
    ops = (site.op for site in every(sites))
    return all(op.is_homogeneous for op in ops if isinstance(op, Elementwise))


def sizes(values: Sequence[Representation]) -> Iterator[Violation]:
    """D0 at init, each at the layer whose own init is the cause.

    What a branch adds has no least size, and what only norms read has none.
    """
    is_off = False
    for value in values:
        height, source = value.at.height, value.sites[0].source
        if value.is_output:
            if height > UNIT and (not is_off or _own_init(value) > UNIT):
                of_bias = _is_of_bias(value)
                excess = finite(height)
                yield Violation("D0", Breach.OUTPUT, value.layer, of_bias, excess, height)
        elif not value.is_added and not value.is_normed and height != UNIT:
            is_off = True
            of_bias = height > UNIT and _is_of_bias(value)
            excess = finite(height if of_bias or isinstance(source, Zero) else height + -source)
            yield Violation(
                "D0", Breach.SIZE, value.layer, of_bias, excess, height, source == height
            )


def _own_init(value: Representation) -> Size:
    """The size that it would have, were what it is made from of order one."""
    op = value.sites[0].op
    return op.fan_in.half + op.weight.init if isinstance(op, Linear) else UNIT


def _is_of_bias(value: Representation) -> bool:
    """Whether a bias is what makes it as large as it is."""
    biases = (site.op.bias for site in value.sites if isinstance(site.op, Bias))
    return any(bias.init == value.at.height for bias in biases)


def explosions(values: Sequence[Representation]) -> Iterator[Violation]:
    """What no step may exceed: D0 of updates, and D1."""
    for value in values:
        change, most = value.at.change, value.most
        if value.is_bounded and change > most:
            roots = [site for site in value.sites if site.own > most]
            for site in roots or [value.at]:
                size = site.own if roots else change
                of_bias = isinstance(site.op, Bias) and bool(roots)
                excess = finite(size + -most)
                yield Violation("D0", Breach.UPDATE, value.layer, of_bias, excess, size, not roots)
        for site, share in value.shares:
            if share > UNIT:
                of_bias = isinstance(site.op, Bias)
                yield Violation("D1", Breach.EXPLODES, value.layer, of_bias, finite(share), share)


def lacks(values: Sequence[Representation]) -> Iterator[Violation]:
    """What does too little in the last step: D1, D2, D3 and D4.

    All copies of a weight in several blocks in a row have one fault: their largest share is the
    family's, so that D2 and D3 fail in all of them or not at all.
    """
    moved = largest(*(share for value in values for _, share in value.shares))
    if moved < UNIT:
        yield Violation("D1", Breach.STILL, values[-1].layer, False, finite(moved), moved)
    copies = Counter(value.layer for value in values if value.region is not None)
    groups: dict[_Key, list[Violation]] = {}
    for fault in (*_useless(values), *_negligible(values)):
        groups.setdefault(_key(fault), []).append(fault)
    for group in groups.values():
        first = group[0]
        if first.desideratum != "D4" and len(group) < copies[first.layer]:
            continue
        yield max(group, key=attrgetter("size"))


def _useless(values: Sequence[Representation]) -> Iterator[Violation]:
    """D2: representations whose update adds nothing to the output's change."""
    for value in values:
        if value.is_output or value.is_added or not _has_weight(value):
            continue
        reach = value.reach
        if value.region is not None:
            reach = value.blocks.whole + value.to_output() + value.at.coherent
        if reach < UNIT:
            yield Violation("D2", Breach.USELESS, value.layer, False, finite(reach), reach)


def _has_weight(value: Representation) -> bool:
    """Outside of blocks a stream has one, too: that of its last block."""
    if value.region is None:
        return not isinstance(value.sites[0].op, Norm)
    return any(isinstance(site.op, Linear) for site in value.sites)


def _negligible(values: Sequence[Representation]) -> Iterator[Violation]:
    """D3 and D4: weights whose update vanishes beside the rest of the update that follows.

    Beside an update that explodes, that is a consequence: to be mended where the explosion is.
    """
    has_stream = any(value.region is not None for value in values)
    for value in values:
        if value.region is not None:
            yield from _slow_family(value, value.region)
            continue
        explodes = value.at.change > value.most or value.reach > UNIT
        whole = largest(*(site.own for site in value.sites), _rest(value.sites[0]))
        for site in value.sites:
            of_bias = isinstance(site.op, Bias)
            # A vector that is added to a stream may be slow, or frozen; one that is not there has
            # nothing to add.
            if not isinstance(site.op, Linear | Bias) or (
                of_bias and (has_stream or isinstance(site.own, Zero))
            ):
                continue
            if site.own < whole:
                kind = Breach.READOUT if value.is_output else Breach.WEIGHT
                gap = _over(site.own, whole)
                yield Violation("D3", kind, value.layer, of_bias, gap, site.own, explodes)


def _slow_family(value: Representation, region: Site) -> Iterator[Violation]:
    stream = ONE + region.gradient + region.change
    for site, share in value.shares:
        if not isinstance(site.op, Linear):
            continue
        if share < stream:
            gap = _over(share, stream)
            yield Violation("D3", Breach.FAMILY, value.layer, False, gap, share)
        rest = _rest(site)
        if not (value.is_added and value.sites[0] is site) and site.own < rest:
            gap = _over(site.own, rest)
            yield Violation("D4", Breach.LAZY, value.layer, False, gap, site.own)


def _over(size: Size, other: Size) -> Fraction | None:
    return finite(size if isinstance(other, Zero) else size + -other)


def _rest(site: Site) -> Size:
    """What comes from below through an op's init, which is beside its own update."""
    op = site.op
    if isinstance(op, Linear) and op.fan_out.wide:
        init = op.fan_in.half + op.weight.init
        if site.gain > init and not isinstance(site.carried, Zero):
            return site.carried + -site.gain + init
    return site.carried
