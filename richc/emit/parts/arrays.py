# ruff: noqa: T201 - the emitted program talks to its user
"""Part: features and labels in files of arrays, read by libraries that unpickle nothing."""

from __future__ import annotations

import argparse
import math
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from richc.emit.parts.table import MISSING, UNPACKED_BYTES

# ---- emitted from here on ----


# keep if not stream
def read_arrays(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Features (rows, columns) and labels of a .npz, .pt or .safetensors file."""
    arrays = open_arrays(options.data)
    names = choose(list(arrays), options.target, options.ignore)
    x, y = (as_array(arrays[name], name) for name in names)
    if x.dtype.kind == "U" or len(x) != len(y):
        raise ValueError(f"{len(x)} rows of features of type {x.dtype}, but {len(y)} labels")
    x = x.reshape(len(x), math.prod(x.shape[1:]))
    lost = np.isin(np.char.lower(y), MISSING) if y.dtype.kind == "U" else np.isnan(y)
    gaps = np.isnan(x).any(1) | lost.reshape(len(x), -1).any(1)
    if gaps.any() and options.missing == "error":
        raise ValueError(f"a gap in row {gaps.argmax() + 1} (--missing drop: {gaps.sum()} less)")
    if gaps.any():
        print(f"left out {gaps.sum()} rows with missing values", file=sys.stderr)
    return x[~gaps], y[~gaps]


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
    try:
        if kind == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        # keep if stream
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        # end
        # keep if not stream
        content = torch.load(path, map_location="cpu", weights_only=True)
        # end
    except ImportError:
        raise
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


def as_array(value: Any, name: str) -> np.ndarray:
    """Real numbers in double precision, or words; of a tensor only if its memory holds it all."""
    if isinstance(value, Tensor) and not value.is_complex():
        if value.nbytes > value.untyped_storage().nbytes():
            raise ValueError(f"{name[:40]!a} is larger than its memory")
        value = value.detach().double().numpy()
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufU" or not value.ndim:
        raise ValueError(f"{name[:40]!a} is not of a type that is an array of real numbers")
    value = value[:, 0] if value.ndim == 2 and value.shape[1] == 1 else value
    return np.asarray(value, None if value.dtype.kind == "U" else np.float64)
