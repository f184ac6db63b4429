"""Own updates from shapes, rates and sizes at init, without training."""

from __future__ import annotations

import math
from fractions import Fraction

from richc.lab.statistics import Fit
from richc.torchfront.evidence import CONFIDENCE, TOLERANCE, Evidence
from richc.torchfront.measuring import Place
from richc.torchfront.reading import FactoryReading, ParameterReading, power

#: Sizes at init are multiples of this power.
_STEP = 4
#: Operations that a bias is an argument of, and those that add it.
_BIASED = ("addmm", "convolution", "baddbmm")
_ADDS = (*_BIASED, "add", "add_")
#: What is a smaller part of a sum has something beside it.
_ALONE = 0.999


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
    if ndim == 1 and event.op in _BIASED:
        return _less(entry, _bare(evidence, key, size))
    gain = evidence.bare(key, over_source=True)
    if gain is None or gain.is_zero or factor is None:
        return None  # An entry of what is made of it need not be one of it.
    return _less(entry + factor + terms, _bare(evidence, key, gain))


def predict_output(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """The exponent of a read-out's own change of the output; None where it cannot be said."""
    source, entry = evidence.source(key), _entry(evidence, reading, key)
    if entry is None or source is None or source.is_zero:
        return None
    if not reading.is_matrix:
        return entry
    numbers = (evidence.terms(key), evidence.factors(key, reading.name), evidence.tails(key))
    powers = [power(values, evidence.widths) for values in numbers]
    known = [one for one in (*powers, _sized(source)) if one is not None]
    return entry + sum(known) if len(known) > len(powers) else None


def predict_size(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """By what power changes of its input, relative to its size, grow in a read-out, if aligned."""
    init, source = evidence.init(reading.name), evidence.source(key)
    if not reading.is_matrix or init is None or init.is_zero or source is None or source.is_zero:
        return None
    numbers = (evidence.terms(key), evidence.factors(key, reading.name), evidence.tails(key))
    powers = [power(values, evidence.widths) for values in numbers]
    known = [one for one in (*powers, _sized(source), _told(init)) if one is not None]
    return sum(known, Fraction(0)) if len(known) == len(powers) + 2 else None


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
    power, size = _told(evidence.gradient(reading.name, key)), _sized(source)
    return None if power is None or size is None else power + size


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
    size = evidence.bare(key)
    assert size is not None
    init, itself = evidence.init(reading.name), evidence.itself(reading.name, key)
    if init is None or init.is_zero or itself is None or itself.is_zero:
        # It starts at zero: what it is added to, it changes by the update.
        return _less(entry, _bare(evidence, key, size))
    return _less(entry, _share(itself, init))


def predict_factor(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """The exponent of the change of an output by what multiplies it, relative to its size."""
    entry, init = _entry(evidence, reading, key), evidence.init(reading.name)
    itself = evidence.itself(reading.name, key)
    if entry is None or init is None or itself is None or itself.is_zero:
        return None
    return _less(entry, _share(itself, init))


def _share(itself: Fit, init: Fit) -> Fraction | None:
    """Of a parameter's own size, over that of what it makes, relative to the size of all."""
    size, part = _told(init), _sized(itself)
    return None if size is None or part is None else size - part


def vanishing(evidence: Evidence, reading: FactoryReading) -> tuple[str, ...]:
    """Wide biases that start smaller in wider networks, beside what does not, as torch draws them.

    In the limit they are nothing; in narrow networks whatever they are added to shrinks with them.
    """
    found = []
    for name, one in reading.parameters.items():
        init = evidence.init(name)
        if one.is_matrix or not any(d.power > 0 for d in one.dimensions):
            continue
        uses = [key for key in evidence.uses(name) if evidence.events[key].op in _ADDS]
        parts = [evidence.largest_part(name, key) for key in uses]
        is_added = bool(parts) and min(parts) < _ALONE
        if is_added and init is not None and -math.inf < init.exponent < -TOLERANCE:
            found.append(name)
    return tuple(found)


def _less(power: Fraction, size: Fraction | None) -> Fraction | None:
    return None if size is None else power - size


def _bare(evidence: Evidence, key: str, fit: Fit) -> Fraction | None:
    """Of what an event makes before it is multiplied: what multiplies it is known exactly."""
    tail = power(evidence.tails(key), evidence.widths) or Fraction(0)
    size = _sized(fit._replace(exponent=fit.exponent + float(tail)))
    return None if size is None else size - tail


def _sized(fit: Fit) -> Fraction | None:
    """Of a size at init: one that the rules take for n^0 is read as that, no other guessed."""
    return Fraction(0) if abs(fit.exponent) <= TOLERANCE else _told(fit)


def snapped(exponent: float) -> Fraction:
    return Fraction(round(exponent * _STEP), _STEP)
