"""Part: tables from files, with the standard library and torch; nothing is ever unpickled."""

from __future__ import annotations

import ast
import csv
import gzip
import io
import json
import math
import re
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

# ---- emitted from here on ----

# Numbers, one row per example, or one word per example.
Labels = Tensor | list[str]

SAFE_TYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip

FEATURE_KEYS = ("x", "X", "features", "data", "images", "inputs")
TARGET_KEYS = ("y", "Y", "target", "targets", "label", "labels")

# Longer lines hold no table; and what unpacks to more than both of these is made to fill memory.
LONGEST_LINE, UNPACKED_BYTES, UNPACKED_RATIO = 1 << 24, 1 << 28, 200


class DataError(ValueError):
    """Data that cannot be trained on; the message is one line that a terminal can show."""

    def __str__(self) -> str:
        return printable(super().__str__())


def printable(text: str) -> str:
    """With escapes for what a terminal would obey."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def read_table(path: Path, target: str | None) -> tuple[Tensor, Labels]:
    """Features (rows, columns) in float32, and labels.  Raises DataError."""
    readers = {".npz": read_npz, ".pt": read_pt, ".safetensors": read_safetensors}
    name = path.name.lower()
    try:
        if name.endswith((".csv", ".csv.gz")):
            return read_csv(path, target)
        if path.suffix.lower() not in readers:
            raise DataError("the format is none of .csv .csv.gz .npz .pt .safetensors")
        return choose(readers[path.suffix.lower()](path), target)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def read_csv(path: Path, target: str | None) -> tuple[Tensor, Labels]:
    """``target`` is a column's name or 0-based number; the last column by default."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    values = array("f")
    labels: list[str] = []
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            first_line = file.readline(LONGEST_LINE)
            file.seek(0)
            delimiter = max(",;\t", key=first_line.count)
            reader = csv.reader(bounded_lines(file, path), delimiter=delimiter)
            rows = (row for row in reader if row)
            first, second = next(rows, None), next(rows, None)
            if first is None or second is None:
                raise DataError("there are no rows of data")
            columns = target_columns(first, target)
            body = [second] if is_header(first, second, columns) else [first, second]
            names = first if len(body) == 1 else [str(i) for i in range(len(first))]
            kept = [i for i in range(len(first)) if i not in columns]
            for number, row in enumerate(chain(body, rows), start=1):
                if len(row) != len(first):
                    raise DataError(f"row {number} has {len(row)} cells, not {len(first)}")
                try:
                    values.extend([float(row[i]) for i in kept])
                except (ValueError, OverflowError):
                    bad = next(i for i in kept if not is_number(row[i]))
                    message = f"row {number}, column {names[bad]!a}: {row[bad][:40]!a} is no number"
                    raise DataError(message) from None
                labels += [row[i].strip() for i in columns]
    except (EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise DataError(f"not a readable table after row {number}: {error}") from None
    features = torch.frombuffer(values, dtype=torch.float32) if values else torch.empty(0)
    return features.view(number, len(kept)), parse_labels(labels, len(columns))


def check_unpacked(path: Path, size: int) -> None:
    """Refuse what a few bytes blow up to.  Raises DataError."""
    if size > max(UNPACKED_BYTES, UNPACKED_RATIO * path.stat().st_size):
        raise DataError("unpacks to so much more than its own size as no data does")


def bounded_lines(file: io.TextIOWrapper, path: Path) -> Iterator[str]:
    """Lines of an opened file, as long and as many as they can be in a table.  Raises DataError."""
    size = 0
    while line := file.readline(LONGEST_LINE):
        size += len(line)
        if len(line) == LONGEST_LINE:
            raise DataError(f"a line is longer than {LONGEST_LINE} characters")
        if size > UNPACKED_BYTES:
            check_unpacked(path, size)
        yield line


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def listed(names: list[str]) -> str:
    return ", ".join(ascii(name[:40]) for name in names[:8]) + ", ..." * (len(names) > 8)


def is_header(first: list[str], second: list[str], columns: list[int]) -> bool:
    """The first row holds names if a feature in it is no number, or a label is where none was."""
    features = [cell for i, cell in enumerate(first) if i not in columns]
    if not all(is_number(cell) for cell in features):
        return True
    return any(
        not is_number(first[i]) and i < len(second) and is_number(second[i]) for i in columns
    )


def target_columns(first: list[str], target: str | None) -> list[int]:
    """Where the label stands; several names or numbers, separated by commas, make a vector."""
    if target is None:
        return [len(first) - 1]
    names = [cell.strip() for cell in first]
    wanted = [target] if target in names else target.split(",")
    columns = []
    for word in (w.strip() for w in wanted):
        if word in names:
            columns.append(names.index(word))
        elif re.fullmatch(r"-?[0-9]{1,9}", word) and -len(names) <= int(word) < len(names):
            columns.append(int(word) % len(names))
        else:
            raise DataError(f"there is no column {word!a} (the first row is {listed(names)})")
    return columns


def parse_labels(cells: list[str], columns: int) -> Labels:
    """Numbers where every label is one; otherwise words, of which there is one per row."""
    if not all(map(is_number, cells)):
        if columns > 1:
            raise DataError("several target columns must hold numbers")
        return cells
    numbers = torch.frombuffer(array("d", map(float, cells)), dtype=torch.float64)
    return numbers.view(-1, columns).squeeze(1)


def read_npz(path: Path) -> dict[str, Labels]:
    """The arrays of a NumPy archive; object arrays, which are pickles, are refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
            # No more is ever read than the archive says here.
            check_unpacked(path, sum(m.file_size for m in members))
            return {m.filename.removesuffix(".npy"): parse_npy(archive.read(m)) for m in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"not a NumPy archive: {error}") from None


def parse_npy(content: bytes) -> Labels:
    """One array in NumPy's .npy format (versions 1 to 3), little-endian."""
    stream = io.BytesIO(content)
    magic = stream.read(8)
    if magic[:6] != b"\x93NUMPY":
        raise DataError("not a NumPy array")
    size = int.from_bytes(stream.read(2 if magic[6:7] == b"\x01" else 4), "little")
    try:
        if size > 10_000:
            raise ValueError
        header = ast.literal_eval(stream.read(size).decode("utf-8"))
        kind, shape = str(header["descr"]), tuple(int(s) for s in header["shape"])
        order = bool(header["fortran_order"])
    except Exception:  # noqa: BLE001 - whatever a made-up header leads to
        raise DataError("the header of a NumPy array is damaged") from None
    raw = stream.read()
    if re.fullmatch("<U[1-9][0-9]{0,8}", kind) and len(shape) == 1:
        step = 4 * int(kind[2:])
        if len(raw) != step * shape[0]:
            raise DataError("a NumPy array is truncated")
        words = (raw[i * step : (i + 1) * step] for i in range(shape[0]))
        return [word.decode("utf-32-le", "replace").rstrip("\0") for word in words]
    types = {
        "f8": torch.float64, "f4": torch.float32, "f2": torch.float16, "i8": torch.int64,
        "i4": torch.int32, "i2": torch.int16, "i1": torch.int8, "u1": torch.uint8,
        "u2": torch.uint16, "u4": torch.uint32, "u8": torch.uint64, "b1": torch.bool,
    }  # fmt: skip
    if kind[:1] not in ("<", "|") or kind[1:] not in types:
        raise DataError(f"NumPy arrays of type {kind[:40]!a} are not read (objects never are)")
    flat = parse_buffer(raw, types[kind[1:]], shape[::-1] if order else shape)
    return flat.permute(*reversed(range(len(shape)))) if order else flat


def parse_buffer(raw: bytes, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(raw):
        raise DataError("an array's size does not match its shape")
    if not raw:
        # Its other sides may be of any size.
        return torch.empty(0, dtype=dtype)
    return torch.frombuffer(bytearray(raw), dtype=dtype).view(shape)


def read_safetensors(path: Path) -> dict[str, Labels]:
    """The tensors of a safetensors file: a length, a JSON header, and raw little-endian data."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > 100_000_000:
            raise DataError("not a safetensors file")
        text, content = file.read(size), file.read()
    arrays: dict[str, Labels] = {}
    left = len(content)
    try:
        for name, entry in json.loads(text).items():
            if name == "__metadata__":
                continue
            start, end = (int(offset) for offset in entry["data_offsets"])
            left -= end - start
            # Tensors that overlap would make much of little.
            if left < 0 or not 0 <= start <= end <= len(content):
                raise ValueError
            shape = tuple(int(s) for s in entry["shape"])
            arrays[name] = parse_buffer(content[start:end], SAFE_TYPES[entry["dtype"]], shape)
    except DataError:
        raise
    except Exception:  # noqa: BLE001 - as above
        raise DataError("not a safetensors file, or of a type that is not read") from None
    return arrays


def read_pt(path: Path) -> dict[str, Labels]:
    """A dictionary of tensors, or a pair (features, labels), saved by torch."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - torch.load raises whatever the damage leads to
        raise DataError("not a file of plain tensors (nothing else is loaded)") from None
    if isinstance(content, (tuple, list)) and len(content) == 2:
        content = dict(zip(("x", "y"), content, strict=True))
    if not isinstance(content, dict):
        raise DataError("holds neither a dictionary of tensors nor a pair of them")
    return {k: v for k, v in content.items() if isinstance(k, str) and is_plain(v)}


def is_plain(value: object) -> bool:
    """A tensor whose every entry is in memory: none is sparse, expanded or yet to be made."""
    return (
        isinstance(value, Tensor)
        and value.device.type == "cpu"
        and value.layout == torch.strided
        and not value.is_nested
        and not value.is_quantized
        and value.nbytes <= value.untyped_storage().nbytes()
    )


def choose(arrays: dict[str, Labels], target: str | None) -> tuple[Tensor, Labels]:
    """Features and labels among named arrays: ``target``, or the usual names."""
    shown = listed(list(arrays)) or "nothing"
    if target is None:
        target = next((key for key in TARGET_KEYS if key in arrays), None)
        if target is None:
            raise DataError(f"which array holds the labels? name it with --target ({shown})")
    if target not in arrays:
        raise DataError(f"there is no array {target!a}: name it with --target (there is {shown})")
    rest = [name for name in arrays if name != target]
    name = rest[0] if len(rest) == 1 else next((k for k in FEATURE_KEYS if k in rest), None)
    if name is None:
        raise DataError(f"which array holds the features? call it 'x' (there is {shown})")
    features, labels = arrays[name], arrays[target]
    if not isinstance(features, Tensor) or features.is_complex() or not features.dim():
        raise DataError(f"the features {name!a} are not an array of real numbers")
    if isinstance(labels, Tensor):
        if labels.is_complex() or not labels.dim():
            raise DataError(f"the labels {target!a} are not an array of real numbers")
        labels = labels.to(torch.float64)
        labels = labels.squeeze(1) if labels.dim() == 2 and labels.shape[1] == 1 else labels
    if len(features) != len(labels):
        raise DataError(f"{len(features)} rows of features, but {len(labels)} labels")
    rows = len(features)
    return features.reshape(rows, math.prod(features.shape[1:])).to(torch.float32), labels
