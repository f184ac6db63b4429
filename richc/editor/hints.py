"""Inlay hints: values of holes, and what a parameterization fills in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from richc.algebra.monomial import ONE
from richc.diagnostics import Span
from richc.editor.document import Document
from richc.editor.exponents import (
    KNOBS,
    attribute,
    formula,
    is_written,
    scaling,
    span_name,
    together,
)
from richc.pipeline import ModelResult
from richc.rules.inferred_exponent import reason_of, value_of
from richc.spec.model import Layer, Tensor
from richc.syntax import tree

_MAX_GROUPS = 3


class Hint(NamedTuple):
    """Text to show behind a place."""

    offset: int
    label: str
    tooltip: str


def hints(document: Document, start: int, end: int) -> list[Hint]:
    """The hints of a part of a text, in order."""
    found: list[Hint] = []
    for result in document.result.models:
        if result.spec.place.start <= end and start <= result.spec.place.end:
            found += (h for h in _of_model(result) if start <= h.offset <= end)
    return sorted(found)


def _of_model(result: ModelResult) -> Iterator[Hint]:
    for hole in result.spec.inferred:
        text = value_of(hole, result.context.richness)
        yield Hint(hole.place.end, f" = {text}", reason_of(hole))
    if result.spec.parameterization is None:
        return
    layers: dict[Span, list[Layer]] = {}
    for layer in result.spec.layers:
        layers.setdefault(layer.place, []).append(layer)
    for statement in tree.every(result.context.node.statements):
        if isinstance(statement, tree.Layer) and statement.span in layers:
            yield from _of_statement(result, statement, layers[statement.span])


def _of_statement(
    result: ModelResult, statement: tree.Layer, layers: list[Layer]
) -> Iterator[Hint]:
    source = f"inferred by `parameterization {result.spec.parameterization}`"
    if result.spec.gauge:
        source += f" in the {result.spec.gauge} gauge"
    weight = _grouped(result, [(layer, layer.weight) for layer in layers])
    if weight:
        yield Hint(statement.span.end, f"  {weight}", source)
    bias = next(
        (i for i in (statement.block.items if statement.block else ()) if i.name.text == "bias"),
        None,
    )
    if bias is not None:
        biases = [(layer, layer.bias) for layer in layers if layer.bias is not None]
        inferred = _grouped(result, biases)
        if inferred:
            yield Hint(bias.span.end, f" {inferred}", source)


def _grouped(result: ModelResult, tensors: list[tuple[Layer, Tensor]]) -> str:
    """What is inferred for the layers of a statement, those that are alike together."""
    groups = together((_inferred(result, tensor), layer) for layer, tensor in tensors)
    if len(groups) == 1:
        return groups[0][0]
    shown = [f"{span_name(group)}: {text}" for text, group in groups[:_MAX_GROUPS] if text]
    return "; ".join([*shown, *(["…"] if len(groups) > _MAX_GROUPS else [])])


def _inferred(result: ModelResult, tensor: Tensor) -> str:
    """``std = 1 / 8 ~ n^0, lr = …``: without what is written, and without multipliers of 1."""
    parts = []
    for name in KNOBS:
        value = attribute(tensor, name)
        if value is None or is_written(tensor, name) or (name == "scale" and value == ONE):
            continue
        if name == "lr" and tensor.frozen:
            continue
        text = formula(value, result.spec.symbols)
        width = result.spec.width_symbol
        shown = scaling(value, result.spec.richness, width).rpartition(" = ")[2]
        parts.append(f"{name} = {text}" if value.is_zero else f"{name} = {text} ~ {shown}")
    return ", ".join(parts)
