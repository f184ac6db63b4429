"""What a checker must know of an optimizer family: its update law and its gauge move.

Sizes are exponents of n (see richc.scaling.sizes).  For a weight of size n^-A that is multiplied
by M ~ n^-a, one step changes the effective weight V = M W by an entry size that a family computes
from its *rate* n^-C, the invariant of the table in Karkada 2024 (arXiv 2404.19719), section 4, and
Yang & Littwin 2023 (arXiv 2308.01814), section 2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from typing import ClassVar

from richc.scaling.exponent import ZERO
from richc.scaling.sizes import ZERO_SIZE, Size, Zero

_ZERO = Fraction(0)
_ONE = Fraction(1)


class Law(ABC):
    """An optimizer family.  Subclasses are final."""

    #: The gauge move is M * t, s / t, rate / t^k: this is k.
    gauge_power: ClassVar[int]
    #: Whether an update ignores the size of its gradient.
    is_scale_free: ClassVar[bool]

    @abstractmethod
    def rate(self, multiplier: Size, std: Size, lr: Size, shape: Size) -> Size:
        """The size n^-C of the gauge-invariant rate.

        ``multiplier``, ``std`` and ``lr`` are the sizes of M, s and the learning rate; ``shape``
        is the size of the optimizer's own shape factor (0 for all but Muon).
        """

    @abstractmethod
    def step(self, rate: Size, source: Size, gradient: Size, wide_sides: int) -> Size:
        """The entry size of one update of V.

        ``source`` is the size of the layer's input, ``gradient`` that of the backpropagated
        signal at its output, ``wide_sides`` how many of the two dimensions grow with n.
        """

    def shape(self, option: str | None, wide_in: bool, wide_out: bool) -> Fraction:
        """The exponent kappa of the optimizer's shape factor for one tensor."""
        return ZERO


def unless_dead(size: Size, source: Size, gradient: Size) -> Size:
    """A scale-free update is zero where its gradient is exactly zero, and only there."""
    is_dead = isinstance(gradient, Zero) or isinstance(source, Zero)
    return ZERO_SIZE if is_dead else size


def coefficients(product: Callable[..., Size], count: int) -> tuple[Fraction, ...]:
    """The powers of a law that is a product of powers: its constant, then one for each argument."""

    def at(*sizes: Fraction) -> Fraction:
        size = product(*sizes)
        assert isinstance(size, Fraction)
        return size

    zeros = [_ZERO] * count
    constant = at(*zeros)
    ones = ([*zeros[:i], _ONE, *zeros[i + 1 :]] for i in range(count))
    return (constant, *(at(*sizes) - constant for sizes in ones))
