"""Part: tables that stay on the disk, in mapped files or in shards of Parquet and Arrow."""

from __future__ import annotations

import functools
import json
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from richc.emit.parts.readers import (
    SAFE_TYPES,
    DataError,
    Labels,
    choose,
    is_plain,
    read_table,
    target_columns,
)

# ---- emitted from here on ----


class Mapped:
    """Rows of one array; what is read of a mapped file is what is asked for."""

    def __init__(self, values: Tensor) -> None:
        self.values, self.starts = values, torch.zeros(1, dtype=torch.int64)
        self.rows, self.columns = len(values), values[:1].numel()

    def read(self, rows: Tensor) -> Tensor:
        return self.values[rows].reshape(len(rows), self.columns).float()


class Shards:
    """Rows of a list of chunks, the last few of which are kept.  Safe to use by two threads."""

    def __init__(
        self, chunks: list[tuple[int, Callable[[], Tensor]]], columns: int, kept: int
    ) -> None:
        counts = torch.tensor([count for count, _ in chunks])
        self.starts = counts.cumsum(0) - counts
        self.rows, self.columns = int(counts.sum()), columns
        self.readers = [read for _, read in chunks]
        self.kept, self.known = kept, dict[int, Tensor]()
        self.lock = threading.Lock()

    def read(self, rows: Tensor) -> Tensor:
        found = torch.empty(len(rows), self.columns)
        chunk_of = torch.searchsorted(self.starts, rows, right=True) - 1
        with self.lock:
            for number in chunk_of.unique().tolist():
                here = chunk_of == number
                found[here] = self.chunk(number)[rows[here] - self.starts[number]]
        return found

    def chunk(self, number: int) -> Tensor:
        # Read again or not, it is now the newest.
        values = self.known.pop(number, None)
        self.known[number] = self.readers[number]() if values is None else values
        if len(self.known) > self.kept:
            del self.known[next(iter(self.known))]
        return self.known[number]


def open_table(path: Path, target: str | None, kept: int) -> tuple[Mapped | Shards, Labels]:
    """A file, all files of a folder, or those of a pattern such as ``data/*.parquet``."""
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if not file.name.startswith((".", "_")))
    elif not path.exists() and any(sign in path.name for sign in "*?["):
        files = sorted(path.parent.glob(path.name))
    kinds = {file.suffix.lower() for file in files}
    if len(kinds) != 1:
        raise DataError("no files" if not files else f"files of several kinds: {sorted(kinds)}")
    kind = kinds.pop()
    if kind in (".parquet", ".arrow", ".feather"):
        return open_shards(files, target, kept)
    arrays: dict[str, Any] = {}
    if kind == ".npy":
        try:
            import numpy as np
        except ImportError:
            raise DataError("NumPy, which maps .npy files, is not installed") from None
        try:
            # Writable, as torch wants memory to be; the file is never written.
            arrays = {f.stem: torch.from_numpy(np.load(f, mmap_mode="c")) for f in files}
        except (ValueError, TypeError, EOFError) as error:
            raise DataError(f"not an array of numbers: {error}") from None
    elif len(files) > 1:
        raise DataError(f"several files of kind {kind}: .npy .parquet .arrow .feather can be")
    elif kind == ".safetensors":
        arrays = map_safetensors(files[0])
    elif kind == ".pt":
        arrays = map_pt(files[0])
    else:
        x, labels = read_table(files[0], target)
        return Mapped(x), labels
    x, y = (list(arrays.values())[int(number)] for number in choose_numbers(arrays, target))
    if not x.dim() or x.is_complex() or not is_plain(x):
        raise DataError("the features are not an array of real numbers")
    if not y.dim():
        raise DataError("the labels are not an array")
    x, y = x.detach(), y.detach()
    _, labels = choose({"x": torch.empty(len(y), 1), "y": y}, "y")
    return Mapped(x), labels


def choose_numbers(arrays: dict[str, Tensor], target: str | None) -> tuple[int, int]:
    """Which arrays hold features and labels: ``choose``, without reading any."""
    stand_ins: dict[str, Labels] = {n: torch.tensor([[i]]) for i, n in enumerate(arrays)}
    x, y = choose(stand_ins, target)
    assert isinstance(y, Tensor)
    return int(x), int(y)


