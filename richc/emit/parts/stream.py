"""Part: training on data that stays on the disk: mapped arrays, shards of Parquet and Arrow."""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

# keep if ranks
import torch.distributed as dist

# end
from torch import Tensor

from richc.emit.parts.arrays import as_array, choose, open_arrays, read_arrays
from richc.emit.parts.data import DataError
from richc.emit.parts.ranks import rank, ranks
from richc.emit.parts.table import encode, find, read_csv

FEATURES = 64

# ---- emitted from here on ----

# ---- data on the disk ----------------------------------------------------------------------------

BLOCK = 1 << 16  # rows that are read at once for statistics


class Source:
    """Rows in chunks, of which those read last are kept.  Safe to use by two threads."""

    def __init__(self, chunks: Sequence[tuple[int, Callable[[], Tensor]]], kept: int = 1) -> None:
        counts = torch.tensor([count for count, _ in chunks])
        self.starts, self.rows = counts.cumsum(0) - counts, int(counts.sum())
        self.chunk = functools.lru_cache(kept)(lambda number: chunks[number][1]())
        self.columns, self.lock = math.prod(self.chunk(0).shape[1:]), threading.Lock()

    def read(self, rows: Tensor) -> Tensor:
        """Rows by number, (rows, columns).  Raises DataError."""
        found = torch.empty(len(rows), self.columns)
        chunk_of = torch.searchsorted(self.starts, rows, right=True) - 1
        try:
            with self.lock:
                for number in chunk_of.unique().tolist():
                    here = chunk_of == number
                    values = self.chunk(number)[rows[here] - self.starts[number]]
                    found[here] = values.reshape(-1, self.columns).float()
        except (OSError, ValueError) as error:
            raise DataError(f"the data cannot be read any more: {error}") from None
        return found


