"""Part: training on data that stays on the disk: mapped arrays, shards of Parquet and Arrow."""

from __future__ import annotations

import argparse
import copy
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import torch.distributed as dist  # keep if ranks
from torch import Tensor

from richc.emit.parts.data import as_array, choose, find_columns, open_arrays, read_csv
from richc.emit.parts.ranks import rank, ranks

# ---- emitted from here on ----

# ---- data on the disk ----------------------------------------------------------------------------
BLOCK = 1 << 16  # rows that are read at once for statistics


class Rows:
    """Rows on the disk, in chunks; indexed like a tensor, read when they go to a device."""

    def __init__(self, counts: list[int], chunk: Callable[[int], Tensor], window: int = 1) -> None:
        self.starts, self.index = torch.tensor([0, *counts]).cumsum(0), torch.arange(sum(counts))
        self.chunk, self.window = functools.lru_cache(2 * window + 1)(chunk), window
        self.columns = math.prod(self.chunk(0).shape[1:])
        self.mean, self.deviation = torch.zeros(1), torch.ones(1)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Tensor | slice) -> Self:
        found = copy.copy(self)
        found.index = self.index[rows]
        return found

    def to(self, device: torch.device | str) -> Tensor:
        return self.read(self.index).to(device)

    def ahead(self, batches: Sequence[Tensor]) -> Iterator[Tensor]:
        """The rows of each; while they are trained on, the next are read."""
        with ThreadPoolExecutor(1) as thread:
            coming: Any = None
            for rows in (*batches, torch.arange(0)):
                found, coming = coming, thread.submit(self.read, self.index[rows])
                if found is not None:
                    yield found.result()

    def chunk_of(self, rows: Tensor) -> Tensor:
        return torch.searchsorted(self.starts, rows, right=True) - 1

    def read(self, rows: Tensor) -> Tensor:
        """Rows by their number on the disk, (rows, columns)."""
        found, chunk_of = torch.empty(len(rows), self.columns), self.chunk_of(rows)
        for number in chunk_of.unique().tolist():
            here = chunk_of == number
            values = self.chunk(number)[rows[here] - self.starts[number]]
            found[here] = values.reshape(-1, self.columns).float()
        return ((found.double() - self.mean) / self.deviation).float()

    def arrange(self, order: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Batches of an epoch, from a random order of the rows; each in the order of the disk."""
        # Chunks are shuffled, and rows only within a window of them, so that few are open at once.
        if len(self.starts) - 1 > self.window:
            place = torch.randperm(len(self.starts) - 1, generator=generator)
            window_of = place[self.chunk_of(self.index[order])] // self.window
            order = order[window_of.argsort(stable=True)]
        batches = order[: len(order) - len(order) % size].view(-1, size)
        return batches.gather(1, self.index[batches].argsort(1)).unbind()

    def some(self, y: Tensor, rows: int) -> tuple[Self, Tensor]:
        """As many, drawn by the seed, as they lie on the disk; and their part of ``y``."""
        order = self.index[:rows].argsort()
        return self[order], y[order]

    def standardise(self, train: Tensor, most: int | None) -> None:
        """By columns' mean and deviation over training rows, evenly some if not all of them."""
        blocks = self.index[train].sort().values.split(BLOCK)
        blocks = blocks[:: math.ceil(len(train) / (most or len(train)))]
        # As if around 0, so that a small deviation is not lost beside a large mean.
        shift = self.read(blocks[0]).double().mean(0)
        sums = torch.zeros(2, self.columns, dtype=torch.float64)
        count = sum(map(len, blocks))
        blocks = blocks[rank() :: ranks()]  # keep if ranks
        for block in blocks:
            values = self.read(block).double()
            wrong = ~values.isfinite().all(1)
            if wrong.any():
                raise ValueError(f"a feature of row {block[wrong][0] + 1} is not finite")
            values -= shift
            sums += torch.stack([values.sum(0), values.square().sum(0)])
        dist.all_reduce(sums)  # keep if ranks
        first, second = sums / count
        deviation = (second - first.square()).clamp(min=0.0).sqrt()
        deviation[deviation <= 1e-9 * (shift + first).abs()] = 1.0  # a constant's is rounding
        self.mean, self.deviation = shift + first, deviation


def open_rows(options: argparse.Namespace) -> tuple[Any, np.ndarray]:
    """A file, all files of a folder, or those of a pattern such as ``data/*.parquet``; labels."""
    path = options.data / "[!._]*" if options.data.is_dir() else options.data
    files = sorted(path.parent.glob(path.name)) or [options.data]
    kinds = sorted({file.suffix.lower() for file in files})
    is_shards = kinds in ([".parquet"], [".arrow"], [".feather"])
    if kinds == [""] or kinds[1:] or not (is_shards or kinds == [".npy"] or len(files) == 1):
        raise ValueError(f"no files, several kinds of files, or of one that stands alone: {kinds}")
    if any(file.is_fifo() for file in files):
        raise ValueError("a pipe, not a file")
    if is_shards:
        return open_shards(files, options)
    if kinds[0] in (".csv", ".gz"):
        found, labels, _ = read_csv(options)
        return Rows([len(found)], lambda _: torch.from_numpy(found)), labels
    # Writable, as torch wants memory to be; the files are never written.
    arrays = {file.stem: np.load(file, mmap_mode="c") for file in files if kinds == [".npy"]}
    arrays = arrays or open_arrays(files[0])
    features, name = choose(list(arrays), options.target, options.ignore)
    as_array(arrays[features][:1], features, "biuf")
    x = torch.as_tensor(arrays[features]).detach()
    return Rows([len(x)], lambda _: x), as_array(arrays[name], name)


def open_shards(files: list[Path], options: argparse.Namespace) -> tuple[Rows, np.ndarray]:
    """Row groups of Parquet files, or record batches of Arrow files, by pyarrow; labels."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    if files[0].suffix.lower() == ".parquet":
        whole = ds.dataset([str(file) for file in files], format="parquet").get_fragments()
        parts = [group for file in whole for group in file.split_by_row_group()]
        counts = [group.row_groups[0].num_rows for group in parts]
    else:
        tables = [pa.ipc.open_file(pa.memory_map(str(file))).read_all() for file in files]
        batches = [batch for table in tables for batch in table.to_batches()]
        parts, counts = list(ds.dataset(batches).get_fragments()), list(map(len, batches))
    names = parts[0].physical_schema.names if parts else []
    targets = [len(names) - 1] if options.target is None else find_columns(names, options.target)
    ignored = find_columns(names, options.ignore) if options.ignore else []
    inputs = [i for i in range(len(names)) if i not in targets + ignored]
    if not inputs:
        raise ValueError("no column holds features")

    def features(number: int) -> Tensor:
        return torch.from_numpy(as_array(matrix(parts[number], inputs), "features"))

    labels = np.concatenate([matrix(part, targets) for part in parts])
    labels = labels.astype(str) if labels.dtype.kind == "O" else labels
    return Rows(counts, features, options.window), as_array(labels, "labels")


def matrix(part: Any, places: list[int]) -> np.ndarray:
    """Columns side by side; lists of one length are several.  Raises ValueError."""
    names, columns = part.physical_schema.names, []
    for column in part.to_table(columns=[names[i] for i in places]).columns:
        if column.null_count:
            raise ValueError("there are empty cells")
        values = column.combine_chunks()
        is_list = str(values.type).startswith("fixed_size_list")
        values = (values.flatten() if is_list else values).to_numpy(zero_copy_only=False)
        columns.append(values.reshape(len(column), -1))
    return np.hstack(columns)
