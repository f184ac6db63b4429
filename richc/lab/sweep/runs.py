"""What a sweep trains, and what comes of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from richc.lab.growth import Growth
from richc.spec.model import Model

#: Hyperparameters that may be swept: the optimizer's learning rate, a factor on every init std,
#: the prefactor of alpha, and the momentum (beta1 for optimizers that have betas).
LR, INIT, GAMMA, MOMENTUM = "lr", "init", "gamma", "momentum"
PARAMETERS = (LR, INIT, GAMMA, MOMENTUM)

#: What steps take that does not depend on the width, in weights; measured in stacks on a CPU.
_WEIGHTS_OF_A_STEP = 30_000


class Point(NamedTuple):
    """One training; ``width`` is the depth in a sweep over depths."""

    width: int
    value: float
    seed: int


class Run(NamedTuple):
    """A training that is done: losses and scores (accuracy, R^2) on both parts of the data.

    What is not finite is None: with such a loss, the training diverged.
    """

    point: Point
    train_loss: float | None
    test_loss: float | None
    train_score: float | None
    test_score: float | None

    @property
    def loss(self) -> float:
        """On the training examples; inf where it diverged."""
        return math.inf if self.train_loss is None else self.train_loss


class Task(NamedTuple):
    """Trainings of one width that are done together."""

    points: tuple[Point, ...]

    @property
    def width(self) -> int:
        return self.points[0].width


class Job(NamedTuple):
    """What all trainings of a sweep share.  It can be sent to another process or machine."""

    #: The emitted program, and what it is the program of.
    program: str
    spec: Model
    #: Where the data are from, for messages, and what the program's reader made of them.
    path: Path
    table: Any
    parameter: str
    #: The optimizer's learning rate where that is not what is swept; None is the file's.
    lr: float | None
    steps: int
    batch: int
    schedule: str
    warmup: float
    #: fp32 or bf16: a gradient scaler belongs to one training, and fp16 is trained in fp32.
    precision: str
    #: cpu or cuda.
    device: str
    #: What its networks differ in: the width, or the depth at the file's width.
    over: Growth = Growth.WIDTH

    def at(self, size: int) -> Model:
        """The model of a width, or of a depth."""
        return self.over.at(self.spec, size)


def weights(spec: Model) -> int:
    """How many weights the network has."""
    layers = (spec.layers[index] for index in spec.unrolled)
    n = spec.width
    return sum(layer.fan_in.at(n) * layer.fan_out.at(n) for layer in layers)


def cost(spec: Model) -> int:
    """What a training takes, up to a constant: its steps cost something however few weights."""
    return _WEIGHTS_OF_A_STEP + weights(spec)
