"""Adafactor: every entry moves by about the learning rate times the weight's own RMS."""

from __future__ import annotations

from fractions import Fraction
from typing import final

from richc.algebra.sizes import Size
from richc.optimizers.knobs import EPS, Kind, Knob
from richc.optimizers.law import Epsilon, Law, Spelling, UpdateSizes, unless_dead


@final
class Adafactor(Law):
    """dV = (M eta RMS(W)) * (entries of order one), so C = c + a + b.

    ``std`` here is the size of RMS(W) or of its floor eps_2, whichever is larger.  A gauge move
    leaves the rate alone.  Source: Shazeer & Stern 2018 (arXiv 1804.04235), Algorithm 4; Yang et
    al. 2022 (arXiv 2203.03466), appendix B.3.
    """

    name = family = "adafactor"
    title = "Adafactor"
    about = (
        "Factored second moments and updates relative to RMS(W): a tensor of zeros never moves. It "
        "has no μP gauge."
    )
    lr = Fraction(1, 100)
    everyday = 1
    start = "lr = 1e-2"
    knobs = (
        EPS,
        Knob(
            "beta2_decay",
            Kind.NOT_POSITIVE,
            "Adafactor's exponent of the second moment's decay, at most 0.",
            Fraction(-4, 5),
        ),
    )
    gauge_power = 0
    is_relative_to_weight = True
    is_entrywise = False
    eps = Epsilon.WEIGHT
    moves = (
        "moves every entry of W by about the rate times RMS(W), whatever the size of the gradient: "
        "M W moves by M * rate * RMS(W)."
    )
    entry = ("n^-C (-C_l)", "n^-C")
    torch = Spelling(
        "torch.optim.Adafactor",
        arguments=("foreach=True",),
        steps_on_shards=False,
        caps_rate=True,
        # torch's default (1e-7 in fp32) is no longer small at large width.  The square of this must
        # still be a normal number in fp32.
        gradient_floor="1e-18",
    )

    def rate(self, multiplier: Size, std: Size, lr: Size, shape: Size) -> Size:
        return lr + multiplier + std

    def step(self, rate: Size, source: Size, gradient: Size, wide_sides: int) -> Size:
        return unless_dead(rate, source, gradient)

    def update(self, step: UpdateSizes) -> float:
        return step.rate + max(step.weight, step.weight if step.floor is None else step.floor)


LAW = Adafactor()
