"""The one thing at fault in a chain that was measured."""

from __future__ import annotations

from fractions import Fraction
from math import inf, isnan
from typing import NamedTuple

from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.nearest import rate_of, single_change
from richc.lab.findings import Measured
from richc.spec.model import Model


class Fault(NamedTuple):
    """The one thing at fault: a layer's init or rate, too large by n^excess for that richness."""

    layer: str
    knob: str
    excess: Fraction
    richness: Fraction


def find_fault(
    layers: list[Measured], spec: Model, richness: Fraction | None, step: float
) -> Fault | None:
    """What alone keeps a measured network from the richness scale, or from one point of it.

    The invariants of the weights (docs/theory.md, "Gauge invariants") follow from sizes measured
    at init and from each layer's own updates; exponents are taken as multiples of ``step``.  None
    where nothing is at fault, more than one thing, or what is measured does not say, and in blocks.
    """
    if not spec.is_chain:
        return None
    family = spec.optimizer.law
    sides = [(layer.fan_in.wide, layer.fan_out.wide) for layer in spec.layers]
    inits: list[Size] = []
    rates: list[Size] = []
    source: Size = Fraction(0)
    below = Fraction(0)
    for layer, written, (wide_in, wide_out) in zip(layers, spec.layers, sides, strict=True):
        if any(isnan(value) for value in (layer.h, layer.own, layer.df)):
            return None
        height, own, df = (_snap(value, step) for value in (layer.h, layer.own, layer.df))
        if not isinstance(source, Fraction):
            return None
        inits.append(height + -source + (Fraction(-1, 2) if wide_in else 0))
        gradient: Size = Fraction(0)
        if wide_out:
            # The output's change is a coherent sum over the layer's n entries.
            if not (isinstance(own, Fraction) and isinstance(df, Fraction)):
                return None
            gradient = df - own - 1
            if wide_in and written.bias is not None and not written.bias.std.is_zero:
                # The bias may be what gives h its size; the gradient passes the weight alone.
                inits[-1] = below - gradient - Fraction(1, 2)
            below = gradient
        rates.append(rate_of(family.step, own, gradient, (wide_in, wide_out), source))
        source = height
    groups = [layer.statement for layer in spec.layers]
    change = single_change(inits, rates, family, sides, richness, groups)
    if change is None:
        return None
    at = spec.layers[change.layer]
    name = at.name if len(change.layers) == 1 else at.statement
    return Fault(name, change.knob, -change.exponent, change.richness)


def _snap(exponent: float, step: float) -> Size:
    if exponent == -inf:
        return ZERO_SIZE
    return round(exponent / step) * Fraction(step)
