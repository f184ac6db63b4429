"""What a network is made of, as far as sizes are concerned.

Each op says four things of itself, and says them once:

- ``forward``: how a size goes through it, at init;
- ``own``: what the update of its own parameter adds to what it makes;
- ``pull``: how a gradient comes back through it;
- ``push``: how a change from below goes on through it.

Sizes are exponents, so a product of sizes is a sum here, and a sum is the largest of its terms
(``Domain.total``).  A sum over n entries gains n^1 where they are aligned, as an update is with
what it was made from, and n^(1/2) where they are independent, as initial weights are.  The rules
are those of Karkada 2024 (arXiv 2404.19719), sections 3 and 4, and of Yang & Hu 2020
(arXiv 2011.14522), appendix H.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from richc.scaling.exponent import HALF, ONE, ZERO
from richc.scaling.sizes import ZERO_SIZE, Size, largest

UNIT = ZERO

#: (rate, size of the input, size of the gradient, number of wide dimensions) -> entry size of one
#: update: ``richc.optimizers.law.Law.step``.
Step = Callable[[Size, Size, Size, int], Size]


class Parameter(NamedTuple):
    """One tensor as training sees it."""

    #: n^-A, the size of multiplier times init std.
    init: Size
    #: n^-C, the size of the gauge-invariant rate.
    rate: Size


class Axis(NamedTuple):
    """A dimension: what a sum over it gains."""

    #: An aligned sum.
    whole: Size
    #: A sum of independent terms.
    half: Size
    #: How many of the symbols that grow it holds: 0 or 1.
    wide: int


FIXED = Axis(ZERO, ZERO, 0)
WIDE = Axis(ONE, HALF, 1)


class Domain:
    """The kind of sizes that a run computes with, and what it makes of those that have a letter.

    This one takes plain exponents, and traced ones, as they are.
    """

    def total(self, *sizes: Size) -> Size:
        """The size of a sum."""
        return largest(*sizes)

    def named(self, letter: str, layer: int, size: Size) -> Size:
        """What stands for the size of this letter at a layer in all that follows from it."""
        return size


PLAIN = Domain()


class Site:
    """One op in one phase, and the sizes there."""

    __slots__ = ("carried", "gain", "gradient", "layer", "op", "own", "source", "update")

    def __init__(self, op: Op, layer: int, source: Size) -> None:
        self.op = op
        #: The layer of the file that the op belongs to, counted from 0.
        self.layer = layer
        #: What reaches the layer from below.
        self.source = source
        #: The entries of the output's derivative with respect to what the op makes.
        self.gradient: Size = ZERO_SIZE
        #: An entry of one update of the op's parameter.
        self.update: Size = ZERO_SIZE
        #: By what a change from below, and a gradient on its way back, is multiplied.
        self.gain: Size = UNIT
        #: What the op's own update adds to what it makes, and what comes from below.
        self.own: Size = ZERO_SIZE
        self.carried: Size = ZERO_SIZE


class Linear(NamedTuple):
    """``W x``."""

    weight: Parameter
    fan_in: Axis
    fan_out: Axis

    @property
    def letter(self) -> str:
        """Of what its own update adds."""
        return "u"

    def forward(self, source: Size, domain: Domain) -> Size:
        return source + self.fan_in.half + self.weight.init

    def own(self, site: Site, step: Step) -> Size:
        sides = self.fan_in.wide + self.fan_out.wide
        site.update = step(self.weight.rate, site.source, site.gradient, sides)
        return self.fan_in.whole + site.source + site.update

    def pull(self, site: Site, domain: Domain, *, is_later: bool) -> Size:
        """Through init plus update, once there has been one.

        An update is aligned with what it was made from; it counts up to order one, beyond which it
        explodes by itself.  Into a fixed dimension, as of the output, all sums are aligned anyway,
        and what counts are the entries.
        """
        gain = self.weight.init
        if self.fan_out.wide:
            gain = self.fan_in.half + gain
            if is_later and gain < UNIT and isinstance(site.own, Fraction):
                gain = domain.total(gain, min(UNIT, site.own + -site.source))
                gain = domain.named("k", site.layer, gain)
        elif is_later:
            gain = domain.total(gain, site.update)
        site.gain = gain
        return site.gradient + gain

    def push(self, site: Site, change: Size) -> Size:
        # The init of what makes the output meets an update that is aligned with it, for it was
        # made from it.
        gain = site.gain if self.fan_out.wide else self.fan_in.whole + site.gain
        return change + gain


class Bias(NamedTuple):
    """``x + b``: a weight with fan-in 1, whose input is one."""

    bias: Parameter
    fan_out: Axis

    @property
    def letter(self) -> str:
        return "u'"

    def forward(self, source: Size, domain: Domain) -> Size:
        return domain.total(source, self.bias.init)

    def own(self, site: Site, step: Step) -> Size:
        return step(self.bias.rate, UNIT, site.gradient, self.fan_out.wide)

    def pull(self, site: Site, domain: Domain, *, is_later: bool) -> Size:
        return site.gradient

    def push(self, site: Site, change: Size) -> Size:
        return change


Op = Linear | Bias
