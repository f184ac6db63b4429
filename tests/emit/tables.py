"""A small table of data, and models that learn it, for the tests of the emitted program."""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from richc.spec.model import Model

Load = Callable[[Model], ModuleType]
ReadModel = Callable[[str], Model]
Captured = pytest.CaptureFixture[str]

MODEL = """
model {name} {{
  width n = 16
  parameterization mup
  input 3
  embed: dense -> n {{ bias {{ std = 1 }} }}
  tanh
  head: dense -> {outputs}
  optimizer adam {{ lr = 0.1 }}
  loss {loss}
  train {{ steps = 20, batch = 8 {train} }}
}}
"""

ROWS = 60


class Split(NamedTuple):
    """What a program makes of a file: standardised features and encoded labels."""

    train_x: torch.Tensor
    train_y: torch.Tensor
    test_x: torch.Tensor
    test_y: torch.Tensor


def chosen(path: Path, target: str | None = None, seed: int = 0) -> argparse.Namespace:
    """The options of a program that say what of a file it reads."""
    return argparse.Namespace(data=path, target=target, ignore=None, missing="error", seed=seed)


def split_of(module: ModuleType, path: Path, seed: int = 0) -> Split:
    return Split(*module.load(chosen(path, seed=seed)))


def table() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Features of very different sizes, one constant; three classes that the first decides."""
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, 3)) * [1.0, 1000.0, 0.0] + [0.0, 5.0, 0.1]
    return x, np.digitize(x[:, 0], [-0.4, 0.4])


def csv_text(header: str = "a,b,c,kind\n", separator: str = ",") -> str:
    x, y = table()
    rows = [[*map(repr, map(float, row)), str(k)] for row, k in zip(x, y, strict=True)]
    return header.replace(",", separator) + "".join(separator.join(r) + "\n" for r in rows)


FORMATS = ("csv", "csv.gz", "npz", "npz:packed", "npz:words", "pt", "pt:pair", "safetensors")


def write(folder: Path, kind: str) -> Path:
    """The table in one of ``FORMATS``."""
    x, y = table()
    path = folder / f"data.{kind.partition(':')[0]}"
    tensors = {"x": torch.tensor(x), "y": torch.tensor(y)}
    if kind == "csv":
        path.write_text(csv_text())
    elif kind == "csv.gz":
        path.write_bytes(gzip.compress(csv_text("").encode()))
    elif kind == "npz":
        np.savez(path, x=x, y=y)
    elif kind == "npz:packed":
        np.savez_compressed(path, features=np.asfortranarray(x.astype("f2")), labels=y.astype("u1"))
    elif kind == "npz:words":
        np.savez(path, data=x.astype("f4"), target=np.array(["low", "middle", "high"])[y])
    elif kind == "pt":
        torch.save(tensors, path)
    elif kind == "pt:pair":
        torch.save((tensors["x"].view(ROWS, 3, 1), tensors["y"]), path)
    else:
        save_file({"x": tensors["x"].to(torch.bfloat16), "y": tensors["y"]}, path)
    return path


def final(captured: Captured) -> dict[str, float]:
    """The numbers of the last line of stdout: train and held-out loss, and the training score."""
    words = captured.readouterr().out.splitlines()[-1].split()
    assert [words[0], words[1], words[5], words[6]] == ["train", "loss", "held-out", "loss"]
    return {"train": float(words[2]), words[3]: float(words[4]), "test": float(words[7])}
