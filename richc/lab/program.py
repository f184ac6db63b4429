"""An emitted program as a module in this process, and a batch to train it on."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, final

import numpy as np
import torch
from torch import Tensor, nn

from richc.diagnostics import RichError
from richc.emit.names import class_name
from richc.lab.growth import Growth
from richc.spec.declared_values import as_float
from richc.spec.model import Model

#: Of random data: the same at every width, and in every run.
_DATA_SEED = 20_241_008


class Batch(NamedTuple):
    """Inputs (B, d) in double precision, and targets (B,) or (B, k)."""

    x: Tensor
    y: Tensor
    #: Where they are from, for the report.
    source: str


class Halves(NamedTuple):
    """Examples to train on and held-out ones, in single precision."""

    x: Tensor
    y: Tensor
    held_out_x: Tensor
    held_out_y: Tensor
    source: str


class Table(NamedTuple):
    """All of a file, as the program's reader has it."""

    #: (rows, inputs).
    x: np.ndarray
    #: (rows,) or (rows, targets); numbers, or words.
    labels: np.ndarray
    #: Of the columns or the array of labels; of a table without names their 0-based numbers.
    names: list[str]


class Split(NamedTuple):
    """Examples to train on and held-out ones: standardised features, encoded labels."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor


@final
class Program:
    """The module that ``text`` defines.  ``text`` is richc's own output, and nothing else's.

    A *size* is of what grows: a width, or a depth at the model's own width.
    """

    def __init__(self, text: str, model: Model, over: Growth = Growth.WIDTH) -> None:
        self.module = ModuleType(model.name)
        # A program looks for data beside itself, unless it is told where they are.
        self.module.__file__ = f"{model.name}.py"
        self.spec = model
        self.over = over
        # Only what emit_program made comes here; names in it were checked twice.
        exec(compile(text, f"<{model.name}>", "exec"), self.module.__dict__)  # noqa: S102
        self._class: Any = getattr(self.module, class_name(model.name))

    @property
    def is_linear(self) -> bool:
        """Whether updates are linear in weights and gradients."""
        return not any(one.law.ignores_gradient_size for one in self.spec.optimizers)

    def at(self, size: int) -> Model:
        """The model of that size."""
        return self.over.at(self.spec, size)

    def build(self, size: int, **options: Any) -> nn.Module:
        """A network as the program builds it, drawn with torch's own generator."""
        spec = self.at(size)
        if spec.depth is not None:
            options["depth"] = spec.depth.value
        model: nn.Module = self._class(width=spec.width, **options)
        return model

    def network(self, size: int, device: torch.device | str = "cpu", **options: Any) -> nn.Module:
        """A network whose tensors hold nothing in particular."""
        # On the meta device, drawing costs nothing.
        return self.build(size, device="meta", **options).to_empty(device=device)

    def network_at(self, width: int, richness: float, gamma: float, seed: int) -> nn.Module:
        """A network drawn by a seed.  Raises ValueError for what the program refuses."""
        model = self.network(width, richness=richness, gamma=gamma)
        model.reset_parameters(torch.Generator().manual_seed(seed))  # type: ignore[operator]
        return model

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        value: Tensor = self.module.loss_of(outputs, targets)
        return value

    def batch(self, size: int, path: Path | None, target: str | None) -> Batch:
        """``size`` training examples of a file, or random ones of the model's shape.

        Random inputs are standard normal, targets random classes or standard normal.  Raises
        RichError.
        """
        if path is not None:
            return self._read(size, path, target)
        generator = torch.Generator().manual_seed(_DATA_SEED)
        outputs = self.spec.layers[-1].fan_out.factor
        if self.spec.is_token_input:
            x = torch.randint(0, self.spec.input_dim, (size,), generator=generator)
        else:
            x = torch.randn(size, self.spec.input_dim, generator=generator, dtype=torch.float64)
        if self.spec.loss == "cross_entropy":
            y = torch.randint(0, outputs, (size,), generator=generator)
        else:
            y = torch.randn(size, outputs, generator=generator, dtype=torch.float64)
        return Batch(x, y, "random data")

    def halves(self, size: int, held_out: int, path: Path | None, target: str | None) -> Halves:
        """At most ``size`` training examples and ``held_out`` others, as ``batch`` has them.

        Raises RichError.
        """
        if path is None:
            x, y, source = self.batch(size + held_out, None, None)
            x, y = x.float(), y if self.spec.loss == "cross_entropy" else y.float()
            return Halves(x[:size], y[:size], x[size:], y[size:], source)
        data = self.learnable(path, target)
        x, y = data.train_x[:size], data.train_y[:size]
        return Halves(x, y, data.test_x[:held_out], data.test_y[:held_out], path.name)

    def _read(self, size: int, path: Path, target: str | None) -> Batch:
        data = self.learnable(path, target)
        y = data.train_y[:size]
        y = y if self.spec.loss == "cross_entropy" else y.double()
        x = data.train_x[:size]
        return Batch(x if self.spec.is_token_input else x.double(), y, path.name)

    def table(self, path: Path, target: str | None, ignore: str | None = None) -> Table:
        """What the program's reader makes of a file.  Raises RichError."""
        module = self.module
        is_csv = path.name.lower().endswith((".csv", ".csv.gz"))
        try:
            read = module.read_csv if is_csv else module.read_arrays
            return Table(*read(_chosen(path, target, ignore=ignore)))
        except Exception as error:  # noqa: BLE001 - whatever a file that lies leads to
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise RichError(f"{path}: {reason or type(error).__name__}") from None

    def read_no_more(self, table: Table) -> None:
        """Have the program take what was read of a file, whichever it is asked to read."""
        vars(self.module)["read_csv"] = vars(self.module)["read_arrays"] = lambda _: table

    def split(self, path: Path, target: str | None, seed: int = 0) -> Split:
        """The program's own division of a file's rows.  Raises RichError."""
        try:
            return Split(*self.module.load(_chosen(path, target, seed)))
        except ValueError as error:
            raise RichError(" ".join(str(error).split())) from None

    def learnable(self, path: Path, target: str | None, seed: int = 0) -> Split:
        """As ``split``.  Raises RichError for a single example, too, and where no feature varies.

        Of one example, standardised, every feature is 0, and R^2 is 0/0.
        """
        data = self.split(path, target, seed)
        if len(data.train_x) < 2:
            raise RichError(
                f"{path}: 2 rows are too few: one is held out, and one example has no spread"
            )
        if not data.train_x.square().sum():
            raise RichError(f"{path}: every feature is constant")
        return data


def _chosen(
    path: Path, target: str | None, seed: int = 0, ignore: str | None = None
) -> argparse.Namespace:
    """What the program's command line would say of its data."""
    return argparse.Namespace(data=path, target=target, ignore=ignore, missing="error", seed=seed)


def seed_of(*names: object) -> int:
    """What a network of these names, such as its width and number, is drawn by."""
    # torch's generator on the CPU takes 32 bits.
    name = " ".join(map(str, names)).encode()
    return int.from_bytes(hashlib.blake2s(name, digest_size=4).digest(), "little")


def rate_of(spec: Model) -> float:
    """The first optimizer's own learning rate."""
    return as_float(spec, spec.optimizer.lr)
