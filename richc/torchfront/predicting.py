"""Own updates from shapes, rates and sizes at init, without training."""

from __future__ import annotations

from fractions import Fraction

from richc.torchfront.evidence import Evidence
from richc.torchfront.reading import ParameterReading, power

#: Sizes at init are multiples of this power.
_STEP = 4


def predict(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """The exponent of a parameter's own change of a representation, relative to its size.

    For optimizers whose update has the size of the rate: a matrix's is the rate times the terms
    that an entry sums over, which an update aligns, times the input over the output; a bias's and
    a row's of an embedding are the rate over the output.  Source: Yang & Littwin 2023
    (arXiv 2308.01814), section 2.  None where the optimizer's update has another size.
    """
    size = evidence.bare(key)
    if not reading.is_entrywise or reading.lr is None or size is None or size.is_zero:
        return None
    name, event = reading.name, evidence.events[key]
    terms = power(evidence.terms(key), evidence.widths)
    factor = power(evidence.factors(key, name), evidence.widths)
    if terms is None or factor is None:
        return None
    if terms == 0 and event.op not in ("mm", "addmm", "bmm", "convolution"):
        return _vector(evidence, reading, key)
    ndim = len(reading.dimensions)
    if ndim == 1 and event.op in ("addmm", "convolution", "baddbmm"):
        return reading.lr - snapped(size.exponent)
    gain = evidence.bare(key, over_source=True)
    if gain is None or gain.is_zero:
        return None
    return reading.lr + factor + terms - snapped(gain.exponent)


def predict_output(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """The exponent of a read-out's own change of the output; None where it cannot be said."""
    source = evidence.source(key)
    if not reading.is_entrywise or reading.lr is None or source is None or source.is_zero:
        return None
    if not reading.is_matrix:
        return reading.lr
    numbers = (evidence.terms(key), evidence.factors(key, reading.name), evidence.tails(key))
    powers = [power(values, evidence.widths) for values in numbers]
    known = [one for one in powers if one is not None]
    if len(known) < len(powers):
        return None
    return reading.lr + sum(known, Fraction(0)) + snapped(source.exponent)


def _vector(evidence: Evidence, reading: ParameterReading, key: str) -> Fraction | None:
    """Of a gain, a bias, or an embedding."""
    assert reading.lr is not None
    init, size = evidence.init(reading.name), evidence.bare(key)
    itself = evidence.itself(reading.name, key)
    assert size is not None
    if init is None or init.is_zero or itself is None or itself.is_zero:
        # It starts at zero: what it is added to, it changes by the rate.
        return reading.lr - snapped(size.exponent)
    return reading.lr - snapped(init.exponent) + snapped(itself.exponent)


def snapped(exponent: float) -> Fraction:
    return Fraction(round(exponent * _STEP), _STEP)
