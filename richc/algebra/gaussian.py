"""Second moments of activations of Gaussian inputs: E phi(z)^2 for z ~ N(0, q).

In a wide network the entries of a representation are Gaussian at init, so these carry the variance
from layer to layer: Poole et al. 2016 (arXiv 1606.05340), equation 3.

In closed form where one is known; the others are sums over an even grid, which converge
exponentially for functions that are analytic in a strip.  The relative error is below 1e-6 for
q <= 1e4 (checked in tests/rules/test_signal_prefactor.py).  Beyond, activations are taken for what
they are far from zero: a relative error below 1/50.

Floats: for warnings about sizes at one width, never for a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import exp, pi, sqrt

from richc.activations import FAR, NONLINEARITIES

#: Half a sum's range, in standard deviations: what is left out is below 1e-13.
_REACH = 8.5
#: For derivatives.
_STEP = 1e-4


def second_moment(name: str, slope: float, q: float) -> float:
    """E phi(z)^2 for z ~ N(0, q); ``slope`` is leaky_relu's, or of what else takes one."""
    known = NONLINEARITIES[name]
    if known.is_homogeneous:
        return q * (1 + known.below(slope) ** 2) / 2
    if known.moment is not None:
        return known.moment(q)
    if q > FAR:
        return known.far(q)
    (total,) = expectations(name, q, lambda _, value: [value * value])
    return total


def slope_moment(name: str, slope: float, q: float) -> float:
    """E phi'(z)^2 for z ~ N(0, q): what a gradient's square is multiplied by on its way back.

    Schoenholz et al. 2017 (arXiv 1611.01232), on gradients.  Of q > ``FAR`` it is that of ``FAR``.
    """
    known = NONLINEARITIES[name]
    if known.is_homogeneous:
        return (1 + known.below(slope) ** 2) / 2
    phi, q = known.phi, min(q, FAR)
    assert phi is not None
    root = sqrt(q)

    def squared(z: float, _: float) -> list[float]:
        x = root * z
        return [((phi(x + _STEP) - phi(x - _STEP)) / (2 * _STEP)) ** 2]

    (total,) = expectations(name, q, squared)
    return total


@lru_cache(maxsize=256)
def mean_share(name: str, slope: float, q: float) -> float:
    """(E phi(z))^2 / E phi(z)^2 for z ~ N(0, q): what of the mean square all entries share."""
    known = NONLINEARITIES[name]
    if known.is_homogeneous:
        below = known.below(slope)
        return (1 - below) ** 2 / (pi * (1 + below**2))
    q = min(q, FAR)
    (mean,) = expectations(name, q, lambda _, value: [value])
    return mean**2 / second_moment(name, slope, q)


def expectations(name: str, q: float, of: Callable[[float, float], Sequence[float]]) -> list[float]:
    """E of every entry of ``of(z, phi(sqrt(q) z))`` for z ~ N(0, 1).

    The trapezoidal rule, with steps of a fraction of the distance to phi's nearest pole.  Raises
    KeyError for activations that are positively homogeneous: theirs are known in closed form.
    """
    phi, root = NONLINEARITIES[name].phi, sqrt(q)
    if phi is None:
        raise KeyError(name)
    count = int(_REACH * 2 * max(1.0, root)) + 1
    step = _REACH / count
    totals: list[float] = []
    for index in range(-count, count + 1):
        z = index * step
        weight = exp(-z * z / 2) * step / sqrt(2 * pi)
        values = of(z, phi(root * z))
        totals = [
            t + weight * v for t, v in zip(totals or [0.0] * len(values), values, strict=True)
        ]
    return totals
