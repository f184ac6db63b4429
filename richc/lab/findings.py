"""The desiderata decided from measured exponents alone.

As richc.calculus.verdict decides them from exact ones (docs/theory.md, "The desiderata"), with a
tolerance in place of equality.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import inf, isnan
from typing import NamedTuple

from richc.algebra.sizes import ZERO_SIZE, Size
from richc.calculus.nearest import single_change
from richc.calculus.verdict import DESIDERATA, HOLDS, MIXED, NOT_EVALUATED, VIOLATED, Status
from richc.spec.model import Model
from richc.words import Regime


class Measured(NamedTuple):
    """One layer's exponents in one step: -inf for what is zero, None for a bias that is not there,
    nan where some networks show zero and others do not.
    """

    name: str
    h: float
    dh: float
    own: float
    bias_own: float | None
    df: float
    bias_df: float | None

    @property
    def strongest(self) -> float:
        """Of its own updates of h."""
        return max(self.own, _known(self.bias_own))

    @property
    def farthest(self) -> float:
        """Of its own shares of the output's change."""
        return max(self.df, _known(self.bias_df))


class Finding(NamedTuple):
    """A desideratum that training breaks at a layer (None: at none in particular)."""

    desideratum: str
    layer: str | None
    message: str
    #: Only because something else explodes: true, and not what has to be mended.
    is_consequence: bool = False


class Fault(NamedTuple):
    """The one thing at fault: a layer's init or rate, too large by n^excess for that richness."""

    layer: str
    knob: str
    excess: Fraction
    richness: Fraction


class Findings(NamedTuple):
    statuses: tuple[tuple[str, Status], ...]
    broken: tuple[Finding, ...]
    #: Where nothing is broken: the richness that every Δh shows; None where they differ.
    richness: float | None
    regime: Regime
    #: Whether some update or the output grows with the width.
    explodes: bool


def decide(layers: list[Measured], tolerance: float) -> Findings:
    """What training breaks, with the layers that break it."""
    unknown = any(isinstance(value, float) and isnan(value) for layer in layers for value in layer)
    at_init = _sizes(layers, tolerance)
    explosions = _above(
        layers[:-1],
        lambda layer: layer.strongest,
        tolerance,
        "D0",
        "each update makes the representation explode",
    )
    moves = [layer.farthest for layer in layers]
    d1 = _above(
        layers,
        lambda layer: layer.farthest,
        tolerance,
        "D1",
        "each update makes the output explode",
    )
    still = max(moves) < -tolerance
    if still:
        d1.append(Finding("D1", None, f"no step moves the output: {power(max(moves))}"))
    d2 = [] if still else _useless(layers, moves, tolerance)
    d3 = [] if still else _negligible(layers, moves, tolerance)
    broken = (*at_init, *explosions, *d1, *d2, *d3)
    names = {finding.desideratum for finding in broken}
    judged = NOT_EVALUATED if unknown or still else HOLDS
    statuses = tuple(
        (d, VIOLATED if d in names else judged if d in ("D2", "D3") else HOLDS) for d in DESIDERATA
    )
    updates = [layer.dh for layer in layers[:-1]]
    # One richness is one size of update at every representation.
    is_mixed = not broken and max(updates) - min(updates) > tolerance
    richness = None if broken or is_mixed else updates[-1] + 0.5
    explodes = bool(explosions) or (bool(d1) and not still)
    unstable = bool(at_init) or explodes
    regime = MIXED if is_mixed else _regime(unstable, still, richness, tolerance)
    return Findings(statuses, broken, richness, regime, explodes)


def find_fault(
    layers: list[Measured], spec: Model, richness: Fraction | None, step: float
) -> Fault | None:
    """What alone keeps a measured network from the richness scale, or from one point of it.

    The invariants of the weights (docs/theory.md, "Gauge invariants") follow from sizes measured
    at init and from each layer's own updates; exponents are taken as multiples of ``step``.  None
    where nothing is at fault, more than one thing, or what is measured does not say.
    """
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
        unit = family.step(Fraction(0), source, gradient, int(wide_in) + int(wide_out))
        if not isinstance(unit, Fraction):
            return None
        rates.append(own + (-source - unit - (1 if wide_in else 0)))
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


def power(exponent: float, symbol: str = "n") -> str:
    """``n^-0.48``, or ``0``."""
    if exponent == -inf:
        return "0"
    return f"{symbol}^{exponent + 0.0:.2f}".replace("^-0.00", "^0.00")


def _known(exponent: float | None) -> float:
    return -inf if exponent is None else exponent


def _sizes(layers: list[Measured], tolerance: float) -> list[Finding]:
    found: list[Finding] = []
    source = 0.0
    *hidden, output = layers
    for layer in hidden:
        if abs(layer.h) > tolerance and abs(layer.h - source) > tolerance:
            found.append(Finding("D0", layer.name, f"h ~ {power(layer.h)} at init"))
        source = layer.h
    if output.h > tolerance and output.h - source > tolerance:
        found.append(Finding("D0", output.name, f"f ~ {power(output.h)} at init"))
    return found


def _above(
    layers: list[Measured],
    size: Callable[[Measured], float],
    tolerance: float,
    desideratum: str,
    words: str,
) -> list[Finding]:
    found = []
    for layer in layers:
        exponent = size(layer)
        if exponent > tolerance:
            found.append(Finding(desideratum, layer.name, f"{words}: {power(exponent)}"))
    return found


def _useless(layers: list[Measured], moves: list[float], tolerance: float) -> list[Finding]:
    found = []
    for index, layer in enumerate(layers[:-1]):
        # What h carries to the output is what the layers up to it add: the sum's largest term.
        reach = max(moves[: index + 1])
        if reach < -tolerance:
            words = f"the update of h adds {power(reach)} to the output's"
            found.append(Finding("D2", layer.name, words))
    return found


def _negligible(layers: list[Measured], moves: list[float], tolerance: float) -> list[Finding]:
    found = []
    for index, layer in enumerate(layers):
        # Beside an update that explodes it is a consequence, to be mended where the explosion is.
        explodes = layer.dh > tolerance or max(moves[: index + 1]) > tolerance
        for own, which in ((layer.own, "weight"), (layer.bias_own, "bias")):
            # Nothing beside nothing is not less, and a bias that never moves may be absent.
            if own is None or own == layer.dh or (which == "bias" and own == -inf):
                continue
            short = own - layer.dh
            if short < -tolerance:
                words = f"the {which}'s own update is {power(short)} of the whole"
                found.append(Finding("D3", layer.name, words, explodes))
    return found


def _regime(unstable: bool, still: bool, richness: float | None, tolerance: float) -> Regime:
    if unstable:
        return Regime.UNSTABLE
    if still:
        return Regime.TRIVIAL
    if richness is None:
        return Regime.PARTIAL
    return Regime.RICH if richness > 0.5 - tolerance else Regime.LAZY
