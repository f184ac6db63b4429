"""R704: an everyday learning rate, read as the rate at n = 1.

Inferred rates are powers of n/n0 with a base width and powers of n without one; a rate may be
written as such a power, too (`1 / n`).  A number that suits a plain network is then taken for the
rate of a network of width one, and layers are trained at n^-1 or n^(-3/2) of it.  Yang et al. 2022
(arXiv 2203.03466) have base shapes for this reason.

What is reported depends on the rate in these units and not on n: under μP, n = 16 and n = 1024 are
slowed down alike.  Up to the limits below, training on the examples' digits is slower by factors,
for every parameterization (tests/measured/test_base_width.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from richc.algebra.formula import power
from richc.algebra.monomial import ONE, WIDTH, Affine
from richc.diagnostics import WARNING, Diagnostic, Label
from richc.rules.common import Trained, decimal, trained
from richc.rules.context import Context
from richc.spec.infer import STANDARD
from richc.syntax import tree

#: The base width of the examples, for the help.
_USUAL_BASE = 64


def check(context: Context) -> Iterator[Diagnostic]:
    model = context.model
    optimizer = model.optimizer
    rate = optimizer.lr.as_fraction() if model.is_chain and not model.others else None
    known = optimizer.law
    # Another gamma is a unit of the user's own.
    if rate is None or known.everyday is None or model.gamma != 1:
        return
    if not 0 < rate * _accumulated(context) <= known.everyday * known.lr:
        return
    weights = [item for item in trained(context) if not item.is_bias]
    if not weights:
        return
    # The rate in the gauge without multipliers, so that all gauges are told the same.
    moves = Affine(Fraction(known.gauge_power))
    factors = [item.tensor.lr.times(item.tensor.scale.power(moves)) for item in weights]
    logs = [context.log2(factor) for factor in factors]
    least = min(logs)
    if least >= 0:
        return
    at = logs.index(least)
    slowest, size = weights[at], context.size(factors[at])
    is_written = any(item.tensor.place("lr", "scale") for item in weights)
    if is_written and not _is_in_units_of_one(context, weights, slowest, max(logs)):
        return
    n = model.width_symbol
    (width,) = (s for s in context.node.statements if isinstance(s, tree.Width))
    # What is written was written for this width.
    base = model.width if is_written else min(_USUAL_BASE, model.width)
    yield Diagnostic(
        "R704",
        f"without a base width this is the learning rate at {n} = 1: {slowest.shown} learns at "
        f"{decimal(context.log2(optimizer.lr) + least)}",
        optimizer.located("lr"),
        label=f"times {power(size)} for {slowest.shown} at {n} = {model.width}",
        layer=slowest.layer.name,
        labels=(Label(width.span, "no base width"),),
        help="declare the width at which the rate suits a plain network: "
        f"`width {n} = {model.width}, base {n}0 = {base}`"
        + (f", and write rates as powers of {n} / {n}0" if is_written else ""),
        severity=WARNING,
    )


def _is_in_units_of_one(
    context: Context, weights: Sequence[Trained], slowest: Trained, fastest: float
) -> bool:
    """Whether written rates are powers of n and nothing else, in a file that gives numbers.

    Where some layer learns faster than the optimizer's rate, or a number says how fast, the rates
    are in units of the user's own.  A file of exponents alone, as papers print them, has none.
    """
    rate = slowest.tensor.lr
    is_bare = rate.without(WIDTH) == ONE and rate.exponent(WIDTH).at(context.richness) < 0
    is_abstract = all(item.tensor.std.without(WIDTH) == ONE for item in weights)
    is_mixed = context.model.parameterization not in (None, STANDARD)
    fits = is_bare and fastest <= 0 and not context.verdict.violations
    return fits and not is_abstract and not is_mixed


def _accumulated(context: Context) -> Fraction:
    """How many gradients one step adds up."""
    optimizer = context.model.optimizer
    momentum = optimizer.option("momentum")
    if not optimizer.law.adds_gradients_up or not isinstance(momentum, Fraction):
        return Fraction(1)
    return 1 / (1 - momentum)
