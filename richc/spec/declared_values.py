"""A model's values as numbers, at the width, richness and gamma that it declares.

For people and programs to read: no verdict goes by a float.
"""

from __future__ import annotations

from fractions import Fraction
from math import log2
from typing import NamedTuple

from richc.algebra.monomial import (
    BASE_DEPTH,
    BASE_WIDTH,
    DEPTH,
    GAMMA,
    WIDTH,
    Base,
    Monomial,
    number,
)
from richc.spec.model import Model, Tensor


class Values(NamedTuple):
    """One tensor's knobs; ``lr`` is the whole rate, the optimizer's times the tensor's.

    ``lr`` is 0 for what is frozen, ``eps`` None where the optimizer has none.
    """

    scale: float
    std: float
    lr: float
    decay: float
    eps: float | None

    @property
    def words(self) -> tuple[str, ...]:
        """As a program may have them, to nine digits; "-" for an epsilon that is not there."""
        return tuple("-" if value is None else f"{value:.9g}" for value in self)


def place(model: Model) -> str:
    """Where these are the values: ``n = 256, r = 1/2``."""
    parts = [f"{model.width_symbol} = {model.width}"]
    if model.depth is not None:
        parts.append(f"{model.depth.symbol} = {model.depth.value}")
    if model.richness is not None:
        parts.append(f"r = {model.richness}")
    if model.gamma != 1:
        parts.append(f"gamma = {model.gamma}")
    return ", ".join(parts)


def values(model: Model, tensor: Tensor) -> Values:
    """What a program of this width and richness is built with, and trained at."""
    rate = model.optimizer_of(tensor).lr.times(tensor.lr)
    return Values(
        scale=as_float(model, tensor.scale),
        std=as_float(model, tensor.std),
        lr=0.0 if tensor.frozen else as_float(model, rate),
        decay=as_float(model, tensor.decay),
        eps=None if tensor.eps is None else as_float(model, tensor.eps),
    )


def as_float(model: Model, value: Monomial) -> float:
    """The nearest float where the value is rational, else one that is right to a few ulps."""
    known = at_numbers(value, model)
    symbols = number(model.width).power(known.exponent(WIDTH))
    if model.depth is not None:
        symbols = symbols.times(number(model.depth.value).power(known.exponent(DEPTH)))
    product = Fraction(not known.is_zero)
    for base, power in known.without(WIDTH).without(DEPTH).times(symbols).powers:
        assert isinstance(base, int)
        whole = power.const.__floor__()
        product *= Fraction(base) ** whole * Fraction(base ** float(power.const - whole))
    return float(product)


def at_numbers(value: Monomial, model: Model) -> Monomial:
    """The monomial with all but n and L replaced by the numbers that the model declares."""
    known = {BASE_WIDTH: number(model.base_width or 1), GAMMA: number(model.gamma)}
    if model.depth is not None:
        known[BASE_DEPTH] = number(model.depth.base or 1)
    return value.at(model.richness or Fraction(0)).with_bases(known)


def logs(model: Model) -> dict[Base, float]:
    """log2 of every symbol, as declared: for ``Monomial.log2``."""
    depth = model.depth
    blocks, base = (1, 1) if depth is None else (depth.value, depth.base or 1)
    return {
        DEPTH: log2(blocks),
        BASE_DEPTH: log2(base),
        WIDTH: log2(model.width),
        BASE_WIDTH: log2(model.base_width or 1),
        GAMMA: log2(model.gamma.numerator) - log2(model.gamma.denominator),
    }
