"""The gauges of networks with blocks and norms.

A branch's multiplier and its last layer's are one.  A weight that a norm follows may have any size
if its rate goes with it, and so may all writers of a stream that only norms read, together
(docs/theory.md, "What is left free").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from richc.algebra.monomial import ONE, Monomial
from richc.spec.arrangement import Part, RepeatedBlocks, ResidualBlock, last_dense, residuals
from richc.spec.model import Model, Tensor

#: A layer, and whether it is about its bias.
_At = tuple[int, bool]


def folded(model: Model) -> Model:
    """The model with every branch's multiplier in its last layer's."""
    layers = list(model.layers)
    for block, _ in residuals(model.arrangement):
        index = _last(model, block.parts)
        layer = layers[index]

        def moved(tensor: Tensor, scale: Monomial = block.scale) -> Tensor:
            return tensor._replace(scale=tensor.scale.times(scale))

        bias = None if layer.bias is None else moved(layer.bias)
        layers[index] = layer._replace(weight=moved(layer.weight), bias=bias)
    return model._replace(layers=tuple(layers))


def norm_factors(
    model: Model, places: Sequence[_At], inits: Sequence[tuple[Monomial, Monomial]]
) -> list[Monomial]:
    """By what each tensor of the first model may be multiplied to have the second's init.

    ``inits`` are both models' at ``places``.  One where no norm frees the size.
    """
    ratios = {
        at: b.over(a)
        for at, (a, b) in zip(places, inits, strict=True)
        if not a.is_zero and not b.is_zero
    }
    factors = dict.fromkeys(places, ONE)
    for index in _before_norms(model, model.arrangement):
        _move(factors, index, ratios.get((index, False), ONE))
    writers = _writers(model)
    if writers:
        common = ratios.get((writers[0], False), ONE)
        for index in writers:
            _move(factors, index, common)
    return [factors[at] for at in places]


def _move(factors: dict[_At, Monomial], index: int, factor: Monomial) -> None:
    for at in ((index, False), (index, True)):
        if at in factors:
            factors[at] = factors[at].times(factor)


def _last(model: Model, parts: Sequence[Part]) -> int:
    """The last dense layer of a branch."""
    last = last_dense(parts, model.layers)
    assert last is not None
    return last


def _is_norm(model: Model, part: Part) -> bool:
    return isinstance(part, int) and model.layers[part].kind.is_norm


def _before_norms(model: Model, parts: Sequence[Part]) -> Iterator[int]:
    """Dense layers that a norm follows at once, or after an activation that scales with them."""
    for part, following in pairwise(parts):
        if not isinstance(part, int) or _is_norm(model, part) or not _is_norm(model, following):
            continue
        if model.layers[part].is_scaled:
            yield part
    for part in parts:
        if isinstance(part, ResidualBlock | RepeatedBlocks):
            yield from _before_norms(model, part.parts)


def _writers(model: Model) -> list[int]:
    """All that writes to the stream, where only norms read it: the first layer, and each branch.

    Empty where something else reads it.
    """
    parts = model.arrangement
    first = parts[0] if parts else None
    blocks = [part for part in parts if isinstance(part, ResidualBlock | RepeatedBlocks)]
    if not isinstance(first, int) or parts[1 : 1 + len(blocks)] != tuple(blocks) or not blocks:
        return []
    after = parts[1 + len(blocks)]
    if not _is_norm(model, after) or not model.layers[first].is_scaled:
        return []
    writers = [first]
    for block, around in residuals(parts):
        is_alone = around is None or all(isinstance(p, ResidualBlock) for p in around.parts)
        last = _last(model, block.parts)
        ends = block.parts[-1] == last
        ends = ends and model.layers[last].is_scaled
        if not (is_alone and _is_norm(model, block.parts[0]) and ends):
            return []
        writers.append(last)
    return writers
