"""SGD, with or without momentum: the update is the rate times the gradient."""

from __future__ import annotations

from typing import final

from richc.optimizers.law import Law
from richc.scaling.sizes import Size


@final
class SGD(Law):
    """dV = (M^2 eta) * grad_V, so C = c + 2a; momentum is a factor of order one."""

    gauge_power = 2
    is_scale_free = False

    def rate(self, multiplier: Size, std: Size, lr: Size, shape: Size) -> Size:
        return lr + multiplier + multiplier

    def step(self, rate: Size, source: Size, gradient: Size, wide_sides: int) -> Size:
        return source + rate + gradient


LAW = SGD()
