"""Adafactor: every entry moves by about the learning rate times the weight's own RMS."""

from __future__ import annotations

from typing import final

from richc.optimizers.law import Law, unless_dead
from richc.scaling.sizes import Size


@final
class Adafactor(Law):
    """dV = (M eta RMS(W)) * (entries of order one), so C = c + a + b.

    ``std`` here is the size of RMS(W) or of its floor eps_2, whichever is larger.  A gauge move
    leaves the rate alone.  Source: Shazeer & Stern 2018 (arXiv 1804.04235), Algorithm 4; Yang et
    al. 2022 (arXiv 2203.03466), appendix B.3.
    """

    gauge_power = 0
    is_scale_free = True

    def rate(self, multiplier: Size, std: Size, lr: Size, shape: Size) -> Size:
        return lr + multiplier + std

    def step(self, rate: Size, source: Size, gradient: Size, wide_sides: int) -> Size:
        return unless_dead(rate, source, gradient)


LAW = Adafactor()
