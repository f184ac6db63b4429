"""Own updates from shapes, rates and sizes at init, without training."""

from __future__ import annotations

import math
from fractions import Fraction

from richc.lab.statistics import Fit
from richc.torchfront.evidence import CONFIDENCE, TOLERANCE, Evidence
from richc.torchfront.measuring import Place
from richc.torchfront.reading import ParameterReading, power

#: Sizes at init are multiples of this power.
_STEP = 4


def predict(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """The exponent of a parameter's own change of a representation, relative to its size.

    A matrix's is an entry of its update times the terms that an entry of the output sums over,
    which an update aligns, times the input over the output; a bias's and a row's of an embedding
    are the entry over the output.  Source: Yang & Littwin 2023 (arXiv 2308.01814), section 2.
    None where the size of the optimizer's update is not known.
    """
    size, entry = evidence.bare(key), _entry(evidence, reading, key)
    if entry is None or size is None or size.is_zero:
        return None
    name, event = reading.name, evidence.events[key]
    terms = power(evidence.terms(key), evidence.widths)
    factors = evidence.factors(key, name)
    factor = power(factors, evidence.widths)
    is_other = any(map(math.isnan, factors))
    if terms is None or (factor is None and not is_other):
        return None
    if terms == 0 and event.op not in ("mm", "addmm", "bmm", "convolution"):
        return _vector(evidence, reading, key, entry)
    ndim = len(reading.dimensions)
    if ndim == 1 and event.op in ("addmm", "convolution", "baddbmm"):
        return entry - _bare(evidence, key, size)
    gain = evidence.bare(key, over_source=True)
    if gain is None or gain.is_zero or factor is None:
        return None  # An entry of what is made of it need not be one of it.
    return entry + factor + terms - _bare(evidence, key, gain)


def predict_output(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """The exponent of a read-out's own change of the output; None where it cannot be said."""
    source, entry = evidence.source(key), _entry(evidence, reading, key)
    if entry is None or source is None or source.is_zero:
        return None
    if not reading.is_matrix:
        return entry
    numbers = (evidence.terms(key), evidence.factors(key, reading.name), evidence.tails(key))
    powers = [power(values, evidence.widths) for values in numbers]
    known = [one for one in powers if one is not None]
    if len(known) < len(powers):
        return None
    return entry + sum(known) + _sized(source.exponent)


def predict_size(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """By what power changes of its input, relative to its size, grow in a read-out, if aligned."""
    init, source = evidence.init(reading.name), evidence.source(key)
    if not reading.is_matrix or init is None or init.is_zero or source is None or source.is_zero:
        return None
    numbers = (evidence.terms(key), evidence.factors(key, reading.name), evidence.tails(key))
    powers = [power(values, evidence.widths) for values in numbers]
    known = [one for one in powers if one is not None]
    if len(known) < len(powers):
        return None
    return snapped(init.exponent) + sum(known) + _sized(source.exponent)


def _entry(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """The power of an entry of an update, as if aligned."""
    if reading.lr is None or reading.beside is None:
        return None
    known = reading.lr + reading.beside
    if reading.times == "gradient":
        power = _gradient(evidence, reading, key)
        return None if power is None else known + power
    if reading.times == "weight":
        sizes = evidence.values(Place("init", "", reading.name)).values()
        above = {size > reading.least for found in sizes for size in found}
        power = _told(evidence.init(reading.name))
        if above != {False}:
            return None if power is None or above != {True} else known + power
    return known


def _gradient(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """The power of a gradient; a matrix's is that of what reaches the event times its input's."""
    source = evidence.source(key)
    if not reading.is_matrix or source is None or source.is_zero:
        return _told(evidence.gradient(reading.name))
    power = _told(evidence.gradient(reading.name, key))
    return None if power is None else power + _sized(source.exponent)


def _told(fit: Fit | None) -> Fraction | None:
    """The multiple of 1/2, else of 1/4, that an exponent is where no other can be meant."""
    if fit is None or fit.is_zero:
        return None
    half = fit.half_width(CONFIDENCE)
    for parts in (2, _STEP):
        power = Fraction(round(fit.exponent * parts), parts)
        if abs(fit.exponent - power) + half < 1 / (2 * parts):
            return power
    return None


def _vector(
    evidence: Evidence, reading: ParameterReading, key: str, entry: Fraction
) -> Fraction | None:
    """Of a gain, a bias, or an embedding."""
    size, part = evidence.bare(key), _part(evidence, reading, key)
    assert size is not None
    # What starts at zero changes what it is added to by the update.
    return entry - _bare(evidence, key, size) if part is None else entry + part


def predict_factor(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """The exponent of the change of an output by what multiplies it, relative to its size."""
    entry, part = _entry(evidence, reading, key), _part(evidence, reading, key)
    return None if entry is None or part is None else entry + part


def _part(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """Of what a parameter makes, relative to the size of all, over the parameter's own size."""
    init, itself = evidence.init(reading.name), evidence.itself(reading.name, key)
    if init is None or init.is_zero or itself is None or itself.is_zero:
        return None
    return _sized(itself.exponent) - snapped(init.exponent)


def _bare(evidence: Evidence, key: str, fit: Fit) -> Fraction:
    """Of what an event makes before it is multiplied: what multiplies it is known exactly."""
    tail = power(evidence.tails(key), evidence.widths) or Fraction(0)
    return _sized(fit.exponent + float(tail)) - tail


def _sized(exponent: float) -> Fraction:
    """Of a size at init: one that the rules take for n^0 is read as that."""
    return Fraction(0) if abs(exponent) <= TOLERANCE else snapped(exponent)


def snapped(exponent: float) -> Fraction:
    return Fraction(round(exponent * _STEP), _STEP)
