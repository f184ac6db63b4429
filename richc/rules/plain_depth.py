"""R706: so many layers without a skip that inputs become alike, or networks of one file differ.

Both are of the declared depth and width and exact in the limit of large width: the correlation of
two orthogonal inputs (Cho & Saul 2009 for relu; Poole et al. 2016, arXiv 1606.05340) and the
log-variance of the signal's size (Hanin 2018, arXiv 1801.03744).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import exp, log, sqrt
from typing import NamedTuple

from richc.algebra.correlation import correlate, scatter
from richc.diagnostics import WARNING, Diagnostic
from richc.rules.context import Context
from richc.rules.signal import BEYOND, init_of, known

#: The correlation at which training takes twice as long as with few layers, at least
#: (tests/measured/test_plain_depth.py).
ALIKE = 0.95
#: The log-variance at which one network in twenty starts with an RMS that is off by R701's factor
#: of ten: 1.96 standard deviations of log RMS, which are half those of the mean square.
SCATTERED = (2 * log(10) / 1.96) ** 2


class Fate(NamedTuple):
    """What is left of the signal at the last representation."""

    #: Of two inputs that are orthogonal.
    correlation: float
    #: Of the mean square of its entries, over networks.
    log_variance: float


def fate(context: Context) -> Fate:
    """Follow two orthogonal inputs, and the scatter of their sizes, through all layers.

    There are no norms and no branches among them.
    """
    correlation = spread = 0.0
    for at in context.passed[:-1]:
        share, fixed, fresh, passes = correlation, 0.0, 0.0, 1.0
        if at.activation is not None:
            size = 2.0 ** max(-BEYOND, min(at.before, BEYOND))
            share = correlate(*known(at.activation), size, correlation)
            fresh, passes = scatter(*known(at.activation), size)
        if at.layer is None:
            fresh = 0.0  # No sum is drawn anew.
        else:
            fresh /= at.layer.fan_in.at(context.model.width)
            fixed = min(1.0, 2.0 ** (init_of(context, at.layer).bias - at.size))
        correlation = (1 - fixed) * share + fixed
        spread = (1 - fixed) ** 2 * (passes * spread + fresh)
    return Fate(correlation, spread)


def check(context: Context) -> Iterator[Diagnostic]:
    found = fate(context)
    if found.correlation < ALIKE and found.log_variance < SCATTERED:
        return
    layers = [at.layer for at in context.passed[:-1] if at.layer is not None]
    counts = Counter(layer.statement for layer in layers)
    longest = max(layers, key=lambda layer: counts[layer.statement])
    symbol, width = context.model.width_symbol, context.model.width
    factor = exp(sqrt(found.log_variance) / 2)
    alike = (
        "two orthogonal inputs reach the last of them with a correlation of "
        f"{found.correlation:.3g}"
    )
    scattered = (
        f"the size of the signal differs from network to network by a factor of {factor:.2g} "
        f"(log-variance {found.log_variance:.2g} at {symbol} = {width})"
    )
    if found.correlation >= ALIKE:
        why, label, more = "training slows down with depth", alike, scattered
    else:
        why, label, more = f"too many for {symbol} = {width}", scattered, alike
    yield Diagnostic(
        "R706",
        f"{len(layers)} layers without a skip: {why}",
        longest.name_place,
        label=label,
        layer=longest.statement,
        notes=(more,),
        help="fewer layers, or skips around them",
        severity=WARNING,
    )
