"""Part: training on data that stays on the disk: shards of Parquet and Arrow, mapped arrays."""

import argparse
import copy
import functools
import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
import torch.distributed as dist  # keep if ranks
from torch import Tensor

from richc.emit.parts.data import as_array, choose, find_columns, open_arrays, read_csv
from richc.emit.parts.training import rank, ranks

# ---- emitted from here on ----

BLOCK = 1 << 16  # rows that are read at once for statistics


class Rows:
    """Rows on the disk, in chunks; indexed like a tensor, read when they go to a device."""

    def __init__(self, counts: list[int], chunk: Callable[[int], Tensor], window: int = 1) -> None:
        self.starts, self.index = torch.tensor([0, *counts]).cumsum(0), torch.arange(sum(counts))
        self.chunk_of = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
        self.chunk, self.window = functools.lru_cache(2 * window + 1)(chunk), window
        self.columns = self.chunk(0).shape[1]
        self.mean, self.deviation = torch.zeros(1), torch.ones(1)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Tensor | slice) -> Self:
        found = copy.copy(self)
        found.index = self.index[rows]
        return found

    def to(self, device: torch.device | str) -> Tensor:
        """What is on the disk, standardised, (rows, columns)."""
        found, chunk_of = torch.empty(len(self), self.columns), self.chunk_of[self.index]
        for number in chunk_of.unique().tolist():
            here = chunk_of == number
            found[here] = self.chunk(number)[self.index[here] - self.starts[number]].float()
        return ((found.double() - self.mean) / self.deviation).float().to(device)

    def arrange(self, order: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Batches of an epoch, from a random order of the rows; each in the order of the disk."""
        # Chunks are shuffled, and rows only within a window of them, so that few are open at once.
        if len(self.starts) - 1 > self.window:
            place = torch.randperm(len(self.starts) - 1, generator=generator)
            window_of = place[self.chunk_of[self.index[order]]] // self.window
            order = order[window_of.argsort(stable=True)]
        batches = order[: len(order) - len(order) % size].view(-1, size)
        return batches.gather(1, self.index[batches].argsort(1)).unbind()

    def some(self, y: Tensor, rows: int) -> tuple[Self, Tensor]:
        """As many, drawn by the seed, as they lie on the disk; and their part of ``y``."""
        order = self.index[:rows].argsort()
        return self[order], y[order]

    def standardise(self, train: Tensor, most: int | None) -> None:
        """By columns' mean and deviation over training rows, evenly some if not all of them."""
        blocks = train[self.index[train].argsort()].split(BLOCK)
        blocks = blocks[:: math.ceil(len(train) / (most or len(train)))]
        # As if around 0, so that a small deviation is not lost beside a large mean.
        shift = self[blocks[0]].to("cpu").double().mean(0)
        sums, count = torch.zeros(2, self.columns, dtype=torch.float64), sum(map(len, blocks))
        blocks = blocks[rank() :: ranks()]  # keep if ranks
        for rows in blocks:
            values = self[rows].to("cpu").double()
            wrong = ~values.isfinite().all(1)
            if wrong.any():
                raise ValueError(f"a feature of row {self[rows].index[wrong][0] + 1} is not finite")
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
    kinds = {"a pipe, not a file" if f.is_fifo() else f.suffix.lower() for f in files}
    if kinds == {".parquet"}:
        import pyarrow.dataset as ds

        whole = ds.dataset([str(file) for file in files], format="parquet").get_fragments()
        groups = [group for file in whole for group in file.split_by_row_group()]
        return open_shards(groups, options)
    if kinds in ({".arrow"}, {".feather"}):  # keep if options
        import pyarrow as pa
        import pyarrow.dataset as ds

        tables = [pa.ipc.open_file(pa.memory_map(str(file))).read_all() for file in files]
        batches = [batch for table in tables for batch in table.to_batches()]
        return open_shards(list(ds.dataset(batches).get_fragments()), options)
    if len(files) == 1 and kinds <= {".csv", ".gz"}:
        found, labels, _ = read_csv(options)
        return Rows([len(found)], lambda _: torch.from_numpy(found)), labels
    # keep if options
    if kinds == {".npy"} or (len(files) == 1 and not kinds & {"", "a pipe, not a file"}):
        # Writable, as torch wants memory to be; the files are never written.
        arrays = {file.stem: np.load(file, mmap_mode="c") for file in files if kinds == {".npy"}}
        arrays = arrays or open_arrays(files[0])
        features, name = choose(list(arrays), options.target, options.ignore)
        as_array(arrays[features][:1], features, "biuf")
        x = torch.as_tensor(arrays[features]).detach()
        x = x.reshape(len(x), math.prod(x.shape[1:]))
        return Rows([len(x)], lambda _: x), as_array(arrays[name], name)
    # end
    raise ValueError(f"no files, or several kinds, or none that is read here: {sorted(kinds)}")


def open_shards(parts: list[Any], options: argparse.Namespace) -> tuple[Rows, np.ndarray]:
    """Rows of pyarrow's fragments, each of which is a chunk; labels."""
    names = parts[0].physical_schema.names if parts else []
    targets = [len(names) - 1] if options.target is None else find_columns(names, options.target)
    ignored = find_columns(names, options.ignore) if options.ignore else []
    inputs = [i for i in range(len(names)) if i not in targets + ignored]
    if not inputs:
        raise ValueError("no column holds features")

    def features(number: int) -> Tensor:
        return torch.from_numpy(matrix(parts[number], [names[i] for i in inputs], "biuf"))

    found = [matrix(part, [names[i] for i in targets], "biufO") for part in parts]
    rows, labels = Rows(list(map(len, found)), features, options.window), np.concatenate(found)
    return rows, labels[:, 0] if labels.shape[1] == 1 else labels


def matrix(part: Any, names: list[str], kinds: str) -> np.ndarray:
    """Columns side by side, (rows, columns); lists of one length are several."""
    columns = []
    for name, column in zip(names, part.to_table(columns=names).columns, strict=True):
        values = column.combine_chunks()
        is_list = str(values.type).startswith("fixed_size_list")
        values = (values.flatten() if is_list else values).to_numpy(zero_copy_only=False)
        if column.null_count or values.dtype.kind not in kinds:
            raise ValueError(f"{name!a}: there are empty cells, or it is no array of real numbers")
        values = values.astype(str if values.dtype.kind == "O" else float)
        columns.append(values.reshape(len(column), -1))
    return np.hstack(columns)
