"""Muon: the update is orthogonalised, so its spectral norm is the learning rate times kappa."""

from __future__ import annotations

from fractions import Fraction
from typing import final

from richc.optimizers.law import Law, unless_dead
from richc.scaling.exponent import HALF, ZERO, Exponent
from richc.scaling.sizes import Size


@final
class Muon(Law):
    """dV = (M eta kappa) * U V^T, so C = c + a - kappa's exponent.

    A gradient of few directions orthogonalises to entries of size one over the square root of
    each growing dimension.  Source: Yang, Simon & Bernstein 2023 (arXiv 2310.17813), section 4.
    """

    gauge_power = 1
    is_scale_free = True

    def rate(self, multiplier: Size, std: Size, lr: Size, shape: Size) -> Size:
        return lr + multiplier + shape

    def step(self, rate: Size, source: Size, gradient: Size, wide_sides: int) -> Size:
        return unless_dead(Exponent(-wide_sides, 2) + rate, source, gradient)

    def shape(self, option: str | None, wide_in: bool, wide_out: bool) -> Fraction:
        """kappa's exponent for a weight (or a bias, which has fan-in 1)."""
        if option == "original":
            return HALF if wide_out and not wide_in else ZERO
        if option == "match_rms_adamw":
            return HALF if wide_in or wide_out else ZERO
        if option == "spectral":
            return Exponent(wide_out - wide_in, 2)
        return ZERO


LAW = Muon()
