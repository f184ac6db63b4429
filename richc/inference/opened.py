"""A model of which more than its holes is open: what is given up is times an unknown power."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import Any

from richc.algebra.monomial import DEPTH, ONE, WIDTH, Monomial, symbol
from richc.diagnostics import Span
from richc.inference.givens import depth_name, given_name, hole_name
from richc.inference.unknown import Letter
from richc.spec.arrangement import Part, RepeatedBlocks, ResidualBlock
from richc.spec.holes import PlacedHole, has_hole, is_hole
from richc.spec.model import Layer, Model, Tensor

_ATTRIBUTES = (("scale", ("scale",)), ("std", ("std", "var")), ("lr", ("lr", "frozen")))


def opened(
    model: Model,
    holes: Mapping[str, PlacedHole],
    kept: Collection[Span] | None,
    loose: Collection[Span],
) -> tuple[Model, dict[str, Letter]]:
    """The model, and what stands for what in its values.

    With ``kept``, only what stands at these places is as written, and the rest is unknown.  A hole
    in ``loose`` may have another value in each layer that shares it.
    """
    opener = _Opener(model, holes, kept, loose)
    return opener.model(), opener.letters


class _Opener:
    def __init__(
        self,
        model: Model,
        holes: Mapping[str, PlacedHole],
        kept: Collection[Span] | None,
        loose: Collection[Span],
    ) -> None:
        self._model, self._holes, self._kept, self._loose = model, holes, kept, loose
        self.letters: dict[str, Letter] = {}
        for mark, hole in holes.items():
            self.letters[mark] = Letter(hole_name(hole.place), _powers(hole.base))

    def model(self) -> Model:
        model = self._model
        if self._kept is None and not self._loose:
            return model
        known: dict[tuple[int, str], Tensor] = {}

        def tensor(layer: Layer, old: Tensor) -> Tensor:
            key = id(old), layer.name if self._loose else ""
            if key not in known:
                known[key] = self._tensor(layer, old)
            return known[key]

        layers = tuple(
            layer._replace(
                weight=tensor(layer, layer.weight),
                bias=None if layer.bias is None else tensor(layer, layer.bias),
            )
            for layer in model.layers
        )
        optimizer, *others = (
            o._replace(lr=self._rate(o.lr, dict(o.places).get("lr"))) for o in model.optimizers
        )
        return model._replace(
            layers=layers,
            optimizer=optimizer,
            others=tuple(others),
            arrangement=tuple(map(self._part, model.arrangement)),
        )

    def _tensor(self, layer: Layer, old: Tensor) -> Tensor:
        changes: dict[str, Any] = {}
        for field, names in _ATTRIBUTES:
            place = old.place(*reversed(names))
            key = f"={layer.statement} {field} {old is layer.bias}"
            value = Monomial(is_zero=True) if old.frozen and field == "lr" else getattr(old, field)
            if place is None:
                place = self._model.parameterization_place
            else:
                key = given_name(place)
            new = self._value(value, place, key, layer)
            if new is not value:
                changes[field] = new
                if field == "lr":
                    changes["frozen"] = False
        if self._loose:
            changes["decay"] = self._loosened(old.decay, layer)
            changes["eps"] = None if old.eps is None else self._loosened(old.eps, layer)
        return old._replace(**changes)

    def _rate(self, value: Monomial, place: Span | None) -> Monomial:
        # A plain number says nothing about the width: there is nothing to give up.
        is_plain = value.exponent(WIDTH).is_zero and value.exponent(DEPTH).is_zero
        return value if place is None or is_plain else self._value(value, place, given_name(place))

    def _part(self, part: Part) -> Part:
        if isinstance(part, ResidualBlock):
            place = dict(part.places).get("scale")
            if place is None:
                place, key = self._model.parameterization_place, f"={part.name} scale"
            else:
                key = given_name(place)
            return part._replace(scale=self._value(part.scale, place, key))
        if isinstance(part, RepeatedBlocks):
            return part._replace(parts=tuple(map(self._part, part.parts)))
        return part

    def _value(
        self, value: Monomial, place: Span | None, key: str, layer: Layer | None = None
    ) -> Monomial:
        if has_hole(value):
            return value if layer is None else self._loosened(value, layer)
        if place is None or self._kept is None or place in self._kept:
            return value
        result = ONE if value.is_zero else value
        for name, base in ((key, WIDTH), (depth_name(key), DEPTH)):
            mark = f"?{name}"
            self.letters[mark] = Letter(name, {base: Fraction(1)})
            result = result.times(symbol(mark))
        return result

    def _loosened(self, value: Monomial, layer: Layer) -> Monomial:
        powers = dict(value.powers)
        for base in [b for b in powers if is_hole(b)]:
            hole = self._holes[str(base)]
            if hole.place in self._loose:
                mark = f"{base} {layer.name}"
                self.letters[mark] = Letter(
                    f"{hole_name(hole.place)} {layer.name}", _powers(hole.base)
                )
                powers[mark] = powers.pop(base)
        return Monomial(tuple(powers.items()), value.is_zero)


def _powers(base: Monomial) -> dict[str, Fraction]:
    return {name: base.exponent(name).const for name in (WIDTH, DEPTH)}
