"""Activations: all that is known of one is a record here.  A new one is one more.

Second moments E phi(z)^2 for z ~ N(0, q) are floats: for warnings about sizes at one width, and for
gains, never for a verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import asin, erf, erfc, exp, expm1, log1p, pi, sqrt, tanh
from typing import NamedTuple

#: Beyond this variance activations are taken for what they are far from zero: a relative error of
#: a second moment below 1/50.
FAR = 1e4


class Nonlinearity(NamedTuple):
    """One activation: phi, and what is asked about it."""

    #: The word in the language.
    name: str
    #: For the glossary.
    about: str
    #: How PyTorch spells phi of ``{0}``; ``{slope}`` is the slope below zero.
    torch: str
    #: For those with phi(t x) = t phi(x) for all t > 0, which are x above zero and slope x below:
    #: the slope, by default where a file may say it.  None for all others.
    slope: Fraction | None = None
    takes_slope: bool = False
    #: phi itself, where it is not given by the slope; analytic in a strip, unless ``moment`` is
    #: known, so that a sum over an even grid converges exponentially.
    phi: Callable[[float], float] | None = None
    #: q -> E phi(z)^2 in closed form.
    moment: Callable[[float], float] | None = None
    #: E phi(z)^2 far from zero of an activation that is bounded.
    bound: float | None = None
    #: What a hidden layer's std is multiplied by after it, where that is not 1 / sqrt(E phi(z)^2)
    #: for z ~ N(0, 1).
    gain: Fraction | None = None

    @property
    def is_homogeneous(self) -> bool:
        """True when phi(t x) = t phi(x) for every t > 0."""
        return self.slope is not None

    @property
    def has_mean(self) -> bool:
        """Whether E phi(z) is other than 0, of one that is not homogeneous: unless it is odd."""
        assert self.phi is not None
        return self.phi(1.0) != -self.phi(-1.0)

    def below(self, slope: float) -> float:
        """The slope below zero of one that is homogeneous, where a file that may say it says so."""
        return slope if self.takes_slope or self.slope is None else float(self.slope)

    def far(self, q: float) -> float:
        """E phi(z)^2 for z ~ N(0, q) beyond ``FAR``, of one that is not homogeneous."""
        return q / 2 if self.bound is None else self.bound


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x)) if x > -700 else 0.0


def _softplus(x: float) -> float:
    return max(x, 0.0) + log1p(exp(-abs(x)))


def _moment_of_elu(q: float) -> float:
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


LINEAR = Nonlinearity("linear", "No activation: says that there is none.", "{0}", slope=Fraction(1))
RELU = Nonlinearity(
    "relu",
    "max(x, 0). The inferred gain of the next hidden layer is √2.",
    "F.relu({0})",
    slope=Fraction(0),
)

#: Word -> what is known of it, in the language's order.
NONLINEARITIES: dict[str, Nonlinearity] = {
    one.name: one
    for one in (
        LINEAR,
        RELU,
        Nonlinearity(
            "leaky_relu",
            "`leaky_relu(0.1)`: x above 0, slope times x below; 0.01 unless given.",
            "F.leaky_relu({0}, {slope})",
            slope=Fraction(1, 100),  # PyTorch's
            takes_slope=True,
        ),
        Nonlinearity(
            "tanh",
            "Hyperbolic tangent. The inferred gain of the next hidden layer is 5/3.",
            "torch.tanh({0})",
            phi=tanh,
            bound=1.0,
            # PyTorch's (``torch.nn.init.calculate_gain``): by the second moment it is 1.59, with
            # which networks train alike.
            gain=Fraction(5, 3),
        ),
        Nonlinearity(
            "gelu",
            "x Φ(x), with the exact normal distribution function. Its inferred gain is √2.35.",
            "F.gelu({0})",
            phi=lambda x: x * erfc(-x / sqrt(2)) / 2,
        ),
        Nonlinearity(
            "silu",
            "x · sigmoid(x), also called swish. Its inferred gain is √2.81.",
            "F.silu({0})",
            phi=lambda x: x * _sigmoid(x),
        ),
        Nonlinearity(
            "elu",
            "x above 0, exp(x) - 1 below. Its inferred gain is √1.55.",
            "F.elu({0})",
            phi=lambda x: x if x > 0 else expm1(x),
            moment=_moment_of_elu,
        ),
        Nonlinearity(
            "softplus",
            "log(1 + exp(x)). Its inferred gain is √1.09.",
            "F.softplus({0})",
            phi=_softplus,
        ),
        Nonlinearity(
            "sigmoid",
            "1 / (1 + exp(-x)). Its inferred gain is √3.41.",
            "torch.sigmoid({0})",
            phi=_sigmoid,
            bound=0.5,
        ),
        Nonlinearity(
            "erf",
            "The error function. Its inferred gain is √2.15.",
            "torch.erf({0})",
            phi=erf,
            moment=lambda q: 2 / pi * asin(2 * q / (1 + 2 * q)),
            bound=1.0,
        ),
    )
}

#: The words of those that are positively homogeneous, as a sentence lists them.
HOMOGENEOUS = ", ".join(one.name for one in NONLINEARITIES.values() if one.is_homogeneous)
