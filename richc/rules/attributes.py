"""Edits that write an attribute of a layer, or another value for it."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from richc.algebra.joint import depth_of, width_of
from richc.algebra.monomial import Affine
from richc.diagnostics import Edit, Span
from richc.rules.context import Context
from richc.rules.mending import at_base, depth_unit, unit
from richc.spec.arrangement import ResidualBlock
from richc.spec.infer import STANDARD
from richc.spec.model import Layer, Tensor
from richc.syntax import tree


class WrittenAttribute(NamedTuple):
    """An attribute as it should stand on a layer, and the edits that write it."""

    words: str
    edits: tuple[Edit, ...]


def kept_at_base(
    context: Context, layer: Layer, tensor: Tensor, names: tuple[str, str], power: Fraction
) -> WrittenAttribute | None:
    """Multiply an attribute by powers of n / n0 and L / L0: its value at the base stays.

    ``names`` are the attribute's on a layer and in the optimizer; what stands in the optimizer goes
    to the layer.  None where there is no place for it.
    """
    of_bias = tensor is layer.bias
    own = tensor.place(names[0])
    place = own or dict(context.model.optimizer_of(tensor).places).get(names[1])
    # Under a parameterization the optimizer's decay is spread over the layers.
    is_spread = own is None and context.model.parameterization not in (None, STANDARD)
    if place is None or is_spread:
        return None
    width, depth = Affine(width_of(power)), Affine(depth_of(power))
    value = at_base(context, [layer], place, width, of_bias=of_bias, depth=depth)
    words = f"{names[0]} = {value}"
    edit = Edit(own, value) if own else added(context, layer, words, of_bias)
    bases = () if width.is_zero else unit(context).edits
    bases += () if depth.is_zero else depth_unit(context).edits
    return WrittenAttribute(words, (edit, *bases))


def times(context: Context, place: Span, factor: str) -> str:
    """The expression at ``place`` with `` * ...`` or `` / ...`` behind it."""
    node = context.expressions.get(place)
    text = context.text[place.start : place.end]
    if text == "1" and factor.startswith(" * "):
        return factor.removeprefix(" * ")
    return f"({text}){factor}" if isinstance(node, tree.Sum | tree.Negative) else text + factor


def added_to_residual(context: Context, block: ResidualBlock, attribute: str) -> Edit:
    """One more attribute of a residual, which come first."""
    node = next(
        node
        for node in tree.every(context.node.statements)
        if isinstance(node, tree.Residual) and node.name.span == block.name_place
    )
    start = node.parts[0].span.start
    line = context.text.rfind("\n", 0, start) + 1
    before = context.text[line:start]
    # On a line of its own where the branch is.
    return Edit(Span(start, start), attribute + (", " if before.strip() else f"\n{before}"))


def added(context: Context, layer: Layer, attribute: str, of_bias: bool = False) -> Edit:
    """One more attribute in the statement of a layer, or in its bias."""
    node = next(
        node
        for node in tree.every(context.node.statements)
        if isinstance(node, tree.Layer | tree.Norm)
        and (node.name or node.kind).span == layer.name_place
    )
    block, end = node.block, node.span.end
    word = "bias" if of_bias else "gain" if layer.kind.is_norm else None
    if word is not None and block is not None:
        inner = next(item for item in block.items if item.name.text == word)
        block, end = (inner.block if isinstance(inner, tree.Section) else None), inner.span.end
    if block is None:
        return Edit(Span(end, end), f" {{ {attribute} }}")
    if not block.items:
        return Edit(block.span, f"{{ {attribute} }}")
    end = block.items[-1].span.end
    return Edit(Span(end, end), f", {attribute}")
