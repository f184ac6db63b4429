"""Residual blocks, as one op: a stream to which branches add, a number of times.

A sum of L terms gains L^(1/2) where they are independent, as branches are at init, and L where
they are aligned, as updates are with the gradient that they were all made from.  Sources: Yang et
al. 2023 (arXiv 2310.02244), Bordelon et al. 2023 (arXiv 2309.16620), Dey et al. 2025
(arXiv 2505.01618); docs/theory.md, "Residual stacks and depth".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from richc.algebra.exponent import ONE
from richc.algebra.joint import Joint
from richc.algebra.sizes import ZERO_SIZE, Size, Zero, largest
from richc.calculus.loop import Placed, backward, forward, place, upward
from richc.calculus.ops import (
    DIVIDES_BY_ZERO,
    FIXED,
    UNIT,
    Axis,
    Domain,
    Elementwise,
    Linear,
    Norm,
    Op,
    Phase,
    Site,
    Undecided,
)

#: A number of blocks that grows.
DEPTH = Axis(Joint(0, 1), Joint(0, 1) * (ONE / 2), 1)


#: Why a LayerNorm is not decided that takes out what made a stream grow.
READS_GROWTH = "a LayerNorm reads a stream that grows by what all inputs share"


class Exponential(Exception):
    """A stream that grows faster than any power of the depth; ``layer`` is where."""

    def __init__(self, layer: int) -> None:
        super().__init__(layer)
        self.layer = layer


class Opaque(NamedTuple):
    """Something that powers of the symbols do not decide, and why, as a clause."""

    reason: str
    #: Whether there are residual blocks in it.
    has_branches: bool = False

    @property
    def letter(self) -> str:
        return ""

    def forward(self, site: Site, domain: Domain) -> Size:
        raise Undecided(self.reason)

    def own(self, site: Site, phase: Phase) -> Size:
        return ZERO_SIZE

    def pull(self, site: Site, phase: Phase) -> Size:
        return site.gradient

    def push(self, site: Site, change: Size, phase: Phase) -> Size:
        return change


class Branch(NamedTuple):
    """What is added to the stream: ``multiplier * ops(stream)``."""

    ops: tuple[Placed, ...]
    multiplier: Size = UNIT


class Residual(NamedTuple):
    """``x -> skip x + sum of branches``, ``blocks`` times, each time with weights of its own."""

    branches: tuple[Branch, ...]
    blocks: Axis = FIXED
    skip: Size = UNIT
    #: The sum goes through a norm.
    post_norm: bool = False
    #: All blocks have the same weights.
    is_shared: bool = False

    @property
    def letter(self) -> str:
        return ""

    def forward(self, site: Site, domain: Domain) -> Size:
        """The stream after all blocks.  Raises Undecided and Exponential."""
        site.inner = tuple(place(branch.ops) for branch in self.branches)
        return self._normed(site, domain) if self.post_norm else self._grown(site, domain)

    def _grown(self, site: Site, domain: Domain) -> Size:
        if self.skip != UNIT:
            raise Undecided("a skip other than one forgets the input, or grows")
        stream = site.source
        reached = self._reached(site, stream, domain)
        after = largest(stream, *reached)
        if not self.blocks.wide or after == stream:
            return after
        # A typical block reads the grown stream, and must add no more for it.
        if largest(*self._reached(site, after, domain)) != after:
            raise Exponential(site.layer)
        largest_ones = [b for b, size in zip(self.branches, reached, strict=True) if size == after]
        if not self.is_shared and any(_has_mean(branch) for branch in largest_ones):
            if any(op.takes_mean for b in self.branches for _, op in b.ops if isinstance(op, Norm)):
                raise Undecided(READS_GROWTH)
            # What all inputs share carries no change of one: what precedes the stack is forgotten.
            site.is_forgetful = True
            return after
        site.gain = after + -stream
        return after

    def _normed(self, site: Site, domain: Domain) -> Size:
        # A typical one of many blocks reads what a norm has made.
        stream = UNIT if self.blocks.wide else site.source
        site.divisor = largest(self.skip + stream, *self._reached(site, stream, domain))
        if isinstance(site.divisor, Zero):
            raise Undecided(DIVIDES_BY_ZERO)
        if self.blocks.wide and site.divisor != self.skip:
            raise Undecided("with a norm after each sum, constants decide as in a plain chain")
        site.gain = self.skip + -site.divisor
        return UNIT

    def _reached(self, site: Site, stream: Size, domain: Domain) -> list[Size]:
        """The sizes of all branches' sums over the blocks, from one size of the stream."""
        found = []
        for branch, sites in zip(self.branches, site.inner, strict=True):
            is_aligned = self.is_shared or _has_mean(branch)
            count = self.blocks.whole if is_aligned else self.blocks.half
            found.append(forward(sites, stream, domain) + branch.multiplier + count)
            # A branch's last weight may grow until the branch is as large as the stream.
            last = next((at for at in reversed(sites) if isinstance(at.op, Linear | Norm)), None)
            if last is not None and isinstance(last.op, Linear):
                last.limit = stream + _inverse(branch.multiplier + last.source)
        return found

    def own(self, site: Site, phase: Phase) -> Size:
        """All blocks' updates: each is aligned with the gradient, and so with the others."""
        if self.is_shared:
            phase = phase._replace(uses=self.blocks.whole)
        gradient = site.gradient + -site.divisor
        made: list[Size] = []
        reached: list[Size] = []
        for branch, sites in zip(self.branches, site.inner, strict=True):
            below = backward(sites, gradient + branch.multiplier, phase)
            reached.append(below)
            made.append(upward(sites, ZERO_SIZE, phase) + branch.multiplier)
            for at in sites:
                at.coherent = at.change
        site.through = largest(*reached)
        return largest(*made) + self.blocks.whole + -site.divisor

    def pull(self, site: Site, phase: Phase) -> Size:
        """A stack that does not grow hands the gradient on as it is."""
        skipped = site.gradient + site.gain
        return skipped if self.blocks.wide else largest(skipped, site.through)

    def push(self, site: Site, change: Size, phase: Phase) -> Size:
        carried = change + site.gain
        # What a branch makes of the stream's change is not aligned with the branch's gradient.
        site.entering = largest(site.own, carried) if self.blocks.wide else change
        made = [
            upward(sites, site.entering, phase) + branch.multiplier + -site.divisor
            for branch, sites in zip(self.branches, site.inner, strict=True)
        ]
        return carried if self.blocks.wide else largest(carried, *made)


def _has_mean(branch: Branch) -> bool:
    """Whether what it adds at init has a mean, over networks, that is other than zero."""
    has_mean = False
    for _, op in branch.ops:
        if isinstance(op, Elementwise):
            has_mean = op.has_mean
        elif isinstance(op, Linear) or (isinstance(op, Norm) and op.takes_mean):
            has_mean = False
    return has_mean


def is_centred(ops: Iterable[Op]) -> bool:
    """Whether a LayerNorm takes the mean out of what comes in, before any weight reads it."""
    for op in ops:
        if isinstance(op, Linear) or (isinstance(op, Norm) and op.takes_mean):
            return isinstance(op, Norm)
        if isinstance(op, Residual) and any(
            is_centred(one for _, one in branch.ops) for branch in op.branches
        ):
            return True
    return False


def _inverse(size: Size) -> Size:
    return UNIT if isinstance(size, Zero) else -size
