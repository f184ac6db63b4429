"""Networks with residual blocks as plain data: what texts are written from and judged by.

Nothing here comes from richc.  A *size* is a monomial n^x L^y, compared in the order n first.  Its
exponents are halves of halves, of which floats are exact; what is exactly zero has minus infinity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Size(NamedTuple):
    """n^x L^y; compared as a tuple, so n first."""

    n: float
    L: float

    def __add__(self, other: object) -> Size:
        assert isinstance(other, Size)
        return Size(self.n + other.n, self.L + other.L)

    def __sub__(self, other: Size) -> Size:
        assert other != NOTHING, "what is zero has no inverse"
        return Size(self.n - other.n, self.L - other.L)

    def __neg__(self) -> Size:
        return ONE - self

    def times(self, power: float) -> Size:
        """This size to a positive power."""
        return Size(self.n * power, self.L * power)


NOTHING = Size(float("-inf"), float("-inf"))
ONE = Size(0.0, 0.0)
N = Size(1.0, 0.0)
DEPTH = Size(0.0, 1.0)
HALF = 0.5

SGD, MUON = "sgd", "muon"
#: By one law: what is scale-free in every entry.
ENTRYWISE = ("adam", "adamw", "lion", "signsgd")


@dataclass(frozen=True)
class Tensor:
    """A weight, bias or gain: sizes of its multiplier, init and rate (``NOTHING``: frozen)."""

    scale: Size
    std: Size
    rate: Size
    optimizer: str
    #: Muon's shape factor.
    shape: str | None = None


@dataclass(frozen=True)
class Dense:
    """A matrix; ``lookup``: an embedding of an index."""

    name: str
    weight: Tensor
    bias: Tensor | None = None
    #: Whether the number of inputs, and of outputs, is of order n.
    wide_in: bool = True
    wide_out: bool = True
    lookup: bool = False


@dataclass(frozen=True)
class Activation:
    kind: str


@dataclass(frozen=True)
class Norm:
    """``rmsnorm`` or ``layernorm``; ``eps`` is the size of its epsilon, where it is written."""

    kind: str
    name: str = ""
    gain: Tensor | None = None
    bias: Tensor | None = None
    eps: Size | None = None


@dataclass(frozen=True)
class Residual:
    """h <- skip h + scale branch(h), then the norm ``post``."""

    name: str
    scale: Size
    branch: tuple[Dense | Activation | Norm, ...]
    skip: Size = ONE
    post: Norm | None = None
    #: The skip is 1 - 1/L, which counts as 1.
    averages: bool = False


@dataclass(frozen=True)
class Repeat:
    """``count`` blocks of residuals, with weights of their own; None: as many as L."""

    name: str
    count: int | None
    block: tuple[Residual, ...]


Op = Dense | Activation | Norm | Residual | Repeat


@dataclass(frozen=True)
class Network:
    ops: tuple[Op, ...]


def all_ops(ops: Sequence[Op]) -> Iterator[Op]:
    for op in ops:
        yield op
        if isinstance(op, Repeat):
            yield from all_ops(op.block)
        elif isinstance(op, Residual):
            yield from all_ops(op.branch)
