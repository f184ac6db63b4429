"""What a ``parameterization`` fills in: multipliers, init stds and rates, in a named gauge.

Everything starts from the table of the STP gauge (no multipliers; Karkada 2024, arXiv 2404.19719,
section 4), written with the activity alpha = gamma n^r; the other gauges are gauge moves of it.
With a base width n0 the powers of n in rates and multipliers become powers of n/n0, so that at
n = n0 every layer is a plain layer trained at the optimizer's own rate.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import NamedTuple

from richc.algebra.exponent import HALF
from richc.algebra.monomial import (
    ONE,
    WIDTH,
    ZERO,
    Affine,
    Monomial,
    activity,
    depth_ratio,
    number,
    symbol,
    width_ratio,
)
from richc.calculus.nearest import plain_rates
from richc.calculus.ops import UNIT
from richc.optimizers import law
from richc.spec.activation import Activation
from richc.spec.holes import growth
from richc.spec.model import BRANCH, BRANCH_LAST, HIDDEN, READ_IN, READ_OUT, Dim, Role
from richc.spec.places import LayerPlace

STANDARD = "standard"


class InferredKnobs(NamedTuple):
    """The attributes of one tensor before the file's own are put in; None where it must say."""

    scale: Monomial
    std: Monomial | None
    lr: Monomial | None


class Frame(NamedTuple):
    """What inference needs to know of the model as a whole."""

    parameterization: str
    gauge: str
    optimizer: str
    shape_factor: str | None
    has_base: bool
    #: A branch of L blocks is small by this power of L.
    depth: Fraction = Fraction(1)
    has_base_depth: bool = False

    @property
    def ratio(self) -> Monomial:
        return width_ratio(self.has_base)

    @property
    def alpha(self) -> Monomial:
        return activity(self.has_base)


def branch_scale(frame: Frame) -> Monomial:
    """The multiplier L^-alpha of a branch that L blocks have: one at the base depth."""
    if frame.parameterization == STANDARD:
        return ONE
    return depth_ratio(frame.has_base_depth).power(Affine(-frame.depth))


def _of_depth(frame: Frame, place: LayerPlace) -> Monomial:
    """What the rate of one of L blocks has beside that of a layer of a chain.

    Their updates add up to L times one of them, through a branch that is small by L^-alpha, and
    gradients are as small: Yang et al. 2023 (arXiv 2310.02244) and Dey et al. 2025
    (arXiv 2505.01618); docs/theory.md, "Residual stacks and depth".
    """
    if not place.is_deep:
        return ONE
    alpha = Fraction(0) if place.is_of_stream else frame.depth
    power = alpha - 1 if law(frame.optimizer).ignores_gradient_size else 2 * alpha - 1
    return depth_ratio(frame.has_base_depth).power(Affine(power))


def gain(role: Role, before: Activation | None) -> Monomial:
    """What keeps a hidden layer's size after the activation before it.

    That is 1 / sqrt(E phi(z)^2) for z ~ N(0, 1), the fixed point at 1 of the variance map: Poole et
    al. 2016 (arXiv 1606.05340), equation 3, or a gain of the activation's own.  The read-in follows
    no activation, and the read-out's size is the richness' business.
    """
    if role not in (HIDDEN, BRANCH, BRANCH_LAST) or before is None:
        return ONE
    if before.is_homogeneous:
        return number(Fraction(2) / (1 + before.below**2)).root()
    given = before.kind.gain
    return _mapped(before.name) if given is None else number(given)


@cache
def _mapped(activation: str) -> Monomial:
    """The gain, its square rounded to two decimals: it is written into files and programs."""
    from richc.algebra.gaussian import second_moment  # most files need no sum

    return number(Fraction(f"{1 / second_moment(activation, 0.0, 1.0):.2f}")).root()


def dim_monomial(dim: Dim) -> Monomial:
    factor = number(Fraction(dim.factor, dim.over))
    return factor.times(symbol(WIDTH)) if dim.wide else factor


