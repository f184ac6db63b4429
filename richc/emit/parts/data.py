# ruff: noqa: T201 - the emitted program talks to its user
"""Part: data from a file, checked, standardised, divided."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import namedtuple
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from richc.emit.parts.arrays import read_arrays
from richc.emit.parts.table import MISSING, encode, read_csv

FEATURES = 64

# ---- emitted from here on ----


# keep if options
class DataError(ValueError):
    """What the user has to mend; ``main`` prints it as one line."""


@contextlib.contextmanager
def refused_for(what: str) -> Iterator[None]:
    """Says of what goes wrong what it goes wrong with.  Raises DataError."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever files that lie lead libraries to
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"{what}: {reason}") from None


# end
Split = namedtuple("Split", "train_x train_y test_x test_y")


def read_table(options: argparse.Namespace) -> tuple[Tensor, np.ndarray]:
    """Features (rows, inputs), all finite, and labels: numbers or words."""
    # keep if options
    is_csv = options.data.name.lower().endswith((".csv", ".csv.gz"))
    x, labels = (read_csv if is_csv else read_arrays)(options.data, options.target, options.ignore)
    # end
    # keep if not options
    x, labels = read_csv(options.data, options.target, options.ignore)
    # end
    is_number = labels.dtype.kind == "f"
    lost = np.isnan(labels) if is_number else np.isin(np.char.lower(labels), MISSING)
    gaps = np.isnan(x).any(1) | lost.reshape(len(x), -1).any(1)
    if gaps.any() and options.missing == "error":
        raise ValueError(f"a gap in row {gaps.argmax() + 1} (--missing drop: {gaps.sum()} less)")
    if gaps.any():
        print(f"left out {gaps.sum()} rows with missing values", file=sys.stderr)
    values, labels = torch.from_numpy(x[~gaps]).float(), labels[~gaps]
    if values.shape[1] != FEATURES:
        raise ValueError(f"{values.shape[1]} features a row, the model has {FEATURES} inputs")
    wrong = ~values.isfinite().all(1)
    if is_number:
        wrong |= ~torch.from_numpy(labels.reshape(len(x), -1)).isfinite().all(1)
    if wrong.any():
        raise ValueError(f"a value of row {int(wrong.int().argmax()) + 1} is not finite")
    return values, labels


def standardise(values: Tensor, train: Tensor) -> Tensor:
    """Columns shifted and scaled by the mean and deviation of their ``train`` rows."""
    known = values[train].double()
    mean, deviation = known.mean(0), known.std(0, correction=0)
    deviation[deviation <= 1e-9 * mean.abs()] = 1.0  # a constant deviates by rounding alone
    return ((values.double() - mean) / deviation).float()


# keep if not stream
def load(options: argparse.Namespace) -> Split:
    """Features and targets to train on, and held-out ones: a fifth of the rows, by the seed."""
    try:
        x, labels = read_table(options)
        y, rows = encode(labels), len(x)
        if rows < 4:
            raise ValueError("too few rows to train on some and to hold out others")
    except Exception as error:  # noqa: BLE001 - whatever a file that lies leads a library to
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ValueError(f"{options.data}: {reason}") from None
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(options.seed))
    test, train = order[: max(2, rows // 5)], order[max(2, rows // 5) :]
    # keep if mse
    y = y.float() if y.dtype == torch.bool else standardise(y, train)
    # end
    x = standardise(x, train)
    return Split(x[train], y[train], x[test], y[test])


# keep if options
def place(data: Split, device: torch.device, where: str) -> Split:
    """On the device, if ``where`` says so or half of its free memory holds the data."""
    if where == "auto" and device.type == "cuda":
        room = torch.cuda.mem_get_info(device)[0] // 2
        where = "device" if sum(part.nbytes for part in data) <= room else "host"
    return data if where == "host" else Split(*(part.to(device) for part in data))


# end
# end
