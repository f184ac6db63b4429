"""Second moments of activations of Gaussian inputs: E phi(z)^2 for z ~ N(0, q).

In a wide network the entries of a representation are Gaussian at init, so these carry the variance
from layer to layer: Poole et al. 2016 (arXiv 1606.05340), equation 3.

Closed forms for linear, relu, leaky_relu, erf and elu; the others are sums over an even grid, which
converge exponentially for functions that are analytic in a strip.  The relative error is below 1e-6
for q <= 1e4 (checked in tests/rules/test_signal_prefactor.py).  Beyond, activations are
taken for what they are far from zero: a relative error below 1/50.

Floats: for warnings about sizes at one width, never for a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import asin, erf, erfc, exp, expm1, log1p, pi, sqrt, tanh

#: Half a sum's range, in standard deviations: what is left out is below 1e-13.
_REACH = 8.5
_FAR = 1e4


def second_moment(name: str, slope: float, q: float) -> float:
    """E phi(z)^2 for z ~ N(0, q); ``slope`` is leaky_relu's."""
    if name == "linear":
        return q
    if name in ("relu", "leaky_relu"):
        return q * (1 + slope * slope) / 2
    if name == "erf":
        return 2 / pi * asin(2 * q / (1 + 2 * q))
    if name == "elu":
        return _elu(q)
    if q > _FAR:
        return {"tanh": 1.0, "sigmoid": 0.5}.get(name, q / 2)
    (total,) = expectations(name, q, lambda _, value: [value * value])
    return total


def _elu(q: float) -> float:
    """q/2 from the right half, and E (e^z - 1)^2 from the left."""
    root = sqrt(q)
    if q < 1e-3:
        # e^z - 1 = z + z^2/2 + z^3/6 ...: the closed form would cancel.
        moments = (q / 2, 2 * root**3 / sqrt(2 * pi), 1.5 * q * q, 8 * root**5 / sqrt(2 * pi))
        left = moments[0] - moments[1] + 7 / 12 * moments[2] - moments[3] / 4
    else:
        left = _tail(2 * root) - 2 * _tail(root) + 0.5
    return q / 2 + left


def _tail(x: float) -> float:
    """e^(x^2 / 2) P(Z > x)."""
    if x < 30:
        return exp(x * x / 2) * erfc(x / sqrt(2)) / 2
    return (1 - 1 / x**2 + 3 / x**4) / (x * sqrt(2 * pi))


def expectations(name: str, q: float, of: Callable[[float, float], Sequence[float]]) -> list[float]:
    """E of every entry of ``of(z, phi(sqrt(q) z))`` for z ~ N(0, 1).

    The trapezoidal rule, with steps of a fraction of the distance to phi's nearest pole.  Raises
    KeyError for activations that are positively homogeneous: theirs are known in closed form.
    """
    phi, root = _FUNCTIONS[name], sqrt(q)
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


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x)) if x > -700 else 0.0


def _softplus(x: float) -> float:
    return max(x, 0.0) + log1p(exp(-abs(x)))


_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "tanh": tanh,
    "gelu": lambda x: x * erfc(-x / sqrt(2)) / 2,
    "silu": lambda x: x * _sigmoid(x),
    "softplus": _softplus,
    "sigmoid": _sigmoid,
    "erf": erf,
    "elu": lambda x: x if x > 0 else expm1(x),
}