class Rows:
    """Some rows of a source, standardised as they are read; a tensor to who takes rows of it."""

    device = torch.device("cpu")

    def __init__(
        self, source: Source, index: Tensor, scale: tuple[Tensor, Tensor], window: int
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


def open_data(options: argparse.Namespace) -> list[Any]:
    """What ``load`` does, without reading more than labels and statistics.

    In memory are the labels, and numbers of rows: at most some 60 bytes a row.  The rows held out
    and the batches of mapped files are those of ``load``.  Raises DataError.
    """
    path = options.data
    try:
        source, labels = open_source(options)
        if source.columns != FEATURES:
            raise ValueError(f"{source.columns} features a row, the model has {FEATURES} inputs")
        if source.rows != len(labels):
            raise ValueError(f"{source.rows} rows of features and {len(labels)} labels")
        if labels.dtype.kind == "f" and not np.isfinite(labels).all():
            raise ValueError("a label is not finite")
        y, rows = encode(labels), source.rows
        if rows < 4:
            raise ValueError("too few rows to train on some and to hold out others")
        order = torch.randperm(rows, generator=torch.Generator().manual_seed(options.seed))
        test, train = order[: max(2, rows // 5)], order[max(2, rows // 5) :]
        scale = statistics(source, train, options.statistics_rows)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except Exception as error:  # noqa: BLE001 - whatever a file that lies leads a library to
        raise DataError(f"{path}: {str(error)[:400] or type(error).__name__}") from None
    # keep if mse
    if y.dtype != torch.bool:
        y = (y - y[train].mean(0)) / y[train].std(0, correction=0).clamp(min=1e-30)
    y = y.float()
    # end
    train_x: Any = Rows(source, train, scale, options.window)
    return [train_x, y[train], train_x.only(test), y[test]]


def open_source(options: argparse.Namespace) -> tuple[Source, np.ndarray]:
    """A file, all files of a folder, or those of a pattern such as ``data/*.parquet``; labels."""
    path, target, ignore = options.data, options.target, options.ignore
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if not file.name.startswith((".", "_")))
    elif not path.exists() and any(sign in path.name for sign in "*?["):
        files = sorted(path.parent.glob(path.name))
    kinds = {file.suffix.lower() for file in files}
    if len(kinds) != 1:
        raise ValueError("no files" if not files else f"files of several kinds: {sorted(kinds)}")
    kind = kinds.pop()
    if kind in (".parquet", ".arrow", ".feather"):
        return open_shards(files, target, ignore, 2 * options.window + 1)
    if kind == ".npy":
        # Writable, as torch wants memory to be; the files are never written.
        try:
            arrays: dict[str, Any] = {file.stem: np.load(file, mmap_mode="c") for file in files}
        except ValueError as error:
            raise ValueError(f"not an array of numbers: {error}") from None
    elif len(files) > 1:
        raise ValueError(f"several files of kind {kind}: .npy .parquet .arrow .feather can be")
    elif kind in (".pt", ".safetensors"):
        arrays = open_arrays(path)
    else:
        is_csv = path.name.lower().endswith((".csv", ".csv.gz"))
        x, labels = (read_csv if is_csv else read_arrays)(options)
        return Source([(len(x), lambda: torch.from_numpy(x))]), labels
    features, name = choose(list(arrays), target, ignore)
    as_array(arrays[features][:1], features)
    values = torch.as_tensor(arrays[features]).detach()
    return Source([(len(values), lambda: values)]), as_array(arrays[name], name)


def open_shards(
    files: list[Path], target: str | None, ignore: str, kept: int
) -> tuple[Source, np.ndarray]:
    """Row groups of Parquet files, or record batches of Arrow files, by pyarrow; labels."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pieces: list[tuple[int, Callable[[list[str]], Any]]] = []
    names: list[str] = []
    for file in files:
        if file.suffix.lower() == ".parquet":
            groups = pq.ParquetFile(file)
            names = groups.schema_arrow.names
            for i in range(groups.num_row_groups):
                read = functools.partial(groups.read_row_group, i)
                pieces.append((groups.metadata.row_group(i).num_rows, read))
        else:
            batches = pa.ipc.open_file(pa.memory_map(str(file)))
            names = batches.schema.names
            tables = [pa.table(batches.get_batch(i)) for i in range(batches.num_record_batches)]
            pieces += [(len(table), table.select) for table in tables]
    pieces = [piece for piece in pieces if piece[0]]
    targets = [names[i] for i in find(names, "-1" if target is None else target)]
    ignored = [names[i] for i in find(names, ignore)] if ignore else []
    rest = [name for name in names if name not in targets + ignored]
    if not pieces or not rest:
        raise ValueError("there are no rows of data" if rest else "no column holds features")
    labels = matrix(pa.concat_tables([read(targets) for _, read in pieces]), has_words=True)

    def features(read: Callable[[list[str]], Any]) -> Tensor:
        return torch.from_numpy(matrix(read(rest)))

    chunks = [(count, functools.partial(features, read)) for count, read in pieces]
    return Source(chunks, kept), labels[:, 0] if len(targets) == 1 else labels


def matrix(table: Any, *, has_words: bool = False) -> np.ndarray:
    """All columns side by side; lists of one length are several.  Raises ValueError."""
    columns = []
    for column in table.columns:
        values = column.combine_chunks()
        if column.null_count:
            raise ValueError("there are empty cells")
        if str(values.type).startswith("fixed_size_list"):
            values = values.flatten()
        found = values.to_numpy(zero_copy_only=False)
        if found.dtype.kind in "biuf":
            columns.append(found.reshape(len(column), -1).astype(np.float64))
        elif has_words and all(isinstance(word, str) for word in found):
            columns.append(found.astype(str).reshape(-1, 1))
        else:
            raise ValueError(f"not a table of numbers: a column is of type {column.type}")
    return np.hstack(columns)


def portion(x: Any, y: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """Some rows, drawn by the seed, as they lie on the disk."""
    order = x.index[:rows].argsort()
    found: Any = x.only(x.index[order])
    return found, y[order]


def statistics(source: Source, train: Tensor, most: int | None) -> tuple[Tensor, Tensor]:
    """Mean and deviation of the columns, from one pass over (evenly spread) training rows.

    Raises ValueError where one of these is not finite; others are not looked at.
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
            raise ValueError(f"a feature of row {row + 1} is not finite")
        values -= shift
        count = torch.full_like(shift, len(block))
        sums += torch.stack([values.sum(0), values.square().sum(0), count])
    # keep if ranks
    dist.all_reduce(sums)
    # end
    first, second = sums[:2] / sums[2]
    deviation = (second - first.square()).clamp(min=0.0).sqrt()
    # A constant column deviates by rounding alone.
    deviation[deviation <= 1e-9 * (shift + first).abs()] = 1.0
    return shift + first, deviation