def weight(frame: Frame, place: LayerPlace) -> InferredKnobs:
    """The scale, std and rate of a weight in its place."""
    fan_in, role = place.fan_in, place.role
    gained = gain(role, place.before)
    plain = gained.over(dim_monomial(fan_in).root())
    if frame.parameterization == STANDARD:
        return InferredKnobs(ONE, plain, ONE)
    std = plain.over(frame.alpha) if role == READ_OUT else plain
    rate = _rate(frame, role, dim_monomial(fan_in)).times(_of_depth(frame, place))
    if frame.gauge == "rescaling":
        return _move(
            frame, InferredKnobs(ONE, std, rate), _unit_std(frame, role, fan_in, std, gained)
        )
    if frame.gauge == "mup":
        return _move(frame, InferredKnobs(ONE, std, rate), _unit_rate(frame, rate))
    return InferredKnobs(ONE, std, rate)


def gain_of_norm(frame: Frame, place: LayerPlace) -> InferredKnobs:
    """The same for a norm's gain, which begins at one."""
    rate = ONE
    if frame.parameterization != STANDARD:
        rate = _rate(frame, READ_IN, ONE).times(_of_depth(frame, place))
    return InferredKnobs(ONE, ONE, rate)


def bias(frame: Frame, place: LayerPlace, std: Monomial | None) -> InferredKnobs:
    """The same for a bias, a weight with fan-in 1: zero-initialised unless the file says."""
    role = place.role
    if frame.parameterization == STANDARD:
        return InferredKnobs(ONE, ZERO, ONE)
    if law(frame.optimizer).is_relative_to_weight:
        # An update is a multiple of RMS(b): nothing can be inferred for a bias of zeros.
        if std is None or std.is_zero:
            return InferredKnobs(ONE, None, ONE)
        wanted = ONE if role == READ_OUT else _rate(frame, READ_IN, ONE)
        wanted = wanted.times(_of_depth(frame, place))
        return InferredKnobs(ONE, ZERO, wanted.over(growth(std)))
    rate = ONE if role == READ_OUT else _rate(frame, READ_IN, ONE).times(_of_depth(frame, place))
    plain = InferredKnobs(ONE, ZERO, rate)
    return _move(frame, plain, _unit_rate(frame, rate)) if frame.gauge == "mup" else plain


def _rate(frame: Frame, role: Role, fan_in: Monomial) -> Monomial:
    """The learning rate in the STP gauge, relative to the optimizer's own."""
    beside, of_alpha = _powers(frame.optimizer, frame.shape_factor, role)
    ratio = frame.ratio.power(beside)
    if not law(frame.optimizer).ignores_gradient_size and not frame.has_base:
        ratio = ONE.over(fan_in)  # A gradient sums over the input.
    return frame.alpha.power(of_alpha).times(ratio)


@cache
def _powers(optimizer: str, shape_factor: str | None, role: Role) -> tuple[Affine, Affine]:
    """The powers of n and of alpha in a rate without multipliers; they are linear in r."""
    sides = [(role != READ_IN, role != READ_OUT)]
    (lazy,), (rich,) = (plain_rates(law(optimizer), shape_factor, sides, r) for r in (UNIT, HALF))
    return Affine(Fraction(lazy)), Affine(2 * Fraction(rich + -lazy))


def _unit_rate(frame: Frame, rate: Monomial) -> Monomial:
    """The gauge move that makes the rate 1."""
    return rate.power(Affine(Fraction(1, law(frame.optimizer).gauge_power)))


def _unit_std(frame: Frame, role: Role, fan_in: Dim, std: Monomial, gained: Monomial) -> Monomial:
    """The gauge move that takes every power of n out of the std."""
    if not frame.has_base:
        return std.over(gained)
    wide = frame.ratio.root() if fan_in.wide else ONE
    return ONE.over(frame.alpha.times(wide) if role == READ_OUT else wide)


def _move(frame: Frame, plain: InferredKnobs, t: Monomial) -> InferredKnobs:
    """The gauge move M * t, s / t, rate / t^k."""
    assert plain.lr is not None
    power = law(frame.optimizer).gauge_power
    return InferredKnobs(
        plain.scale.times(t),
        None if plain.std is None else plain.std.over(t),
        plain.lr.over(t.power(Affine(Fraction(power)))),
    )
