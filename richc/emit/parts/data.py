"""Part: data from a file, or that stay on the disk: read, checked, standardised, divided."""

import argparse
import contextlib
import copy  # keep if stream
import functools
import gzip
import importlib
import math
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import torch.distributed as dist  # keep if ranks
from torch import Tensor

from richc.emit.parts.training import rank, ranks

FEATURES, OUTPUTS, TOKENS = 64, 10, 256
MISSING, UNPACKED_BYTES = ("",), 1 << 30


# ---- emitted from here on ----


def number(text: str) -> float:
    """A number, or a ratio such as 1/2; nan for words."""
    over, _, under = text.partition("/")
    try:
        return float(over) / float(under or 1)
    except (ValueError, ZeroDivisionError):
        return math.nan


def find_columns(names: list[str], wanted: str) -> list[int]:
    """Places of columns by name or 0-based number, several with commas between."""
    places = {str(i): i for i in range(len(names))} | {name: i for i, name in enumerate(names)}
    words = [wanted] if wanted in places else [word.strip() for word in wanted.split(",")]
    if any(word not in places or names.count(word) > 1 for word in words):
        raise ValueError(f"there is no column {wanted[:40]!r} or two ({', '.join(names)[:200]!r})")
    return [places[word] for word in words]


def read_csv(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Features, labels and their names; a column of words becomes one of 0 and 1 for each word."""
    path, limit = options.data, max(UNPACKED_BYTES, options.data.stat().st_size)
    # keep if not options and not stream
    if path.suffix.lower() not in (".csv", ".gz") or path.is_fifo():
        raise ValueError("no file .csv or .csv.gz; `richc compile --with options` reads more")
    # end
    with (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rb") as file:
        content = file.read(limit + 1)
    lines = [line for line in content.decode("utf-8-sig").split("\n") if line.strip("\r")]
    if len(content) > limit or len(lines) < 2:
        raise ValueError(f"unpacks to over {limit} bytes" if content[limit:] else "no rows of data")
    comma = max(",;\t", key=lines[0].count)
    cells = np.loadtxt(lines, object, None, comma, str.strip, quotechar='"', ndmin=2, encoding=None)
    values = np.vectorize(number, otypes=[float])(cells)
    empty = np.vectorize(lambda cell: cell.lower() in MISSING, otypes=[bool])(cells)
    word = np.isnan(values) & ~empty
    # The first row has names where a word stands above a number, or where no word comes again.
    named = (word[0] & ~np.isnan(values[1])).any() or (word[0] & (cells[1:] != cells[0])).all()
    names = [str(name) for name in (cells[0] if named else range(len(cells[0])))]
    cells, values, empty, word = (part[int(named) :] for part in (cells, values, empty, word))
    targets = [len(names) - 1] if options.target is None else find_columns(names, options.target)
    ignored = find_columns(names, options.ignore) if options.ignore else []
    inputs = [i for i in range(len(names)) if i not in targets + ignored]
    columns = [values[:, :0]]
    for i in inputs:
        row, name = word[:, i].argmax(), f"column {names[i][:40]!r}"
        if word[row, i] and not (word | empty)[:, i].all():
            raise ValueError(f"row {row + 1}, {name}: {cells[row, i][:40]!r} is no number")
        kinds = np.unique(cells[word[:, i], i])
        if len(kinds):
            print(f"{name} becomes inputs, one for each word: {len(kinds)}", file=sys.stderr)
        columns.append(cells[:, [i]] == kinds if len(kinds) else values[:, [i]])
    x, labels = np.hstack(columns), (cells if word[:, targets].any() else values)[:, targets]
    x[empty[:, inputs + targets].any(1)] = math.nan
    return x, labels[:, 0] if len(targets) == 1 else labels, [names[i] for i in targets]


# keep if options
# keep if not stream
def read_arrays(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Features (rows, columns), labels and their name, of a .npz, .pt or .safetensors file."""
    arrays = open_arrays(options.data)
    features, name = choose(list(arrays), options.target, options.ignore)
    x, labels = as_array(arrays[features], features, "biuf"), as_array(arrays[name], name)
    x = x.reshape(len(x), math.prod(x.shape[1:]))
    if len(x) != len(labels):
        raise ValueError(f"{len(x)} rows of features and {len(labels)} labels")
    x[lost(labels)] = math.nan
    return x, labels, [name]


# end
def open_arrays(path: Path) -> dict[str, Any]:
    """The arrays of a file by name."""
    kind, limit = path.suffix.lower(), max(UNPACKED_BYTES, path.stat().st_size)
    is_zip = zipfile.is_zipfile(path)
    if is_zip and sum(member.file_size for member in zipfile.ZipFile(path).infolist()) > limit:
        raise ValueError(f"unpacks to more than {limit} bytes")
    if kind not in (".npz", ".pt", ".safetensors") or (kind == ".npz" and not is_zip):
        raise ValueError("the format is none of .csv .csv.gz .npz (NumPy archive) .pt .safetensors")
    if kind == ".npz":
        return dict(np.load(path, allow_pickle=False))
    read: Any = functools.partial(torch.load, map_location="cpu", weights_only=True, mmap=is_zip)
    if kind == ".safetensors":
        read = importlib.import_module("safetensors.torch").load_file
    try:
        content = read(path)
    except Exception:  # noqa: BLE001 - torch's says how to run what is in the file
        raise ValueError(f"not a {kind[1:]} file of plain tensors, and nothing else is") from None
    if isinstance(content, tuple | list) and len(content) == 2:
        return dict(zip("xy", content, strict=True))
    if not isinstance(content, dict):
        raise ValueError("holds no dictionary and no pair of tensors")  # noqa: TRY004
    return {name: value for name, value in content.items() if isinstance(name, str)}


def choose(names: list[str], target: str | None, ignore: str | None) -> tuple[str, str]:
    """Which arrays hold the features and the labels."""
    keys = ("y", "Y", "target", "targets", "label", "labels")
    target = target or next((key for key in keys if key in names), None)
    rest = [name for name in names if name not in (target, *(ignore or "").split(","))]
    keys = ("x", "X", "features", "data", "images", "inputs")
    rest = rest if len(rest) == 1 else [key for key in keys if key in rest]
    if target is None or target not in names or not rest:
        known = ", ".join(f"{name[:40]!a}" for name in names[:8]) or "nothing"
        raise ValueError(f"no labels (--target names them) or no features (call it 'x') in {known}")
    return rest[0], target


def as_array(value: Any, name: str, kinds: str = "biufU") -> np.ndarray:
    """Real numbers in double precision, or words; of a tensor only if its memory holds it all."""
    if isinstance(value, Tensor) and not value.is_complex():
        if value.nbytes > value.untyped_storage().nbytes():
            raise ValueError(f"{name[:40]!a} is larger than its memory")
        value = value.detach().double().numpy()
    if not isinstance(value, np.ndarray) or value.dtype.kind not in kinds or not value.ndim:
        raise ValueError(f"{name[:40]!a} is not of a type that is an array of real numbers")
    value = value[:, 0] if value.ndim == 2 and value.shape[1] == 1 else value
    return np.asarray(value, None if value.dtype.kind == "U" else np.float64)


# end
def lost(labels: np.ndarray) -> np.ndarray:  # keep if options or stream
    """Which rows have a label that is missing (rows,)."""
    if labels.dtype.kind in "UO":
        labels = np.where(np.isin(np.char.lower(labels.astype(str)), MISSING), math.nan, 0.0)
    return np.asarray(~np.isfinite(labels).reshape(len(labels), -1).all(1))


def encode(labels: np.ndarray) -> Tensor:
    # keep if cross_entropy
    """Class numbers (rows,): integers from 0 as they are, other labels in their sorted order."""
    # else
    """Targets (rows, outputs); where there is one label a row, its class as one-hot booleans."""
    given = labels[:1].size
    if labels.dtype.kind == "f" and given == OUTPUTS:
        if (labels == labels[:1]).all() or not np.isfinite(labels).all():
            raise ValueError("a target is infinite, or all are the same")
        return torch.from_numpy(labels).reshape(len(labels), OUTPUTS)
    if given > 1 or OUTPUTS == 1:
        raise ValueError(f"{given} targets or words a row, but the model has {OUTPUTS} outputs")
    # end
    classes, numbers = np.unique(labels, return_inverse=True)
    if labels.ndim > 1 or (labels.dtype.kind == "f" and (classes != classes.round()).any()):
        raise ValueError("class labels must be integers or words, one a row")
    if len(classes) > 1 and set(classes) <= set(range(OUTPUTS)):
        numbers = labels.astype(np.int64)
    elif len(classes) != OUTPUTS:
        raise ValueError(f"the labels hold {len(classes)} classes, the model has {OUTPUTS} outputs")
    elif list(classes) != list(range(OUTPUTS)):
        print(f"classes 0, 1, ... are {', '.join(map(repr, classes.tolist()))}", file=sys.stderr)
    numbers = np.eye(OUTPUTS, dtype=bool)[numbers]  # keep if mse
    return torch.from_numpy(numbers)


@contextlib.contextmanager  # keep if features
def refused_for(what: str) -> Iterator[None]:  # keep if features
    """Says of what goes wrong what it goes wrong with, as a ValueError: ``main`` prints a line."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever a library comes to
        reason = str(getattr(error, "strerror", None) or error).partition("; use `")[0][:400]
        raise ValueError(f"{what}: {reason or type(error).__name__}") from None


def load(options: argparse.Namespace) -> list[Any]:
    """Features and targets to train on, and held-out ones: a fifth of the rows, by the seed."""
    with refused_for(f"{options.data}"):  # fill refusal
        # keep if not stream
        if options.data.is_fifo():  # keep if options
            raise ValueError("a pipe, not a file")
        is_csv = options.data.name.lower().endswith((".csv", ".csv.gz"))  # keep if options
        found, labels, _ = (read_csv if is_csv else read_arrays)(options)  # keep if options
        found, labels, _ = read_csv(options)  # keep if not options
        x, columns = torch.from_numpy(found).float().double(), found.shape[1]  # as fp32 holds it
        bad = ~x.isfinite().all(1).numpy()
        # else
        x, labels = open_rows(options)
        if len(x) != len(labels):  # keep if options
            raise ValueError(f"{len(x)} rows of features and {len(labels)} labels")
        columns, bad = x.columns, lost(labels)
        for block in x.index.split(BLOCK) if options.missing == "drop" else ():
            bad[block] |= ~x[block].to("cpu").isfinite().all(1).numpy()
        # end
        if bad.any() and options.missing == "error":
            raise ValueError(f"row {bad.argmax() + 1}: a value is missing or infinite (--missing)")
        if bad.any():
            print(f"left out rows with missing or infinite values: {bad.sum()}", file=sys.stderr)
        if columns != FEATURES:
            raise ValueError(f"{columns} features, not {FEATURES}")
        if (~bad).sum() < 4:
            raise ValueError(f"{(~bad).sum()} rows are too few")
        x, y = x[~bad], encode(labels[~bad])
        if ((x != x.floor()) | (x < 0) | (x >= TOKENS)).any():  # keep if embedding
            raise ValueError(f"an index is no integer from 0 to {TOKENS - 1}")
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(options.seed))
        test, train = order[: max(2, len(x) // 5)], order[max(2, len(x) // 5) :]
        x.standardise(train, options.statistics_rows)  # keep if stream
    # fill refused
    if y.dtype != torch.bool:  # keep if mse
        y = (y - y[train].mean(0)) / y[train].std(0, correction=0).clamp(min=1e-30)
    y = y.float()  # keep if mse
    x = x[:, 0].long()  # keep if embedding
    # keep if not stream and not embedding
    mean, deviation = x[train].mean(0), x[train].std(0, correction=0)
    deviation[deviation <= 1e-9 * mean.abs()] = 1.0  # a constant deviates by rounding alone
    x = ((x - mean) / deviation).float()
    # end
    return [x[train], y[train], x[test], y[test]]


# keep if options and not stream
def place(data: list[Tensor], device: torch.device, where: str) -> list[Tensor]:
    """On the device, if ``where`` says so or half of its free memory holds the data."""
    if where == "auto" and device.type == "cuda":
        room = torch.cuda.mem_get_info(device)[0] // 2
        where = "device" if sum(part.nbytes for part in data) <= room else "host"
    return data if where == "host" else [part.to(device) for part in data]


# end
# keep if stream
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


# end
