"""Part: checked, standardised data on the device, with a held-out split."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from richc.emit.parts.mse import scale_targets
from richc.emit.parts.readers import DataError, Labels, read_table

FEATURES = 64


def encode(labels: Labels) -> Tensor:
    raise NotImplementedError


# ---- emitted from here on ----


class Split(NamedTuple):
    """Training and held-out examples: features (rows, inputs), targets (rows,) or (rows, k)."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor


# keep if not stream
def load(path: Path, target: str | None, seed: int, device: torch.device) -> Split:
    """Read, check and standardise; every fifth row, drawn by ``seed``, is held out.

    Features get mean 0 and deviation 1 over the training rows; constant ones become 0.
    Raises DataError.
    """
    x, labels = read_table(path, target)
    rows, columns = x.shape
    if columns != FEATURES:
        raise DataError(f"{path}: {columns} features a row, but the model has {FEATURES} inputs")
    if rows < 2:
        raise DataError(f"{path}: {rows} rows are too few to train and to hold out some")
    if not x.isfinite().all():
        row = int((~x.isfinite()).any(1).nonzero()[0, 0])
        raise DataError(f"{path}: a feature of row {row + 1} is not finite")
    if isinstance(labels, Tensor) and not labels.isfinite().all():
        row = int((~labels.isfinite()).view(rows, -1).any(1).nonzero()[0, 0])
        raise DataError(f"{path}: the label of row {row + 1} is not finite")
    try:
        y = encode(labels)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None

    train, test = divide(rows, seed)
    # keep if mse
    y = scale_targets(y, train)
    # end
    x = standardise(x, train)
    return Split(*(part.to(device) for part in (x[train], y[train], x[test], y[test])))


# end
def divide(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """The rows to train on, and the fifth that is held out: those of one seed are always these."""
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    held_out = max(1, rows // 5)
    return order[held_out:], order[:held_out]


# keep if mse or not stream
def standardise(values: Tensor, train: Tensor) -> Tensor:
    """Columns shifted and scaled by the mean and deviation of their ``train`` rows."""
    known = values[train].double()
    mean, deviation = known.mean(0), known.std(0, correction=0)
    # A constant column deviates by rounding alone.
    deviation[deviation <= 1e-9 * mean.abs()] = 1.0
    return ((values.double() - mean) / deviation).float()


# end
