"""Exponents of what is written in a model that has errors: as much as can be known of it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from richc.algebra.monomial import Monomial
from richc.editor.document import Document
from richc.editor.exponents import scaling
from richc.spec.expressions import Rejected, Scope, monomial, rational
from richc.spec.holes import Holes, has_hole
from richc.spec.infer import dim_monomial
from richc.spec.shapes import dimension
from richc.spec.symbols import scope_of, width_symbol
from richc.syntax import tree


def written(document: Document, offset: int) -> list[tuple[str, str]]:
    """The attributes that the layer at an offset writes, each with how it scales."""
    model = document.node_at(offset)
    if model is None:
        return []
    before: tree.Expression | None = None
    for statement in tree.every(model.statements):
        if isinstance(statement, tree.Input):
            before = statement.value
        if isinstance(statement, tree.Layer):
            if statement.span.start <= offset <= statement.span.end:
                return list(_attributes(model, statement, before))
            before = statement.dim
    return []


def _attributes(
    model: tree.Model, layer: tree.Layer, before: tree.Expression | None
) -> Iterator[tuple[str, str]]:
    scope = scope_of(model, None, Holes())
    width = width_symbol(model)
    sizes = _size("fan_out", layer.dim, width)
    # In a repeated statement only the first layer follows another one.
    fan_in = before if layer.repeat is None else None
    richness = _richness(model)
    for item in layer.block.items if layer.block else ():
        if isinstance(item, tree.Section):
            inner = scope.with_names({**sizes, **_size("layer_fan_in", fan_in, width)})
            for part in item.block.items:
                yield from _scaling(part, inner, richness, width, f"{item.name.text} ")
        else:
            names = {**sizes, **_size("fan_in", fan_in, width)}
            yield from _scaling(item, scope.with_names(names), richness, width, "")


def _size(name: str, node: tree.Expression | None, width: str) -> dict[str, Monomial]:
    if node is None:
        return {}
    try:
        return {name: dim_monomial(dimension(node, width))}
    except Rejected:
        return {}


def _scaling(
    item: tree.Item, scope: Scope, richness: Fraction | None, width: str, prefix: str
) -> Iterator[tuple[str, str]]:
    if isinstance(item, tree.Option) and not isinstance(item.value, tree.String | tree.List):
        try:
            value = monomial(item.value, scope)
        except Rejected:
            return
        if not has_hole(value):
            yield f"{prefix}{item.name.text}", scaling(value, richness, width)


def _richness(model: tree.Model) -> Fraction | None:
    for statement in model.statements:
        if isinstance(statement, tree.Richness):
            try:
                return rational(statement.value, "the richness")
            except Rejected:
                return None
    return None
