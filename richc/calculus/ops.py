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
(arXiv 2011.14522), appendix H; docs/theory.md, "The calculus", has them as formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, Protocol

from richc.algebra.exponent import HALF, ONE, ZERO
from richc.algebra.sizes import ZERO_SIZE, Size, Zero, largest

if TYPE_CHECKING:
    from richc.activations import Nonlinearity

UNIT = ZERO

#: (rate, size of the input, size of the gradient, number of wide dimensions) -> entry size of one
#: update: ``richc.optimizers.law.Law.step``.
Step = Callable[[Size, Size, Size, int], Size]


DIVIDES_BY_ZERO = "a norm divides by what is exactly zero at init"


class Undecided(Exception):
    """Powers of the symbols do not decide the network; the message is a clause that says why."""


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

    def total(self, one: Size, other: Size) -> Size:
        """The size of a sum."""
        return max(one, other)

    def named(self, letter: str, layer: int, size: Size) -> Size:
        """What stands for the size of this letter at a layer in all that follows from it."""
        return size


PLAIN = Domain()


class Op(Protocol):
    """A part of a network with one input and one output.

    In a phase ``own`` comes before ``pull``, and both, on all sites from the last to the first,
    before ``push``.
    """

    @property
    def letter(self) -> str:
        """Of what its own update adds; empty where nothing of it is trained."""

    def forward(self, site: Site, domain: Domain) -> Size: ...

    def own(self, site: Site, phase: Phase) -> Size: ...

    def pull(self, site: Site, phase: Phase) -> Size: ...

    def push(self, site: Site, change: Size, phase: Phase) -> Size: ...


class Phase(NamedTuple):
    """The first step, or a later one, of some optimizer, in some kind of sizes."""

    step: Step
    domain: Domain
    is_later: bool
    #: In how many places a tensor is used, whose gradients add up.
    uses: Size = UNIT

    def update(self, op: TrainedOp, rate: Size, source: Size, gradient: Size, wide: int) -> Size:
        """An entry of one update of a tensor with so many growing dimensions."""
        if self.uses is not UNIT:
            gradient = gradient + self.uses
        return (op.step or self.step)(rate, source, gradient, wide)


class TrainedOp(Protocol):
    """An op with a parameter."""

    @property
    def step(self) -> Step | None:
        """The update law of its own optimizer; None for the one that the network has."""


class Site:
    """One op of a network, and the sizes there: those of a phase, while that runs."""

    #: What comes in, and what goes out at init.
    source: Size = UNIT
    height: Size = UNIT
    #: The entries of the output's derivative with respect to what goes out.
    gradient: Size = ZERO_SIZE
    #: An entry of one update of the op's parameter.
    update: Size = ZERO_SIZE
    #: By what a change from below, and a gradient on its way back, is multiplied.
    gain: Size = UNIT
    #: How much of that a weight may owe to its own updates.
    limit: Size = UNIT
    #: By what a norm divides.
    divisor: Size = UNIT
    #: Whether blocks made the stream grow by what all inputs share.
    is_forgetful: bool = False
    #: What the op's own update adds to what goes out, and what comes from below.
    own: Size = ZERO_SIZE
    carried: Size = ZERO_SIZE
    #: The whole change of what goes out.
    change: Size = ZERO_SIZE
    #: In a branch: the part of it that the branch's own weights make.
    coherent: Size = ZERO_SIZE
    #: The gradient that a region hands down through its branches.
    through: Size = ZERO_SIZE
    #: The sites of a region, by branch, and the change of what they read.
    inner: tuple[list[Site], ...] = ()
    entering: Size = ZERO_SIZE

    def __init__(self, layer: int, op: Op, *, ends: bool = True) -> None:
        self.op = op
        #: The layer of the file that the op belongs to, counted from 0; and whether it is the last.
        self.layer = layer
        self.ends = ends


def every(sites: Iterable[Site]) -> Iterator[Site]:
    """The sites, and behind each those of its branches."""
    for site in sites:
        yield site
        for inner in site.inner:
            yield from every(inner)


