"""An activation as a file says it."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from richc.activations import NONLINEARITIES, Nonlinearity


class Activation(NamedTuple):
    name: str
    #: The slope below zero where the file may say it, None for the others.
    slope: Fraction | None = None

    @property
    def kind(self) -> Nonlinearity:
        return NONLINEARITIES[self.name]

    @property
    def is_homogeneous(self) -> bool:
        """True when phi(t x) = t phi(x) for every t > 0."""
        return self.kind.is_homogeneous

    @property
    def below(self) -> Fraction:
        """The slope below zero; 0 for activations that are not homogeneous, which have none."""
        default = self.kind.slope if self.slope is None else self.slope
        return Fraction(0) if default is None else default
