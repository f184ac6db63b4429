"""Specifications as the public API gives them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import richc
from richc.report import spec_schema

Load = Callable[[str], spec_schema.Model]


def load(text: str) -> spec_schema.Model:
    """The one model of a text."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.rich"
        path.write_text(text, encoding="utf-8")
        (model,) = richc.load(path).models
    return model


def powers(value: spec_schema.Monomial, richness: Fraction) -> dict[int | str, Fraction]:
    """Base -> exponent at a richness, without bases to the power 0; zero has no powers."""
    assert not value.zero
    found = {p.base: Fraction(p.const) + Fraction(p.slope) * richness for p in value.powers}
    return {base: exponent for base, exponent in found.items() if exponent}


def at_base_width(value: spec_schema.Monomial, richness: Fraction) -> dict[int | str, Fraction]:
    """The same where n = n0 and gamma = 1: powers of n0 and of numbers."""
    found = powers(value, richness)
    found.pop("gamma", None)
    width = found.pop("n", Fraction(0)) + found.pop("n0", Fraction(0))
    return {**found, **({"n0": width} if width else {})}
