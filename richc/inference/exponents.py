"""The exponents that a file writes, as linear expressions in what it leaves open."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from richc.algebra.monomial import WIDTH, ZERO, Monomial
from richc.diagnostics import Span
from richc.inference.givens import given_name, hole_name, subject_of
from richc.inference.linear import LinearForm, affine, unknown
from richc.spec.holes import PlacedHole, has_hole, is_hole
from richc.spec.model import Layer, Model, Tensor


class TensorPart(NamedTuple):
    """The weight or the bias of a layer."""

    layer: Layer
    tensor: Tensor

    @property
    def is_bias(self) -> bool:
        return self.tensor is self.layer.bias

    @property
    def subject(self) -> str:
        return subject_of(self.layer, self.tensor)

    @property
    def wide_in(self) -> bool:
        """Whether its fan-in grows; that of a bias is 1."""
        return self.layer.fan_in.wide and not self.is_bias


class OpenExponents:
    """What a model says of exponents.

    With ``kept``, only what stands at these places is as written, and the rest is unknown.  A hole
    in ``loose`` may have another value in each layer that shares it.
    """

    def __init__(
        self,
        model: Model,
        holes: dict[str, PlacedHole],
        kept: Collection[Span] | None,
        loose: Collection[Span],
    ) -> None:
        self.model = model
        self._holes = holes
        self._kept = kept
        self._loose = loose

    def _keeps(self, place: Span | None) -> bool:
        return place is None or self._kept is None or place in self._kept

    def init(self, part: TensorPart) -> LinearForm | None:
        """The exponent of multiplier times init std; None for zeros."""
        scale, std = self.scale(part), self.std(part)
        return None if scale is None or std is None else scale.plus(std)

    def global_rate(self, part: TensorPart) -> LinearForm:
        optimizer = self.model.optimizer_of(part.tensor)
        written = self.plain(optimizer.lr, part.layer)
        place = dict(optimizer.places).get("lr")
        # A plain number says nothing about the width: there is nothing to give up.
        is_plain = written.is_constant and not written.const
        if place is None or is_plain or self._keeps(place) or has_hole(optimizer.lr):
            return written
        return written.plus(unknown(given_name(place)))

    def scale(self, part: TensorPart) -> LinearForm | None:
        return self._exponent(part, part.tensor.scale, ("scale",))

    def std(self, part: TensorPart) -> LinearForm | None:
        return self._exponent(part, part.tensor.std, ("std", "var"))

    def rate(self, part: TensorPart) -> LinearForm | None:
        """Without the optimizer's own; None for a tensor that does not train."""
        lr = ZERO if part.tensor.frozen else part.tensor.lr
        return self._exponent(part, lr, ("lr", "frozen"))

    def _exponent(
        self, part: TensorPart, value: Monomial, names: tuple[str, ...]
    ) -> LinearForm | None:
        """The exponent of n in an attribute, which has these names; None where it is zero.

        What the file says, but is not kept, is an unknown beside the exponent that is written.
        """
        if has_hole(value):
            return self.plain(value, part.layer)
        place = part.tensor.place(*reversed(names))
        key = "" if place is None else given_name(place)
        if place is None:
            place = self.model.parameterization_place
            key = f"={part.layer.statement} {names[0]} {part.is_bias}"
        written = None if value.is_zero else self.plain(value, part.layer)
        if self._keeps(place):
            return written
        return unknown(key) if written is None else written.plus(unknown(key))

    def plain(self, value: Monomial, layer: Layer) -> LinearForm:
        """The exponent of n, each hole an unknown."""
        result = affine(value.exponent(WIDTH))
        for base, power in value.powers:
            if is_hole(base):
                hole = self._holes[str(base)]
                factor = power.const * hole.base.exponent().const
                if factor:
                    name = hole_name(hole.place)
                    if hole.place in self._loose:
                        name += f" {layer.name}"
                    result = result.plus(unknown(name), factor)
        return result
