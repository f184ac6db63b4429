"""The syntax tree: one node per construct, each knowing where it stands.

Nodes are NamedTuples for the reason given in richc/algebra/monomial.py.  Numbers keep their
spelling; nothing is evaluated here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from richc.diagnostics import Span


class Name(NamedTuple):
    text: str
    span: Span


class Number(NamedTuple):
    text: str
    span: Span


class String(NamedTuple):
    text: str
    span: Span


class Hole(NamedTuple):
    """``?`` as an exponent: to be inferred."""

    span: Span


class Negative(NamedTuple):
    operand: Expression
    span: Span


class Product(NamedTuple):
    """``left * right``, or ``left / right`` when ``divides``."""

    left: Expression
    right: Expression
    divides: bool
    span: Span


class Sum(NamedTuple):
    """``left + right``, or ``left - right`` when ``subtracts``."""

    left: Expression
    right: Expression
    subtracts: bool
    operator: Span
    span: Span


class Power(NamedTuple):
    base: Expression
    exponent: Expression
    span: Span


class Group(NamedTuple):
    """A parenthesised expression."""

    inner: Expression
    span: Span


class Call(NamedTuple):
    function: Name
    argument: Expression
    span: Span


Expression = Name | Number | Hole | Negative | Product | Sum | Power | Group | Call


class List(NamedTuple):
    items: tuple[Expression, ...]
    span: Span


Value = Expression | String | List


class Option(NamedTuple):
    """``name = value``."""

    name: Name
    value: Value
    span: Span


class Flag(NamedTuple):
    """A bare attribute, such as ``frozen``."""

    name: Name
    span: Span


class Block(NamedTuple):
    items: tuple[Item, ...]
    span: Span


class Section(NamedTuple):
    """An attribute with attributes of its own, such as ``bias { ... }``."""

    name: Name
    block: Block
    span: Span


Item = Option | Flag | Section


class Preset(NamedTuple):
    """``name`` or ``name(arguments)``: a parameterization, an activation, a requirement."""

    name: Name
    arguments: tuple[Option | Expression, ...]
    span: Span


class Width(NamedTuple):
    symbol: Name
    value: Expression
    base_symbol: Name | None
    base_value: Expression | None
    span: Span


class Depth(NamedTuple):
    """The number of repeated blocks, as ``Width`` is that of the neurons."""

    symbol: Name
    value: Expression
    base_symbol: Name | None
    base_value: Expression | None
    span: Span


class Interval(NamedTuple):
    low: Expression
    high: Expression
    span: Span


class Richness(NamedTuple):
    symbol: Name
    value: Expression
    interval: Interval | None
    options: tuple[Option, ...]
    span: Span


class Parameterization(NamedTuple):
    preset: Preset
    options: tuple[Option, ...]
    span: Span


class Input(NamedTuple):
    value: Expression
    #: ``tokens``, before the value; None where that is a dimension.
    word: Name | None
    span: Span


class Layer(NamedTuple):
    name: Name
    repeat: Expression | None
    kind: Name
    dim: Expression
    block: Block | None
    span: Span


class Activation(NamedTuple):
    preset: Preset
    span: Span


class Norm(NamedTuple):
    """``rmsnorm``, ``layernorm``: with a name, and with a block, or without."""

    name: Name | None
    kind: Name
    block: Block | None
    span: Span


class Residual(NamedTuple):
    """``NAME: residual { ... }``: attributes and statements, in the order in which they stand."""

    name: Name
    #: Items and statements.  A type that held itself would keep mypy busy for minutes.
    parts: tuple[Any, ...]
    span: Span


class Repeat(NamedTuple):
    """``NAME: repeat COUNT { ... }``."""

    name: Name
    times: Expression
    #: Statements, as above.
    statements: tuple[Any, ...]
    span: Span


class Optimizer(NamedTuple):
    name: Name
    block: Block | None
    span: Span


class Loss(NamedTuple):
    name: Name
    span: Span


class Train(NamedTuple):
    block: Block
    span: Span


class Require(NamedTuple):
    """``require preset``, ``require kind value`` or ``require kind "file"``."""

    preset: Preset
    value: Name | String | None
    span: Span


class With(NamedTuple):
    """Parts of the compiled program that are not in it by default."""

    features: tuple[Name, ...]
    span: Span


Statement = (
    Width
    | Depth
    | Richness
    | Parameterization
    | Input
    | Layer
    | Activation
    | Norm
    | Residual
    | Repeat
    | Optimizer
    | Loss
    | Train
    | Require
    | With
)


class Model(NamedTuple):
    name: Name
    statements: tuple[Statement, ...]
    #: True when statements were left out because they could not be parsed.
    incomplete: bool
    span: Span


class File(NamedTuple):
    models: tuple[Model, ...]
    #: Comments, in order, for the formatter and for suppressions.
    comments: tuple[Name, ...]


def every(nodes: Iterable[object]) -> Iterator[object]:
    """Statements, and behind each residual and repeat what stands in it."""
    for node in nodes:
        yield node
        if isinstance(node, Residual):
            yield from every(node.parts)
        elif isinstance(node, Repeat):
            yield from every(node.statements)
