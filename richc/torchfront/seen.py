"""What a forward pass shows, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

#: The soft-max of a loss inside of the model: its input is the output.
LOSS = "log-soft-max"
#: A file and a line of the user's code.
Line = tuple[str, int]


class Scalar(NamedTuple):
    """A number that multiplies a tensor, or the scale of attention."""

    where: str
    kind: str
    value: float
    line: Line | None
    #: How many entries of a query and a key an entry of the logits sums over.
    terms: int = 1


@dataclass
class Event:
    """An operation on a parameter and on what comes from the batch."""

    key: str
    where: str
    op: str
    shape: tuple[int, ...]
    #: RMS of the output, without and with the numbers that multiply it, and of the largest input.
    bare: float
    size: float
    source: float
    #: How many terms one entry of the output sums over.
    terms: int
    line: Line | None
    #: Whether it reads what a bottleneck makes.
    is_behind: bool = False
    #: The numbers that multiply the output afterwards.
    tail: float = 1.0
    #: RMS of the change of the output, by direction and parameter; ``tail`` included.
    changes: dict[tuple[str, str], float] = field(default_factory=dict)
    #: The numbers that multiply a parameter before, by parameter; nan where something else is done.
    factors: dict[str, float] = field(default_factory=dict)


class SoftSeen(NamedTuple):
    """A soft-max of a network, without what went into it."""

    attends: bool
    shape: tuple[int, ...]
    line: Line | None
    #: Keys of the events whose outputs its input is the product of, or the product itself if that
    #: is one of parameters with what comes from the batch.
    queries: tuple[str, ...]
    #: Whether its output is a matrix that others are multiplied with: it weights values.
    weights: bool


@dataclass
class Soft:
    """The input of a soft-max."""

    key: str
    where: str
    #: Whether it is attention's: keys and queries lie behind it.
    attends: bool
    shape: tuple[int, ...]
    values: Tensor
    kept: Tensor | None
    line: Line | None
    queries: tuple[str, ...] = ()
    weights: bool = False
