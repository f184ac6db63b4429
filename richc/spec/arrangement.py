"""How the layers of a network follow each other: one behind the other, or in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from richc.algebra.monomial import Monomial
from richc.diagnostics import Span
from richc.spec.activation import Activation

if TYPE_CHECKING:
    from richc.spec.model import LayerKind


class _OfKind(Protocol):
    """A layer, or what is to be one."""

    @property
    def kind(self) -> LayerKind: ...


class DeclaredSize(NamedTuple):
    """The width, or the number of repeated blocks, as a file declares it."""

    symbol: str
    value: int
    base_symbol: str | None
    #: The width or depth at which the hyperparameters were tuned.
    base: int | None


class ResidualBlock(NamedTuple):
    """``x -> skip x + scale * branch(x)``."""

    #: With the name of the repeat that it stands in: ``blocks.mlp``.
    name: str
    scale: Monomial
    skip: Monomial
    #: Whether ``skip`` is ``1 - 1/L``.
    is_leaky: bool
    #: Layers by their index in the model, and an activation of the stream that comes first.
    parts: tuple[int | Activation, ...]
    #: attribute name -> where it is written
    places: tuple[tuple[str, Span], ...]
    name_place: Span

    def place(self, attribute: str) -> Span:
        """Where an attribute is written, or else the residual's name."""
        return dict(self.places).get(attribute, self.name_place)


class RepeatedBlocks(NamedTuple):
    """Blocks in a row, each with weights of its own."""

    name: str
    #: None for the depth.
    times: int | None
    parts: tuple[Part, ...]
    name_place: Span


#: A layer's index; what stands around layers; or an activation of the stream.
Part = int | Activation | ResidualBlock | RepeatedBlocks


def residuals(parts: tuple[Part, ...]) -> Iterator[tuple[ResidualBlock, RepeatedBlocks | None]]:
    """Every residual, and the repeat that it stands in."""
    for part in parts:
        if isinstance(part, ResidualBlock):
            yield part, None
        elif isinstance(part, RepeatedBlocks):
            yield from ((inner, part) for inner, _ in residuals(part.parts))


def is_chain(parts: Sequence[Part], items: Sequence[_OfKind]) -> bool:
    """Whether each of ``items`` reads the one before it, and none of them is a norm."""
    return all(isinstance(part, int) for part in parts) and not any(
        item.kind.is_norm for item in items
    )


def last_dense(parts: Sequence[Part], items: Sequence[_OfKind]) -> int | None:
    """The index of the last dense one of some parts, which are those of ``items``, if any is."""
    dense = (part for part in reversed(parts) if isinstance(part, int))
    return next((index for index in dense if not items[index].kind.is_norm), None)


def unrolled(parts: tuple[Part, ...], depth: int) -> Iterator[int]:
    """The layers' indices as the forward pass meets them: those of a repeat once a block."""
    for part in parts:
        if isinstance(part, int):
            yield part
        elif isinstance(part, ResidualBlock):
            yield from (index for index in part.parts if isinstance(index, int))
        elif isinstance(part, RepeatedBlocks):
            for _ in range(depth if part.times is None else part.times):
                yield from unrolled(part.parts, depth)
