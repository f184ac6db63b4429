"""What is known of the sizes of representations, for the program's ``--monitor``."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from richc.pipeline import ModelResult
from richc.rules.signal import following, signal
from richc.scaling.sizes import ZERO_SIZE, Size


class Prediction(NamedTuple):
    """Of one layer's output, before its activation; None where it is zero or not known."""

    #: RMS at init, at the declared width.
    size: float | None
    #: Exponents of n: of that RMS, and of the RMS of what training changes.
    power: Fraction | None
    power_of_change: Fraction | None


def predict(chosen: ModelResult) -> dict[str, Prediction]:
    """Every layer's, by the name that its module has; only what the verdict calls exact."""
    context, verdict, layers = chosen.context, chosen.verdict, chosen.spec.layers
    bits = signal(context)
    found: dict[str, Prediction] = {}
    for index, (layer, flow) in enumerate(zip(layers, verdict.flow.later, strict=True)):
        if index >= verdict.known_heights:
            found[layer.name] = Prediction(None, None, None)
            continue
        size = None
        if flow.h is not ZERO_SIZE and len(bits) >= index:
            below = bits[index - 1] if index else 0.0
            before = layers[index - 1].activation if index else None
            size = 2.0 ** (following(context, layer, before, below) / 2)
        found[layer.name] = Prediction(size, _rational(flow.h), _rational(flow.dh))
    return found


def _rational(size: Size) -> Fraction | None:
    return size if isinstance(size, Fraction) else None
