"""Part: data from a file, checked, standardised, divided."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from richc.emit.parts.arrays import read_arrays
from richc.emit.parts.stream import open_rows, standardise
from richc.emit.parts.table import encode, read_csv

FEATURES = 64

# ---- emitted from here on ----


# keep if features
@contextlib.contextmanager
def refused_for(what: str) -> Iterator[None]:
    """Says of what goes wrong what it goes wrong with, as a ValueError: ``main`` prints a line."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever a library comes to
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ValueError(f"{what}: {reason}") from None


# end
def load(options: argparse.Namespace) -> list[Tensor]:
    """Features and targets to train on, and held-out ones: a fifth of the rows, by the seed."""
    try:
        # keep if not stream
        # keep if options
        if options.data.is_fifo():
            raise ValueError("a pipe, not a file")
        is_csv = options.data.name.lower().endswith((".csv", ".csv.gz"))
        found, labels = (read_csv if is_csv else read_arrays)(options)
        # end
        # keep if not options
        found, labels = read_csv(options)
        # end
        rows, inputs = found.shape
        # end
        # keep if stream
        x, labels = open_rows(options)
        rows, inputs = len(x), x.columns
        # end
        if inputs != FEATURES or rows < 4:
            few = f"{rows} rows are too few"
            raise ValueError(few if inputs == FEATURES else f"{inputs} features, not {FEATURES}")
        # keep if stream
        y = encode(labels)
        if rows != len(y):
            raise ValueError(f"{rows} rows of features and {len(y)} labels")
        wrong = ~y.reshape(rows, -1).isfinite().all(1)
        # end
        # keep if not stream
        x, y = torch.from_numpy(found).float().double(), encode(labels)
        wrong = ~torch.hstack([x, y.reshape(rows, -1)]).isfinite().all(1)
        # end
        if wrong.any():
            raise ValueError(f"row {wrong.int().argmax() + 1} has a value that is not finite")
        order = torch.randperm(rows, generator=torch.Generator().manual_seed(options.seed))
        test, train = order[: max(2, rows // 5)], order[max(2, rows // 5) :]
        # keep if stream
        x = standardise(x, train, options.statistics_rows)
        # end
    except Exception as error:  # noqa: BLE001 - whatever a library comes to
        raise ValueError(f"{options.data}: {str(error)[:400] or type(error).__name__}") from None
    # keep if mse
    if y.dtype != torch.bool:
        y = (y - y[train].mean(0)) / y[train].std(0, correction=0).clamp(min=1e-30)
    y = y.float()
    # end
    # keep if not stream
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