class Linear(NamedTuple):
    """``W x``."""

    weight: Parameter
    fan_in: Axis
    fan_out: Axis
    step: Step | None = None

    @property
    def letter(self) -> str:
        return "u"

    def forward(self, site: Site, domain: Domain) -> Size:
        return site.source + self.fan_in.half + self.weight.init

    def own(self, site: Site, phase: Phase) -> Size:
        sides = self.fan_in.wide + self.fan_out.wide
        site.update = phase.update(self, self.weight.rate, site.source, site.gradient, sides)
        return self.fan_in.whole + site.source + site.update

    def pull(self, site: Site, phase: Phase) -> Size:
        """Through init plus update, once there has been one.

        An update is aligned with what it was made from; it counts up to order one, beyond which it
        explodes by itself.  Into a fixed dimension, as of the output, all sums are aligned anyway,
        and what counts are the entries.
        """
        gain = self.weight.init
        if self.fan_out.wide:
            gain = self.fan_in.half + gain
            if phase.is_later and gain < site.limit and isinstance(site.own, Fraction):
                woken = min(site.own + -site.source, site.limit)
                gain = phase.domain.named("k", site.layer, phase.domain.total(gain, woken))
        elif phase.is_later:
            gain = phase.domain.total(gain, site.update)
        site.gain = gain
        return site.gradient + gain

    def wakes(self, site: Site) -> bool:
        """Whether it will do more by what its update has made of it than it did so far."""
        if not self.fan_out.wide:
            return site.update > site.gain
        if isinstance(site.own, Zero) or site.gain >= site.limit:
            return False
        return site.own + -site.source > site.gain

    def push(self, site: Site, change: Size, phase: Phase) -> Size:
        # The init of what makes the output meets an update that is aligned with it, for it was
        # made from it.
        gain = site.gain if self.fan_out.wide else self.fan_in.whole + site.gain
        return change + gain


class Bias(NamedTuple):
    """``x + b``: a weight with fan-in 1, whose input is one."""

    bias: Parameter
    fan_out: Axis
    step: Step | None = None

    @property
    def letter(self) -> str:
        return "u'"

    def forward(self, site: Site, domain: Domain) -> Size:
        return domain.total(site.source, self.bias.init)

    def own(self, site: Site, phase: Phase) -> Size:
        return phase.update(self, self.bias.rate, UNIT, site.gradient, self.fan_out.wide)

    def pull(self, site: Site, phase: Phase) -> Size:
        return site.gradient

    def push(self, site: Site, change: Size, phase: Phase) -> Size:
        return change


class Gain(NamedTuple):
    """``g * x``, entry by entry: a weight with fan-in 1 for each entry."""

    gain: Parameter
    fan_out: Axis
    step: Step | None = None

    @property
    def letter(self) -> str:
        return "u"

    def forward(self, site: Site, domain: Domain) -> Size:
        return site.source + self.gain.init

    def own(self, site: Site, phase: Phase) -> Size:
        rate, wide = self.gain.rate, self.fan_out.wide
        return site.source + phase.update(self, rate, site.source, site.gradient, wide)

    def pull(self, site: Site, phase: Phase) -> Size:
        return site.gradient + self.gain.init

    def push(self, site: Site, change: Size, phase: Phase) -> Size:
        return change + self.gain.init


class Elementwise(NamedTuple):
    """``phi(x)``, of a size of order one, or of any size where phi is homogeneous."""

    is_homogeneous: bool
    #: Whether E phi(z) is other than 0: what comes of it then has a part that all inputs share.
    has_mean: bool = False
    #: Whether phi'(0) = 0, as relu has it by convention.
    is_flat_at_zero: bool = False
    is_bounded: bool = False

    @staticmethod
    def of(known: Nonlinearity, slope: Fraction | None = None) -> Elementwise:
        """The op of an activation; ``slope`` below zero where a file may say it."""
        below = slope if known.takes_slope and slope is not None else known.slope
        return Elementwise(
            known.is_homogeneous,
            has_mean=known.has_mean if below is None else below != 1,
            is_flat_at_zero=below == 0,
            is_bounded=known.bound is not None,
        )

    @property
    def letter(self) -> str:
        return ""

    def forward(self, site: Site, domain: Domain) -> Size:
        return min(site.source, UNIT) if self.is_bounded else site.source

    def own(self, site: Site, phase: Phase) -> Size:
        return ZERO_SIZE

    def pull(self, site: Site, phase: Phase) -> Size:
        is_dead = self.is_flat_at_zero and isinstance(site.height, Zero)
        return ZERO_SIZE if is_dead else site.gradient

    def push(self, site: Site, change: Size, phase: Phase) -> Size:
        return change


class Norm(NamedTuple):
    """RMSNorm or LayerNorm without its gain: the input over its own size, or over sqrt(eps)."""

    #: Whether the mean over the width is taken out, and with it what all inputs share.
    takes_mean: bool = False
    eps: Size = ZERO_SIZE

    @property
    def letter(self) -> str:
        return ""

    def forward(self, site: Site, domain: Domain) -> Size:
        floor = self.eps if isinstance(self.eps, Zero) else self.eps * Fraction(1, 2)
        site.divisor = largest(site.source, floor)
        if isinstance(site.divisor, Zero):
            raise Undecided(DIVIDES_BY_ZERO)
        return site.source + -site.divisor

    def own(self, site: Site, phase: Phase) -> Size:
        return ZERO_SIZE

    def pull(self, site: Site, phase: Phase) -> Size:
        return site.gradient + -site.divisor

    def push(self, site: Site, change: Size, phase: Phase) -> Size:
        return change + -site.divisor
