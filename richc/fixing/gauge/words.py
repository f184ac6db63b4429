"""Scaling expressions in the words of the file: ``alpha^2 / fan_in`` stays that.

A monomial here may hold ``alpha``, ``fan_in`` (of a bias: ``layer_fan_in``) and ``fan_out`` as
bases beside n, n0, L, L0 and gamma.
What it comes to in one layer is ``concrete``; ``lift`` finds words for values that nobody wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from richc.algebra.formula import ALPHA, rich_formula
from richc.algebra.joint import Joint, depth_of, width_of
from richc.algebra.monomial import (
    BASE_DEPTH,
    BASE_WIDTH,
    DEPTH,
    GAMMA,
    ONE,
    WIDTH,
    ZERO,
    Affine,
    Monomial,
    activity,
    depth_ratio,
    is_one,
    symbol,
    width_ratio,
)
from richc.spec.expressions import Rejected, Scope, monomial
from richc.spec.infer import dim_monomial
from richc.spec.model import Dim, Model
from richc.syntax import tree
from richc.syntax.parser import lex
from richc.syntax.spacing import spaced

FAN_OUT = "fan_out"


class Dims(NamedTuple):
    """The dimensions of a layer, and whether it is its bias that they are asked for."""

    fan_in: Dim
    fan_out: Dim
    of_bias: bool

    @property
    def word(self) -> str:
        """What the fan-in is called there."""
        return "layer_fan_in" if self.of_bias else "fan_in"


class Words:
    """The symbols of one model, none of them taken apart."""

    def __init__(self, model: Model) -> None:
        has_richness = model.richness is not None
        names = {model.width_symbol: symbol(WIDTH)}
        if model.base_symbol is not None:
            names[model.base_symbol] = symbol(BASE_WIDTH)
        if model.depth is not None:
            names[model.depth.symbol] = symbol(DEPTH)
            if model.depth.base_symbol is not None:
                names[model.depth.base_symbol] = symbol(BASE_DEPTH)
        self._has_depth = model.depth is not None
        self._has_base = model.base_symbol is not None
        self.ratio = width_ratio(self._has_base)
        self._depth_ratio = depth_ratio(model.depth is not None and model.depth.base is not None)
        self._richness = model.richness if model.richness is not None else Fraction(0)
        self._alpha = activity(self._has_base)
        if has_richness:
            names |= {GAMMA: symbol(GAMMA), ALPHA: symbol(ALPHA)}
        self._has_alpha = has_richness
        self._scope = Scope(names, has_richness=has_richness)
        self._symbols = model.symbols._replace(alpha=False, apart=True)

    def of_model(self, node: tree.Expression) -> Monomial:
        """An expression outside of the layers.  Raises Rejected."""
        return monomial(node, self._scope)

    def of_layer(self, node: tree.Expression, dims: Sequence[Dims]) -> Monomial | None:
        """An expression in a layer, None where its layers have no one formula for it."""
        fans = {word: symbol(word) for word in (dims[0].word, FAN_OUT)}
        try:
            return monomial(node, self._scope.with_names(fans))
        except Rejected:
            # A sum or an exponent may hold a fan-in that is a plain number.
            values = [monomial(node, self._scope.with_names(self._fans(d))) for d in dims]
            return self.lift(values, dims)

    def _fans(self, dims: Dims) -> dict[str, Monomial]:
        return {dims.word: dim_monomial(dims.fan_in), FAN_OUT: dim_monomial(dims.fan_out)}

    def formula(self, value: Monomial) -> str:
        """As ``richc fmt`` writes it: ``1/8``, ``1 / n``."""
        return spaced(lex(rich_formula(value, self._symbols)))

    def concrete(self, value: Monomial, dims: Dims | None = None) -> Monomial:
        """The value, in a layer of these dimensions, in powers of n, n0 and gamma."""
        return value.with_bases({ALPHA: self._alpha, **({} if dims is None else self._fans(dims))})

    def exponent(self, value: Monomial, dims: Dims) -> Fraction:
        """The exponent of n, and of L where there is a depth, at the declared richness."""
        found = self.concrete(value, dims)
        power = found.exponent(WIDTH).at(self._richness)
        return Joint(power, found.exponent(DEPTH).at(self._richness)) if self._has_depth else power

    def to_power(self, power: Fraction) -> Monomial:
        """n / n0 to a power, and L / L0 to that of L."""
        of_depth = self._depth_ratio.power(Affine(depth_of(power)))
        return self.ratio.power(Affine(width_of(power))).times(of_depth)

    def growing(self, value: Monomial, dims: Sequence[Dims]) -> Monomial:
        """The factors that depend on n or L in some of the layers, with their n0 and L0."""
        wide = {WIDTH, ALPHA, DEPTH}
        wide |= {d.word for d in dims if d.fan_in.wide}
        wide |= {FAN_OUT for d in dims if d.fan_out.wide}
        if any(base in wide for base, _ in value.powers):
            wide |= {BASE_WIDTH, BASE_DEPTH}
        return Monomial(tuple(power for power in value.powers if power[0] in wide))

    def lift(self, values: Sequence[Monomial], dims: Sequence[Dims]) -> Monomial | None:
        """One formula for the values of several layers, None where there is none.

        Powers of n that are those of the fan-in are written so, as people do: a fan-in is what
        inference goes by.
        """
        if any(value.is_zero for value in values):
            return ZERO if all(value.is_zero for value in values) else None
        opened = [self._with_alpha(value) for value in values]
        power = self._fan_in_power(opened, dims)
        if power is not None:
            rests = [
                value.over(dim_monomial(of.fan_in).power(power))
                for value, of in zip(opened, dims, strict=True)
            ]
            alike = all(is_equal(rest, rests[0]) for rest in rests)
            several = any(not is_equal(value, opened[0]) for value in opened)
            is_plainer = not dims[0].of_bias and _numbers(rests[0]) <= _numbers(opened[0])
            if alike and (several or is_plainer):
                return rests[0].times(symbol(dims[0].word, power))
        return opened[0] if all(is_equal(value, opened[0]) for value in opened) else None

    def _fan_in_power(self, values: Sequence[Monomial], dims: Sequence[Dims]) -> Affine | None:
        for value, at in zip(values, dims, strict=True):
            for other, other_at in zip(values, dims, strict=True):
                ratio = dim_monomial(at.fan_in).over(dim_monomial(other_at.fan_in))
                if ratio != ONE:
                    base, exponent = ratio.powers[-1]
                    return value.over(other).exponent(base).times(1 / exponent.const)
        power = values[0].exponent(WIDTH)
        is_of_ratio = self._has_base and not values[0].exponent(BASE_WIDTH).is_zero
        return power if dims[0].fan_in.wide and not power.is_zero and not is_of_ratio else None

    def _with_alpha(self, value: Monomial) -> Monomial:
        """With alpha in place of its powers of gamma and n, as the printer recognises it."""
        activity = value.exponent(WIDTH).slope
        gamma = value.exponent(GAMMA)
        if not self._has_alpha or not activity or gamma.slope or gamma.const / activity < 1:
            return value
        if self._has_base and value.exponent(BASE_WIDTH).slope != -activity:
            return value
        power = Affine(activity)
        return value.over(self._alpha.power(power)).times(symbol(ALPHA, power))


def is_equal(one: Monomial, other: Monomial) -> bool:
    """Equality, also where large factors of numbers hide it."""
    if one == other:
        return True
    return not one.is_zero and not other.is_zero and is_one(one.over(other))


def _numbers(value: Monomial) -> int:
    return sum(1 for base, _ in value.powers if isinstance(base, int))
