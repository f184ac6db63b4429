"""The law of optimizers that move every entry by about the learning rate: Adam's, Lion's."""

from __future__ import annotations

from fractions import Fraction

from richc.algebra.sizes import Size
from richc.optimizers.law import Law, unless_dead


class Entrywise(Law):
    """dV = (M eta) * (entries of order one), so C = c + a.

    Source: Yang & Littwin 2023 (arXiv 2308.01814), Definition 2.4.1 and after.
    """

    family = "entrywise"
    lr = Fraction(1, 1000)
    gauge_power = 1
    moves = (
        "moves every entry of W by about the rate, whatever the size of the gradient: M W moves "
        "by M * rate."
    )
    entry = ("n^-C (-C_l)", "n^-C")

    def rate(self, multiplier: Size, std: Size, lr: Size, shape: Size) -> Size:
        return lr + multiplier

    def step(self, rate: Size, source: Size, gradient: Size, wide_sides: int) -> Size:
        return unless_dead(rate, source, gradient)