def map_pt(path: Path) -> dict[str, Tensor]:
    """As ``read_pt``, of a file that is mapped."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - torch.load raises whatever the damage leads to
        raise DataError("not a file of plain tensors (nothing else is loaded)") from None
    if not isinstance(content, dict):
        raise DataError("holds no dictionary of tensors")
    return {str(k): v for k, v in content.items() if is_plain(v)}


def map_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, as parts of one map of it."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        text = file.read(min(size, 100_000_000))
    storage: Any = torch.UntypedStorage.from_file(str(path), False, path.stat().st_size)
    arrays = {}
    try:
        for name, about in json.loads(text).items():
            if name == "__metadata__":
                continue
            dtype, shape = SAFE_TYPES[about["dtype"]], [int(s) for s in about["shape"]]
            start, end = (8 + size + int(offset) for offset in about["data_offsets"])
            is_inside = 8 + size <= start <= end <= len(storage)
            is_whole = end - start == math.prod(shape) * dtype.itemsize and min(shape) >= 0
            if not (is_inside and is_whole and start % dtype.itemsize == 0):
                raise ValueError
            flat = torch.empty(0, dtype=dtype)
            size_of = [math.prod(shape)]
            arrays[name] = flat.set_(storage, start // dtype.itemsize, size_of, [1]).view(shape)
    except Exception:  # noqa: BLE001 - whatever a made-up header leads to
        raise DataError("not a safetensors file, or one that cannot be mapped") from None
    return arrays


def open_shards(files: list[Path], target: str | None, kept: int) -> tuple[Shards, Labels]:
    """Row groups of Parquet files, or record batches of Arrow files, by pyarrow."""
    try:
        import pyarrow as pa
    except ImportError:
        raise DataError("pyarrow, which reads Parquet and Arrow files, is not installed") from None
    try:
        pieces = [piece for file in files for piece in pieces_of(file) if piece[0]]
        if not pieces:
            raise DataError("there are no rows of data")
        names = pieces[0][1](None).column_names
        columns = [names[i] for i in target_columns(names, target)]
        rest = [name for name in names if name not in columns]
        if not rest:
            raise DataError("no column holds features")
        table = pa.concat_tables([read(columns) for _, read in pieces])
        width = numbers(pieces[0][1](rest), pa.float32()).shape[1]
        labels: Labels
        if len(columns) == 1 and holds_words(table):
            labels = [str(cell) for cell in table.column(0).to_pylist()]
        else:
            labels = numbers(table, pa.float64()).squeeze(1)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DataError(f"not a table of numbers: {error}") from None

    def read_features(read: Callable[[Any], Any]) -> Tensor:
        try:
            return numbers(read(rest), pa.float32())
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"a shard of the data cannot be read: {error}") from None

    chunks: list[tuple[int, Callable[[], Tensor]]] = [
        (count, functools.partial(read_features, read)) for count, read in pieces
    ]
    return Shards(chunks, width, kept), labels


def pieces_of(path: Path) -> Iterator[tuple[int, Callable[[Any], Any]]]:
    """How many rows each piece of a file has, and what reads columns of it, by name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix.lower() == ".parquet":
        file = pq.ParquetFile(path)
        for i in range(file.num_row_groups):
            read = functools.partial(file.read_row_group, i)
            yield file.metadata.row_group(i).num_rows, read
        return
    batches = pa.ipc.open_file(pa.memory_map(str(path)))
    for i in range(batches.num_record_batches):
        table = pa.table(batches.get_batch(i))
        yield len(table), functools.partial(select, table)


def select(table: Any, names: list[str] | None) -> Any:
    return table if names is None else table.select(names)


def numbers(table: Any, kind: Any) -> Tensor:
    """All columns side by side; lists of one length are several.  Raises DataError."""
    import pyarrow as pa

    columns = []
    for column in table.columns:
        if column.null_count:
            raise DataError("there are empty cells")
        values = column.combine_chunks()
        if pa.types.is_fixed_size_list(values.type):
            values = values.flatten()
        columns.append(from_dlpack(values.cast(kind)).view(len(column), -1))
    return torch.cat(columns, 1)


def holds_words(table: Any) -> bool:
    kind = str(table.schema.types[0])
    return kind in ("string", "large_string") or kind.startswith("dictionary")
