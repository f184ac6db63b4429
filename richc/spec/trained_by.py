"""The optimizers of a model, as its layers choose among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from richc.algebra.monomial import ZERO, Monomial
from richc.spec.infer import Frame


class TrainedBy(NamedTuple):
    """What a layer may go by: an optimizer of the model, and what inference needs to know."""

    #: None where nothing is inferred.
    frame: Frame | None
    #: Optimizer-wide knobs that a layer may override.
    decay: Monomial = ZERO
    eps: Monomial | None = None
    #: Whether layers may write eps, and whether nothing but a matrix can be trained.
    has_eps: bool = True
    takes_matrices_only: bool = False


class Optimizers(NamedTuple):
    """The optimizers of a model by their words; None for the first."""

    known: Mapping[str | None, TrainedBy]

    def of_vector(self, chosen: str | None) -> str | None:
        """What trains a vector of a layer with this optimizer, where the file does not say."""
        return None if self.known[chosen].takes_matrices_only else chosen
