"""Part: training on data that stays on the disk."""

from __future__ import annotations

import argparse
import concurrent.futures
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from richc.emit.parts.mse import scale_targets
from richc.emit.parts.ranks import mean, rank, ranks
from richc.emit.parts.readers import DataError, Labels
from richc.emit.parts.split import Split, divide
from richc.emit.parts.stream_files import Mapped, Shards, open_table

FEATURES = 64


def encode(labels: Labels) -> Tensor:
    raise NotImplementedError


# ---- emitted from here on ----

BLOCK = 1 << 16


class Rows:
    """Some rows of a source, standardised as they are read; a tensor to who takes rows of it."""

    device = torch.device("cpu")

    def __init__(
        self, source: Mapped | Shards, index: Tensor, scale: tuple[Tensor, Tensor], window: int
    ) -> None:
        self.source, self.index, self.scale, self.window = source, index, scale, window

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, chosen: Tensor | slice) -> Tensor:
        values = self.source.read(self.index[chosen]).double()
        return ((values - self.scale[0]) / self.scale[1]).float()

    def only(self, index: Tensor) -> Rows:
        return Rows(self.source, index, self.scale, self.window)

    def split(self, size: int) -> Iterator[Rows]:
        return map(self.only, self.index.split(size))

    def tensor_split(self, parts: int) -> list[Rows]:
        return [self.only(index) for index in self.index.tensor_split(parts)]

    def to(self, device: torch.device) -> Tensor:
        return self[:].to(device)


def arrange(x: Any, order: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Batches of an epoch, from a random order of the rows.

    Chunks are shuffled, and rows only within ``--window`` of them, so that few are open at once.
    A batch has its rows as they lie on the disk: so each process reads its part of every window.
    """
    starts = x.source.starts
    if len(starts) > x.window:
        place = torch.randperm(len(starts), generator=generator)
        chunk_of = torch.searchsorted(starts, x.index[order], right=True) - 1
        order = order[(place[chunk_of] // x.window).argsort(stable=True)]
    batches = order[: len(order) - len(order) % size].view(-1, size)
    return batches.gather(1, x.index[batches].argsort(1)).unbind()


class Ahead:
    """Reads the coming batch in a thread, while this one is trained on."""

    def __init__(self) -> None:
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.rows = torch.empty(0, dtype=torch.int64)
        self.found: concurrent.futures.Future[Tensor] | None = None

    def read(self, x: Tensor, rows: Tensor, coming: Tensor) -> Tensor:
        """``x[rows]``; then begin to read ``x[coming]``."""
        if self.found is None or not torch.equal(self.rows, rows):
            self.found = self.pool.submit(x.__getitem__, rows)
        values = self.found.result()
        self.rows, self.found = coming, self.pool.submit(x.__getitem__, coming)
        return values


def open_data(options: argparse.Namespace) -> Split:
    """What ``load`` does, without reading more than labels and statistics.

    In memory are the labels, and numbers of rows: at most some 60 bytes a row.  The rows held out
    and the batches of mapped files are those of ``load``.  Raises DataError.
    """
    path = options.data
    try:
        source, labels = open_table(path, options.target, 2 * options.window + 1)
        if source.columns != FEATURES:
            raise DataError(f"{source.columns} features a row, but the model has {FEATURES} inputs")
        if source.rows < 2 or source.rows != len(labels):
            raise DataError(f"{source.rows} rows of features and {len(labels)} labels")
        if isinstance(labels, Tensor) and not labels.isfinite().all():
            raise DataError("a label is not finite")
        y = encode(labels)
        train, test = divide(source.rows, options.seed)
        scale = statistics(source, train, options.statistics_rows)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    # keep if mse
    y = scale_targets(y, train)
    # end
    train_x: Any = Rows(source, train, scale, options.window)
    return Split(train_x, y[train], train_x.only(test), y[test])


def portion(x: Any, y: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Some rows, drawn by the seed, as they lie on the disk."""
    order = x.index[:rows].argsort()
    found: Any = x.only(x.index[order])
    return found, y[order]


def statistics(source: Mapped | Shards, train: Tensor, most: int | None) -> tuple[Tensor, Tensor]:
    """Mean and deviation of the columns, from one pass over (evenly spread) training rows.

    Raises DataError where one of these is not finite; others are not looked at.
    """
    blocks = train.sort().values.split(BLOCK)
    if most is not None:
        blocks = blocks[:: math.ceil(len(train) / most)]
    # As if around 0, so that a small deviation is not lost beside a large mean.
    shift = source.read(blocks[0]).double().mean(0)
    sums = torch.zeros(3, source.columns, dtype=torch.float64)
    # keep if ranks
    blocks = blocks[rank() :: ranks()]
    # end
    for block in blocks:
        values = source.read(block).double()
        if not values.isfinite().all():
            row = block[(~values.isfinite()).any(1)][0]
            raise DataError(f"a feature of row {row + 1} is not finite")
        values -= shift
        count = torch.full_like(shift, len(block))
        sums += torch.stack([values.sum(0), values.square().sum(0), count])
    # keep if ranks
    sums = mean(sums)
    # end
    first, second = sums[:2] / sums[2]
    deviation = (second - first.square()).clamp(min=0.0).sqrt()
    # A constant column deviates by rounding alone.
    deviation[deviation <= 1e-9 * (shift + first).abs()] = 1.0
    return shift + first, deviation
