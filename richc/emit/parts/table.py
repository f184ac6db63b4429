# ruff: noqa: T201 - the emitted program talks to its user
"""Part: tables of numbers and words, and labels as what the loss takes."""

from __future__ import annotations

import argparse
import gzip
import math
import sys

import numpy as np
import torch
from torch import Tensor

OUTPUTS = 10
MISSING, UNPACKED_BYTES = ("",), 1 << 30


# ---- emitted from here on ----


def number(text: str) -> float:
    """A number, or a ratio such as 1/2; nan for words."""
    over, _, under = text.partition("/")
    try:
        return float(over) / float(under or 1)
    except (ValueError, ZeroDivisionError):
        return math.nan


def find(names: list[str], wanted: str) -> list[int]:
    """Places of columns by name or 0-based number, several with commas between."""
    places = {str(i): i % len(names) for i in range(-len(names), len(names))}
    places |= {name: i for i, name in enumerate(names)}
    words = [wanted] if wanted in places else [word.strip() for word in wanted.split(",")]
    if any(word not in places or names.count(word) > 1 for word in words):
        raise ValueError(f"there is no column {wanted[:40]!a} or two ({', '.join(names)[:200]!a})")
    return [places[word] for word in words]


def read_csv(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of a table; a column of words becomes one of 0 and 1 for each word."""
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
    cells = np.char.strip(np.loadtxt(lines, str, None, comma, quotechar='"', ndmin=2))
    values = np.vectorize(number, otypes=[float])(cells)
    empty = np.isin(np.char.lower(cells), MISSING)
    words = np.isnan(values) & ~empty
    # The first row has names where a word stands above a number, or where no word comes again.
    named = (words[0] & ~np.isnan(values[1])).any()
    named = named or not (~words[0] | (cells[1:] == cells[0])).any()
    names = [str(name) for name in (cells[0] if named else range(len(cells[0])))]
    cells, values, empty, words = (part[int(named) :] for part in (cells, values, empty, words))
    targets = find(names, "-1" if options.target is None else options.target)
    ignored = find(names, options.ignore) if options.ignore else []
    inputs = [i for i in range(len(names)) if i not in targets + ignored]
    gaps, columns = empty[:, inputs + targets].any(1), [values[:, :0]]
    if gaps.any() and options.missing == "error":
        raise ValueError(f"a gap in row {gaps.argmax() + 1} (--missing drop: {gaps.sum()} less)")
    if gaps.any():
        print(f"left out {gaps.sum()} rows with missing values", file=sys.stderr)
    for i in inputs:
        row, name = words[:, i].argmax(), f"column {names[i][:40]!a}"
        if words[row, i] and not (words | empty)[:, i].all():
            raise ValueError(f"row {row + 1}, {name}: {cells[row, i][:40]!a} is no number")
        kinds = np.unique(cells[words[:, i] & ~gaps, i])
        if len(kinds):
            print(f"{name} becomes {len(kinds)} inputs, one for each word", file=sys.stderr)
        columns.append(cells[:, [i]] == kinds if len(kinds) else values[:, [i]])
    labels = (cells if words[:, targets].any() else values)[~gaps][:, targets]
    return np.hstack(columns)[~gaps], labels[:, 0] if len(targets) == 1 else labels


def encode(labels: np.ndarray) -> Tensor:
    # keep if cross_entropy
    """Class numbers (rows,): integers from 0 as they are, other labels in their sorted order."""
    # end
    # keep if mse
    """Targets (rows, outputs); where there is one label a row, its class as one-hot booleans."""
    given = labels[:1].size
    if labels.dtype.kind == "f" and given == OUTPUTS:
        if (labels == labels[:1]).all():
            raise ValueError("all targets are the same")
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
        print(f"classes 0, 1, ... are {', '.join(map(ascii, classes.tolist()))}", file=sys.stderr)
    # keep if mse
    numbers = np.eye(OUTPUTS, dtype=bool)[numbers]
    # end
    return torch.from_numpy(numbers)
