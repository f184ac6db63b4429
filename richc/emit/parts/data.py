# ruff: noqa: T201 - the emitted program talks to its user
"""Part: data from files, by libraries that unpickle nothing; checked, standardised, divided."""

from __future__ import annotations

import math
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from richc.emit.parts.ranks import one_voice
from richc.emit.parts.table import MISSING, UNPACKED_BYTES, DataError, encode, read_csv

FEATURES = 64

# ---- emitted from here on ----


FEATURE_KEYS = ("x", "X", "features", "data", "images", "inputs")
TARGET_KEYS = ("y", "Y", "target", "targets", "label", "labels")


class Split(NamedTuple):
    """Training and held-out examples: features (rows, inputs), targets (rows,) or (rows, k)."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor


# keep if not stream
def load(path: Path, target: str | None, seed: int, device: torch.device, **how: str) -> Split:
    """Standardised features, encoded labels; a fifth of the rows, by ``seed``, is held out."""
    x, labels = read_table(path, target, **how)
    try:
        (train, test), y = divide(len(x), seed), encode(labels)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    # keep if mse
    y = scale_targets(y, train)
    # end
    x = standardise(x, train)
    return Split(*(part.to(device) for part in (x[train], y[train], x[test], y[test])))


# end
def divide(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """The rows to train on, and those that are held out."""
    if rows < 4:
        raise ValueError(f"{rows} rows are too few to train on some and to hold out others")
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    return order[max(2, rows // 5) :], order[: max(2, rows // 5)]


def standardise(values: Tensor, train: Tensor) -> Tensor:
    """Columns shifted and scaled by the mean and deviation of their ``train`` rows."""
    known = values[train].double()
    mean, deviation = known.mean(0), known.std(0, correction=0)
    deviation[deviation <= 1e-9 * mean.abs()] = 1.0  # a constant deviates by rounding alone
    return ((values.double() - mean) / deviation).float()


# keep if mse
def scale_targets(targets: Tensor, train: Tensor) -> Tensor:
    """Regression targets standardised over the training rows; one-hot classes are 0 and 1."""
    return targets.float() if targets.dtype == torch.bool else standardise(targets, train)


# end
# keep if ranks
@one_voice()
# end
def read_table(
    path: Path, target: str | None, ignore: str = "", missing: str = "error"
) -> tuple[Tensor, np.ndarray]:
    """Features (rows, inputs), all finite, and labels: numbers or words.  Raises DataError."""
    try:
        is_csv = path.name.lower().endswith((".csv", ".csv.gz"))
        found, labels = (read_csv if is_csv else read_arrays)(path, target, ignore, missing)
        if found.shape[1] != FEATURES:
            raise ValueError(f"{found.shape[1]} features a row, the model has {FEATURES} inputs")
        x = torch.from_numpy(found).float()
        wrong = ~x.isfinite().all(1)
        if labels.dtype.kind == "f":
            wrong |= torch.from_numpy(~np.isfinite(labels.reshape(len(x), -1)).all(1))
        if wrong.any():
            raise ValueError(f"a value of row {int(wrong.int().argmax()) + 1} is not finite")
        return x, labels
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    except Exception as error:  # noqa: BLE001 - whatever a file that lies leads a library to
        raise DataError(f"{path}: {str(error)[:400] or type(error).__name__}") from None


def read_arrays(
    path: Path, target: str | None, ignore: str, missing: str
) -> tuple[np.ndarray, np.ndarray]:
    """Features (rows, columns) and labels of a .npz, .pt or .safetensors file."""
    arrays = open_arrays(path)
    x, y = (as_array(arrays[name], name) for name in choose(list(arrays), target, ignore))
    if x.dtype.kind == "U" or len(x) != len(y):
        raise ValueError(f"{len(x)} rows of features of type {x.dtype}, but {len(y)} labels")
    x = x.reshape(len(x), math.prod(x.shape[1:]))
    lost = np.isin(y, MISSING) if y.dtype.kind == "U" else np.isnan(y)
    gaps = np.isnan(x).any(1) | lost.reshape(len(x), -1).any(1)
    if gaps.any() and missing == "error":
        which = f"row {gaps.argmax() + 1}, the first of {gaps.sum()}"
        raise ValueError(f"missing values ({which}): --missing drop leaves such rows out")
    if gaps.any():
        print(f"left out {gaps.sum()} rows with missing values", file=sys.stderr)
    return x[~gaps], y[~gaps]


def open_arrays(path: Path) -> dict[str, Any]:
    """The arrays of a file by name; nothing is unpickled."""
    kind, limit = path.suffix.lower(), max(UNPACKED_BYTES, path.stat().st_size)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > limit:
                raise ValueError(f"unpacks to more than {limit} bytes")
    if kind == ".npz":
        if not zipfile.is_zipfile(path):
            raise ValueError("not a NumPy archive")
        return dict(np.load(path, allow_pickle=False))
    if kind == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise ValueError(f"not a safetensors file: {error}") from None
    if kind != ".pt":
        raise ValueError("the format is none of .csv .csv.gz .npz .pt .safetensors")
    try:
        # keep if stream
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        # end
        # keep if not stream
        content = torch.load(path, map_location="cpu", weights_only=True)
        # end
    except Exception:  # noqa: BLE001 - its message says how to run what is in the file
        raise ValueError("not a file of plain tensors (nothing else is loaded)") from None
    if isinstance(content, tuple | list) and len(content) == 2:
        return dict(zip("xy", content, strict=True))
    if not isinstance(content, dict):
        raise ValueError("holds no dictionary and no pair of tensors")  # noqa: TRY004
    return {name: value for name, value in content.items() if isinstance(name, str)}


def choose(names: list[str], target: str | None, ignore: str = "") -> tuple[str, str]:
    """Which arrays hold the features and the labels.  Raises ValueError."""
    known = ", ".join(f"{name[:40]!a}" for name in names[:8]) or "nothing"
    if target is None:
        target = next((key for key in TARGET_KEYS if key in names), None)
    if target is None or target not in names:
        raise ValueError(f"which array holds the labels? name it with --target (there is {known})")
    rest = [name for name in names if name not in (target, *ignore.split(","))]
    if len(rest) != 1:
        rest = [key for key in FEATURE_KEYS if key in rest]
    if not rest:
        raise ValueError(f"which array holds the features? call it 'x' (there is {known})")
    return rest[0], target


def as_array(value: Any, name: str) -> np.ndarray:
    """Real numbers in double precision, or words; of a tensor only if its memory holds it all."""
    if isinstance(value, Tensor) and not value.is_complex():
        if value.nbytes > value.untyped_storage().nbytes():
            raise ValueError(f"{name[:40]!a} is larger than its memory")
        value = value.detach().double().numpy()
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufU" or not value.ndim:
        kind = getattr(value, "dtype", type(value).__name__)
        raise ValueError(f"{name[:40]!a} is no array of real numbers, its type is {kind}")
    value = value[:, 0] if value.ndim == 2 and value.shape[1] == 1 else value
    return np.asarray(value, None if value.dtype.kind == "U" else np.float64)
