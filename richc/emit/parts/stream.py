"""Part: training on data that stays on the disk: mapped arrays, shards of Parquet and Arrow."""

from __future__ import annotations

import argparse
import copy
import functools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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

    device = torch.device("cpu")

    def __init__(self, chunks: Sequence[tuple[int, Callable[[], Tensor]]], window: int = 1) -> None:
        counts = torch.tensor([count for count, _ in chunks])
        self.starts, self.index = counts.cumsum(0) - counts, torch.arange(int(counts.sum()))
        self.chunk = functools.lru_cache(2 * window + 1)(lambda number: chunks[number][1]())
        self.columns, self.window = math.prod(self.chunk(0).shape[1:]), window
        self.mean, self.deviation = torch.zeros(1), torch.ones(1)
        self.thread = ThreadPoolExecutor(1)  # the only one that reads
        self.coming, self.found = torch.empty(0), Future[Tensor]()

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Tensor | slice) -> Self:
        found = copy.copy(self)
        found.index = self.index[rows]
        return found

    def to(self, device: torch.device) -> Tensor:
        return self.thread.submit(self.read, self.index).result().to(device)

    def ahead(self, rows: Tensor, coming: Tensor) -> Tensor:
        """Those rows; while they are trained on, the coming ones are read."""
        is_read = torch.equal(self.coming, rows)
        found = self.found.result() if is_read else self[rows].to(self.device)
        self.coming, self.found = coming, self.thread.submit(self.read, self.index[coming])
        return found

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


def arrange(x: Any, order: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Batches of an epoch, from a random order of the rows; each in the order of the disk."""
    # Chunks are shuffled, and rows only within a window of them, so that few are open at once.
    if len(x.starts) > x.window:
        place = torch.randperm(len(x.starts), generator=generator)
        order = order[(place[x.chunk_of(x.index[order])] // x.window).argsort(stable=True)]
    batches = order[: len(order) - len(order) % size].view(-1, size)
    return batches.gather(1, x.index[batches].argsort(1)).unbind()


def portion(x: Any, y: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Some rows, drawn by the seed, as they lie on the disk."""
    order = x.index[:rows].argsort()
    return x[order], y[order]


def open_rows(options: argparse.Namespace) -> tuple[Any, np.ndarray]:
    """A file, all files of a folder, or those of a pattern such as ``data/*.parquet``; labels."""
    path = options.data
    files = sorted(path.parent.glob(path.name)) or [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if not file.name.startswith((".", "_")))
    if any(file.is_fifo() for file in files):
        raise ValueError("a pipe, not a file")
    kinds = sorted({file.suffix.lower() for file in files})
    is_shards = kinds in ([".parquet"], [".arrow"], [".feather"])
    if len(kinds) != 1 or (len(files) > 1 and not is_shards and kinds != [".npy"]):
        raise ValueError(f"no files, several kinds of files, or of one that stands alone: {kinds}")
    if is_shards:
        return open_shards(files, options)
    if kinds[0] in (".csv", ".gz"):
        found, labels = read_csv(options)
        x = torch.from_numpy(found)
    else:
        # Writable, as torch wants memory to be; the files are never written.
        arrays = {file.stem: np.load(file, mmap_mode="c") for file in files if kinds == [".npy"]}
        arrays = arrays or open_arrays(files[0])
        features, name = choose(list(arrays), options.target, options.ignore)
        as_array(arrays[features][:1], features, "biuf")
        x, labels = torch.as_tensor(arrays[features]).detach(), as_array(arrays[name], name)
    return Rows([(len(x), lambda: x)]), labels


def open_shards(files: list[Path], options: argparse.Namespace) -> tuple[Rows, np.ndarray]:
    """Row groups of Parquet files, or record batches of Arrow files, by pyarrow; labels."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    if files[0].suffix.lower() == ".parquet":
        whole = ds.dataset([str(file) for file in files], format="parquet").get_fragments()
        groups = [group for file in whole for group in file.split_by_row_group()]
        parts = [(group.row_groups[0].num_rows, group) for group in groups]
    else:
        tables = [pa.ipc.open_file(pa.memory_map(str(file))).read_all() for file in files]
        batches = ds.dataset([batch for table in tables for batch in table.to_batches()])
        parts = [(batch.count_rows(), batch) for batch in batches.get_fragments()]
    names = parts[0][1].physical_schema.names if parts else []
    targets = names[-1:]
    if options.target is not None:
        targets = [names[i] for i in find_columns(names, options.target)]
    ignored = [names[i] for i in find_columns(names, options.ignore)] if options.ignore else []
    inputs = [name for name in names if name not in targets + ignored]
    if not inputs:
        raise ValueError("no column holds features")
    labels = np.concatenate([matrix(part, targets) for _, part in parts])
    labels = labels.astype(str) if labels.dtype.kind == "O" else labels

    def features(part: Any) -> Tensor:
        return torch.from_numpy(as_array(matrix(part, inputs), "features"))

    chunks = [(count, functools.partial(features, part)) for count, part in parts]
    return Rows(chunks, options.window), as_array(labels, "labels")


def matrix(part: Any, names: list[str]) -> np.ndarray:
    """Columns side by side; lists of one length are several.  Raises ValueError."""
    columns = []
    for column in part.to_table(columns=names).columns:
        if column.null_count:
            raise ValueError("there are empty cells")
        values = column.combine_chunks()
        is_list = str(values.type).startswith("fixed_size_list")
        values = (values.flatten() if is_list else values).to_numpy(zero_copy_only=False)
        columns.append(values.reshape(len(column), -1))
    return np.hstack(columns)


def standardise(x: Any, train: Tensor, most: int | None) -> Any:
    """With mean and deviation of the columns over training rows, evenly some if not all of them."""
    blocks = x.index[train].sort().values.split(BLOCK)
    blocks = blocks[:: math.ceil(len(train) / (most or len(train)))]
    # As if around 0, so that a small deviation is not lost beside a large mean.
    shift = x.read(blocks[0]).double().mean(0)
    sums = torch.zeros(3, x.columns, dtype=torch.float64)
    blocks = blocks[rank() :: ranks()]  # keep if ranks
    for block in blocks:
        values = x.read(block).double()
        wrong = ~values.isfinite().all(1)
        if wrong.any():
            raise ValueError(f"a feature of row {block[wrong][0] + 1} is not finite")
        values, count = values - shift, torch.full_like(shift, len(block))
        sums += torch.stack([values.sum(0), values.square().sum(0), count])
    dist.all_reduce(sums)  # keep if ranks
    first, second = sums[:2] / sums[2]
    deviation = (second - first.square()).clamp(min=0.0).sqrt()
    deviation[deviation <= 1e-9 * (shift + first).abs()] = 1.0  # a constant deviates by rounding
    x.mean, x.deviation = shift + first, deviation
    return x
