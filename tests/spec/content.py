"""What a printed model must not lose: all of it but its places and what only inference reads."""

from __future__ import annotations

from richc.diagnostics import Span
from richc.pipeline import analyse
from richc.spec.arrangement import Part, RepeatedBlocks, ResidualBlock
from richc.spec.model import Layer, Model, Tensor

_NOWHERE = Span(0, 0)


def models(text: str) -> list[Model]:
    """The models of a text, which must all be usable."""
    result = analyse(text)
    assert not result.is_unresolved, [(d.code, d.message, d.label) for d in result.diagnostics]
    return [model.spec for model in result.models]


def content(model: Model) -> Model:
    """The model without places, and without the words that say what omitted attributes are."""
    optimizer = model.optimizer._replace(place=_NOWHERE, places=())
    return model._replace(
        layers=tuple(map(_layer, model.layers)),
        optimizer=optimizer,
        others=tuple(o._replace(place=_NOWHERE, places=()) for o in model.others),
        arrangement=tuple(map(_part, model.arrangement)),
        depth_exponent=None,
        requirements=tuple(r._replace(place=_NOWHERE) for r in model.requirements),
        parameterization=None,
        gauge=None,
        place=_NOWHERE,
        name_place=_NOWHERE,
        richness_place=None,
        parameterization_place=None,
        inferred=(),
    )


def nameless(model: Model) -> Model:
    """The same without the names of layers."""
    layers = (layer._replace(name="", statement="", position=None) for layer in model.layers)
    return model._replace(layers=tuple(layers))


def _part(part: Part) -> Part:
    if isinstance(part, ResidualBlock):
        return part._replace(places=(), name_place=_NOWHERE)
    if isinstance(part, RepeatedBlocks):
        return part._replace(parts=tuple(map(_part, part.parts)), name_place=_NOWHERE)
    return part


def _layer(layer: Layer) -> Layer:
    return layer._replace(
        weight=_tensor(layer.weight),
        bias=None if layer.bias is None else _tensor(layer.bias),
        place=_NOWHERE,
        name_place=_NOWHERE,
    )


def _tensor(tensor: Tensor) -> Tensor:
    return tensor._replace(places=())
