"""From sizes at several widths to an exponent with an interval.

The size y of a quantity at width n, in a network drawn by chance, is taken as

    y = const + e log n + log(1 + K / n) / 2 + b n^(-1/2) + c / n + noise,

the noise of variance v n^(-p) a network.  e is the exponent; the rest is finite width:

- K: beside a coherent sum over n entries there is an incoherent one, which is n^(1/2) times smaller
  and adds in squares; K is the width at which they cross.
- b and c: corrections of lower order of any sign, with the prior deviations below.

All are unknown, and widen the interval as far as the widths cannot tell them from e: generalised
least squares for each K of a grid, averaged with their marginal likelihoods.  v is estimated from
networks of equal width; p is 1 for averages over n entries, which settle as n grows, and 0 for what
does not.  Where a fit leaves more than the noise explains, intervals widen by the root of the ratio
(Birge 1932).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor


class Limit(NamedTuple):
    """How far sizes are from their powers of what grows, before anything is measured."""

    #: Prior deviations of b and c.
    root_curvature: float
    curvature: float
    #: The values of K, and the scale on which large ones are unlikely: in proportion to
    #: (1 + K / scale)^-2.
    crossings: tuple[float, ...]
    crossing_scale: float


#: The largest K seen was about 400: what a read-in's bias adds to f where the classes of a batch
#: cancel.
WIDTH_LIMIT = Limit(0.5, 15.0, (0.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0), 64.0)
#: Of blocks, in the formula above with L for n: what each adds may be several times as large as the
#: stream where few are there.
DEPTH_LIMIT = Limit(0.25, 4.0, (0.0, 1.0, 2.0, 4.0, 8.0, 16.0), 2.0)

#: What v is taken as before anything is measured, by p, and how many observations that is worth.
PRIOR_VARIANCE = {0: 0.02, 1: 2.0}
PRIOR_WEIGHT = 6


class Noise(NamedTuple):
    """The variance of one network's size falls with the width as n^-power."""

    power: int = 1
    #: Whether there may be an incoherent sum behind the coherent one.
    crosses: bool = True
    limit: Limit = WIDTH_LIMIT


class Fit(NamedTuple):
    """An exponent: -inf for what is exactly zero in every network."""

    exponent: float
    #: The standard error, curvature included; 0 for what is exactly zero.
    error: float
    #: Degrees of freedom behind the error.
    freedom: int

    @property
    def is_zero(self) -> bool:
        return self.exponent == -math.inf

    def risk(self, tolerance: float) -> float:
        """How likely the exponent is off by more than ``tolerance``."""
        return 0.0 if self.error == 0.0 else t_tails(tolerance / self.error, self.freedom)

    def half_width(self, confidence: float) -> float:
        """Of the two-sided interval around the exponent."""
        return self.error * t_quantile(0.5 + confidence / 2, self.freedom)


def t_quantile(probability: float, freedom: int) -> float:
    """Of Student's t: the expansion in Abramowitz & Stegun 1964, 26.7.5, fine from 6 degrees on."""
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / float(freedom) ** k for k, term in enumerate(terms, start=1))


def t_tails(t: float, freedom: int) -> float:
    """The probability of both tails of Student's t: Abramowitz & Stegun 1964, 26.7.8."""
    z = t * (1 - 1 / (4 * freedom)) / math.sqrt(1 + t**2 / (2 * freedom))
    return 2 * NormalDist().cdf(-z)


def fit(sizes: Mapping[int, Tensor], noise: Noise) -> Fit | None:
    """The exponent of sizes (S,) by width; S may differ, and two widths are enough.

    None where a quantity is zero in some networks but not in all: there is no exponent.
    """
    kept = {width: values for width, values in sorted(sizes.items()) if len(values)}
    everything = torch.cat(list(kept.values()))
    if bool((everything == -math.inf).all()):
        return Fit(-math.inf, 0.0, PRIOR_WEIGHT)
    if not bool(everything.isfinite().all()):
        return None
    scale = {width: float(width) ** -noise.power for width in kept}
    squares = sum(
        float((values - values.mean()).square().sum()) / scale[width]
        for width, values in kept.items()
    )
    observations = len(everything) - len(kept)
    prior = PRIOR_VARIANCE[noise.power] * PRIOR_WEIGHT
    variance = (prior + squares) / (PRIOR_WEIGHT + observations)
    counts = {width: len(values) for width, values in kept.items()}
    means = torch.stack([values.double().mean() for values in kept.values()])
    exponent, error = _regress(list(kept), counts, variance, noise, means)
    return Fit(exponent, error, PRIOR_WEIGHT + observations)


def expected_error(counts: Mapping[int, int], noise: Noise, variance: float) -> float:
    """The standard error to be had from so many networks by width."""
    widths = sorted(counts)
    return _regress(widths, counts, variance, noise, torch.zeros(len(widths)).double())[1]


def _regress(
    widths: Sequence[int],
    counts: Mapping[int, int],
    variance: float,
    noise: Noise,
    means: Tensor,
) -> tuple[float, float]:
    """The exponent and its standard error."""
    n = torch.tensor(widths, dtype=torch.float64)
    count = torch.tensor([counts[width] for width in widths], dtype=torch.float64)
    covariance = torch.diag(variance * n**-noise.power / count)
    limit = noise.limit
    for deviation, shape in ((limit.root_curvature, n**-0.5), (limit.curvature, 1 / n)):
        covariance += deviation**2 * torch.outer(shape, shape)
    precision = torch.linalg.inv(covariance)
    design = torch.stack([torch.ones_like(n), n.log()], 1)
    inverse = torch.linalg.inv(design.mT @ precision @ design)
    crossings = torch.tensor(limit.crossings if noise.crosses else (0.0,), dtype=torch.float64)
    # A column for each K.
    straight = means.unsqueeze(1) - torch.log1p(crossings / n.unsqueeze(1)) / 2
    solutions = inverse @ (design.mT @ (precision @ straight))
    residuals = straight - design @ solutions
    chi_squares = (residuals * (precision @ residuals)).sum(0)
    weights = torch.softmax(-chi_squares / 2 - 2 * torch.log1p(crossings / limit.crossing_scale), 0)
    exponents = solutions[1]
    exponent = float(weights @ exponents)
    spread = float(weights @ (exponents - exponent).square())
    freedom = max(1, len(widths) - 2)
    excess = max(1.0, float(chi_squares.min()) / freedom)
    return exponent, math.sqrt(excess * float(inverse[1, 1]) + spread)
