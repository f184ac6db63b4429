"""What a data file holds, as ``richc init`` asks: read by the reader of the program that trains."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from richc.compilation import program
from richc.lab.program import DataProblem, Program
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
    #: All features (rows, inputs) and labels, as the reader has them.
    table: tuple[np.ndarray, np.ndarray]


@final
class _TableReader:
    """The program's reader, which also notes how the columns are called."""

    def __init__(self) -> None:
        result = analyse(_READER)
        text = program(result.models[0], ["options"])
        self.program = Program(text, result.models[0].spec)
        self.names: list[str] = []
        self.find = self.program.module.find_columns
        vars(self.program.module)["find_columns"] = self._found

    def _found(self, names: list[str], wanted: str) -> list[int]:
        self.names = names
        places: list[int] = self.find(names, wanted) if wanted else [len(names) - 1]
        return places

    def read(self, choice: Choice) -> tuple[np.ndarray, np.ndarray, str | None]:
        """Features (rows, inputs), labels, and the labels' name.  Raises DataProblem."""
        module, path = self.program.module, choice.path
        is_array = not path.name.lower().endswith(_TABLES)
        # An empty name is the last column, and has the names looked up.
        target = choice.target if is_array else choice.target or ""
        options = argparse.Namespace(data=path, target=target, ignore=choice.ignore)
        try:
            x, labels = (module.read_arrays if is_array else module.read_csv)(options)
        except Exception as error:  # noqa: BLE001 - whatever a file that lies leads to
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise DataProblem(f"{path}: {reason or type(error).__name__}") from None
        if choice.target is not None or is_array:
            return x, labels, choice.target
        is_named = self.names != [str(i) for i in range(len(self.names))]
        return x, labels, self.names[-1] if is_named else None


def describe(choice: Choice) -> Dataset:
    """Sizes, and whether labels are classes or numbers.  Raises DataProblem.

    Labels are classes where they are words, have two values, or are the integers 0, 1, ... or 1,
    2, ... with ten rows a class or more.
    """
    path = choice.path
    if path.is_fifo() or path.is_dir():
        raise DataProblem(f"{path}: not a file")
    reader = _TableReader()
    x, labels, target = reader.read(choice)
    table = x, labels
    lost = ~np.isfinite(x).all(1) | reader.program.module.lost(labels)
    x, labels = x[~lost], labels[~lost]
    if not x.shape[1]:
        raise DataProblem(f"{path}: no column besides the labels")
    if not len(x):
        raise DataProblem(f"{path}: no rows without missing values")
    if labels[:1].size > 1:
        if labels.dtype.kind != "f" or choice.loss == "cross_entropy":
            raise DataProblem(f"{path}: class labels must be one column")
        return Dataset(len(x), x.shape[1], labels[:1].size, "mse", target, bool(lost.any()), table)
    labels = labels.reshape(len(labels))
    classes = np.unique(labels)
    if len(classes) < 2:
        raise DataProblem(f"{path}: all labels are the same")
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
    """Raises DataProblem for what the model's program would refuse of the data."""
    chosen = Program(program(result, ["options"]), result.spec)
    chosen.read_no_more(dataset.table)
    missing = "drop" if dataset.is_incomplete else "error"
    options = argparse.Namespace(data=choice.path, missing=missing, seed=0)
    try:
        chosen.module.load(options)
    except ValueError as error:
        raise DataProblem(" ".join(str(error).split())) from None
