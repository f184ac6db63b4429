"""Two inputs and many networks: how depth without skips treats them at init.

With z, z' Gaussian of variance q and correlation rho, the next layer's correlation follows from
E phi(z) phi(z') (Poole et al. 2016, arXiv 1606.05340, equation 5; for relu the arc-cosine kernel of
degree one, Cho & Saul 2009).  The mean square of n entries, of which each is drawn anew, scatters
from network to network: its logarithm by c/n in every layer, with c = E phi^4 / (E phi^2)^2 - 1
(Hanin 2018, arXiv 1801.03744: a sum of 1/n_l; for relu c is 5).

Floats: for warnings at one width and depth, never for a verdict.
"""

from __future__ import annotations

from functools import lru_cache
from math import acos, exp, log, log2, pi, sqrt
from typing import NamedTuple

from richc.activations import FAR, NONLINEARITIES
from richc.algebra.gaussian import expectations, second_moment

#: Hermite polynomials that are told apart; what is left of E phi^2 counts as one more.
_TERMS = 24
_PER_DOUBLING = 32
_STEP = 1e-3


class Shape(NamedTuple):
    """What an activation makes of Gaussian inputs of one variance, up to its size."""

    #: E phi(z) phi(z') / E phi^2 = the sum of weights[k] rho^k.
    weights: tuple[float, ...]
    #: E phi^4 / (E phi^2)^2 - 1.
    scatter: float
    #: d log E phi^2 / d log q: how much of a fluctuation it passes on.
    passes: float


def correlate(name: str, slope: float, q: float, rho: float) -> float:
    """E phi(z) phi(z') / E phi^2, for variances q and a correlation rho."""
    known = NONLINEARITIES[name]
    if known.is_homogeneous:
        slope = known.below(slope)
        # phi = (1 + slope)/2 z + (1 - slope)/2 |z|.
        angle = acos(max(-1.0, min(1.0, rho)))
        arc = (sqrt(max(0.0, 1 - rho * rho)) + rho * (pi - angle)) / pi
        keeps = 2 * slope / (1 + slope * slope)
        return keeps * rho + (1 - keeps) * arc
    total = 0.0
    for weight in reversed(_shape(name, q).weights):
        total = total * rho + weight
    return total


def scatter(name: str, slope: float, q: float) -> tuple[float, float]:
    """c of one layer, and how much of the log-variance below it passes on."""
    known = NONLINEARITIES[name]
    if known.is_homogeneous:
        slope = known.below(slope)
        return 6 * (1 + slope**4) / (1 + slope * slope) ** 2 - 1, 1.0
    found = _shape(name, q)
    return found.scatter, found.passes**2


def _shape(name: str, q: float) -> Shape:
    """Of variances that are nearly the same, as those of neighbours are, only one."""
    return _computed(name, round(log2(min(q, FAR)) * _PER_DOUBLING))


@lru_cache(maxsize=1024)
def _computed(name: str, size_class: int) -> Shape:
    """The shape of an activation that is not homogeneous, at q = 2^(size_class / 32)."""
    q = 2.0 ** (size_class / _PER_DOUBLING)

    def terms(z: float, value: float) -> list[float]:
        # Normalised Hermite polynomials: E He_j He_k = 1 for j = k and else 0.
        found = [value, z * value]
        for k in range(1, _TERMS - 1):
            found.append((z * found[k] - sqrt(k) * found[k - 1]) / sqrt(k + 1))
        found.append(value**4)
        return found

    *coefficients, fourth = expectations(name, q, terms)
    size = second_moment(name, 0.0, q)
    weights = [a * a / size for a in coefficients]
    weights.append(max(0.0, 1 - sum(weights)))
    passes = log(second_moment(name, 0.0, q * exp(_STEP)) / size) / _STEP
    return Shape(tuple(weights), fourth / size**2 - 1, passes)
