"""What is known of the sizes of representations, for the program's ``--monitor``."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class Prediction(NamedTuple):
    """Of one layer's output, before its activation; None where it is zero or not known."""

    #: RMS at init, at the declared width.
    size: float | None
    #: Exponents of n: of that RMS, and of the RMS of what training changes.
    power: Fraction | None
    power_of_change: Fraction | None
