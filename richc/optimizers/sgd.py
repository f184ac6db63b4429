"""SGD, with or without momentum: the update is the rate times the gradient."""

from __future__ import annotations

from fractions import Fraction
from math import log2
from typing import final

from richc.algebra.sizes import Size
from richc.optimizers.knobs import momentum, nesterov
from richc.optimizers.law import Law, Spelling, UpdateSizes


@final
class SGD(Law):
    """dV = (M^2 eta) * grad_V, so C = c + 2a; momentum is a factor of order one."""

    name = family = "sgd"
    title = "SGD"
    about = (
        "Stochastic gradient descent, with `momentum` and `nesterov`; lr 0.1 unless written. "
        "Weight decay is coupled (L2)."
    )
    lr = Fraction(1, 10)
    start = "lr = 0.05, momentum = 0.9"
    knobs = (momentum(Fraction(0)), nesterov(default=False, needs="momentum"))
    gauge_power = 2
    ignores_gradient_size = False
    adds_gradients_up = True
    moves = (
        "moves W by the rate times its gradient, which holds one more factor M: M W moves by M^2 * "
        "rate * (df/dh of the layer) * (its input)."
    )
    entry = ("n^-C times df/dh_l times input (-C_l + g_l + q_{l-1})", "n^-C times input")
    torch = Spelling(
        "torch.optim.SGD", is_fused=True, is_fused_on_shards=False, undefined_by_skips="momentum"
    )

    def rate(self, multiplier: Size, std: Size, lr: Size, shape: Size) -> Size:
        return lr + multiplier + multiplier

    def step(self, rate: Size, source: Size, gradient: Size, wide_sides: int) -> Size:
        return source + rate + gradient

    def update(self, step: UpdateSizes) -> float:
        share = step.options.get("momentum")
        kept = 1 - share if isinstance(share, Fraction) else Fraction(1)
        return step.rate + step.gradient - (log2(kept) if kept > 0 else 0.0)


LAW = SGD()
