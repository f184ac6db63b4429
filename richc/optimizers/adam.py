"""Adam, AdamW, Lion and signSGD: every entry moves by about the learning rate."""

from __future__ import annotations

from typing import final

from richc.optimizers.law import Law, unless_dead
from richc.scaling.sizes import Size


@final
class Entrywise(Law):
    """dV = (M eta) * (entries of order one), so C = c + a.

    Source: Yang & Littwin 2023 (arXiv 2308.01814), Definition 2.4.1 and after.
    """

    gauge_power = 1
    is_scale_free = True

    def rate(self, multiplier: Size, std: Size, lr: Size, shape: Size) -> Size:
        return lr + multiplier

    def step(self, rate: Size, source: Size, gradient: Size, wide_sides: int) -> Size:
        return unless_dead(rate, source, gradient)


LAW = Entrywise()
