"""Muon: the update is orthogonalised, so its spectral norm is the learning rate times kappa."""

from __future__ import annotations

from fractions import Fraction
from math import log2

from richc.algebra.exponent import Exponent
from richc.algebra.sizes import Size
from richc.optimizers.knobs import Kind, Knob, momentum, nesterov
from richc.optimizers.law import Law, Spelling, UpdateSizes, unless_dead
from richc.optimizers.shape_factor import SHAPE_FACTOR, kappa


class Muon(Law):
    """dV = (M eta kappa) * U V^T, so C = c + a - kappa's exponent.

    A gradient of few directions orthogonalises to entries of size one over the square root of
    each growing dimension.  Source: Yang, Simon & Bernstein 2023 (arXiv 2310.17813), section 4.
    """

    name = family = "muon"
    title = "Muon"
    about = "Orthogonalised momentum. `shape_factor` decides the exponents and must be given."
    lr = Fraction(1, 50)
    # It serves in both units, depending on the shape factor.
    everyday = None
    start = "lr = 2e-3, shape_factor = match_rms_adamw"
    knobs = (
        momentum(Fraction(19, 20)),
        nesterov(default=True),
        SHAPE_FACTOR,
        Knob("ns_steps", Kind.COUNT, "Newton-Schulz iterations, 1 to 99.", Fraction(5)),
    )
    gauge_power = 1
    is_entrywise = False
    takes_matrices_only = True
    moves = (
        "makes every update orthogonal, with spectral norm rate * (shape factor n^κ), whatever the "
        "size of the gradient: an entry of M W moves by M * rate * n^κ, over the square root of "
        "each dimension that grows."
    )
    entry = (
        (
            "n^-C over the square root of each dimension that grows (-C_l - 1, and -C_l - 1/2 in "
            "layer 1)"
        ),
        "n^-C over sqrt(n)",
    )
    torch = Spelling(
        "torch.optim.Muon",
        steps_on_shards=False,
        words={
            "shape_factor": {
                "none": 'adjust_lr_fn="original"',
                "original": 'adjust_lr_fn="original"',
                # It includes a factor of 0.2, as in its source (Moonshot AI 2025).
                "match_rms_adamw": 'adjust_lr_fn="match_rms_adamw"',
                "spectral": 'adjust_lr_fn="original"',
            }
        },
        excess={
            "none": ("1", "fan_out / fan_in"),
            "spectral": ("sqrt(fan_out / fan_in)", "fan_in / fan_out"),
        },
    )

    def rate(self, multiplier: Size, std: Size, lr: Size, shape: Size) -> Size:
        return lr + multiplier + shape

    def step(self, rate: Size, source: Size, gradient: Size, wide_sides: int) -> Size:
        return unless_dead(Exponent(-wide_sides, 2) + rate, source, gradient)

    def shape(self, option: str | None, wide_in: bool, wide_out: bool) -> Fraction:
        return kappa(option, wide_in, wide_out)

    def update(self, step: UpdateSizes) -> float:
        larger = max(step.fan_in, step.fan_out)
        factors = {
            "original": max(0.0, step.fan_out - step.fan_in) / 2,
            "match_rms_adamw": larger / 2 + log2(0.2),
            "spectral": (step.fan_out - step.fan_in) / 2,
        }
        return step.rate + factors.get(str(step.options.get("shape_factor")), 0.0) - larger / 2


LAW = Muon()
