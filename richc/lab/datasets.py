"""What a data file holds, as ``richc init`` asks: read by the reader of the program that trains."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np

from richc.compilation import program
from richc.diagnostics import RichError
from richc.lab.program import Program, Table
from richc.pipeline import ModelResult, analyse

#: Rows that a class has at least, on average, where integers are taken for classes.
_ROWS_A_CLASS = 10
_TABLES = (".csv", ".csv.gz")
#: A model whose program reads; of its sizes nothing is used.
_READER = """\
model reader {
  width n = 2
  parameterization mup
  input 1
  body: dense -> n
  relu
  head: dense -> 2
  optimizer sgd
  loss mse
}
"""


class Choice(NamedTuple):
    """What is to be read of a file, as on the command line of a training; ``loss`` if it is set."""

    path: Path
    target: str | None
    ignore: str | None
    loss: str | None


class Dataset(NamedTuple):
    """What a model has to fit."""

    rows: int
    inputs: int
    outputs: int
    #: ``cross_entropy`` for classes, ``mse`` for numbers.
    loss: str
    #: The labels' column or key, where it has a name.
    target: str | None
    #: Whether rows with missing or infinite values are left out of ``rows``.
    is_incomplete: bool
    table: Table


def describe(choice: Choice) -> Dataset:
    """Sizes, and whether labels are classes or numbers.  Raises RichError.

    Labels are classes where they are words, have two values, or are the integers 0, 1, ... or 1,
    2, ... with ten rows a class or more.
    """
    path = choice.path
    if path.is_fifo() or path.is_dir():
        raise RichError(f"{path}: not a file")
    result = analyse(_READER).models[0]
    reader = Program(program(result, ["options"]), result.spec)
    table = reader.table(path, choice.target, choice.ignore)
    x, labels, names = table
    # A number is the name of a column without one: the last, which needs no name.
    is_named = path.name.lower().endswith(_TABLES) and not names[0].isdecimal()
    target = choice.target or (names[0] if is_named else None)
    lost = ~np.isfinite(x).all(1) | reader.module.lost(labels)
    x, labels = x[~lost], labels[~lost]
    if not x.shape[1]:
        raise RichError(f"{path}: no column besides the labels")
    if not len(x):
        raise RichError(f"{path}: no rows without missing values")
    if labels[:1].size > 1:
        if labels.dtype.kind != "f" or choice.loss == "cross_entropy":
            raise RichError(f"{path}: class labels must be one column")
        return Dataset(len(x), x.shape[1], labels[:1].size, "mse", target, bool(lost.any()), table)
    labels = labels.reshape(len(labels))
    classes = np.unique(labels)
    if len(classes) < 2:
        raise RichError(f"{path}: all labels are the same")
    is_classes = (
        labels.dtype.kind != "f"
        or len(classes) == 2
        or (
            any((classes == np.arange(len(classes)) + first).all() for first in (0, 1))
            and len(classes) * _ROWS_A_CLASS <= len(labels)
        )
    )
    loss = choice.loss or ("cross_entropy" if is_classes else "mse")
    is_numbers = loss == "mse" and labels.dtype.kind == "f"
    outputs = 1 if is_numbers else len(classes)
    return Dataset(len(x), x.shape[1], outputs, loss, target, bool(lost.any()), table)


def refuse_unloadable(result: ModelResult, choice: Choice, dataset: Dataset) -> None:
    """Raises RichError for what the model's program would refuse of the data."""
    chosen = Program(program(result, ["options"]), result.spec)
    chosen.read_no_more(dataset.table)
    missing = "drop" if dataset.is_incomplete else "error"
    options = argparse.Namespace(data=choice.path, missing=missing, seed=0)
    try:
        chosen.module.load(options)
    except ValueError as error:
        raise RichError(" ".join(str(error).split())) from None
