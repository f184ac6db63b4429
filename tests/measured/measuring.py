"""Measure what a compiled program does when it trains, and fit its exponents of n.

Everything goes through the public API: ``richc.check`` says what should happen, ``richc.compile``
makes what happens.  The measurement itself knows no exponents.

A *size* is the natural logarithm of an RMS over a batch; an exponent is the least-squares slope of
sizes, averaged over seeds, against log n.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

import richc
from richc.algebra.sizes import largest
from richc.pipeline import analyse
from richc.report import schema
from tests.emit import tables

DIGITS = Path(__file__).parents[2] / "examples" / "digits.csv.gz"

WIDTHS = (64, 128, 256, 512, 1024)
#: Muon's products of n x n matrices cost a hundred times as much as all the rest.
WIDTHS_OF_MUON = (64, 128, 256, 512)
SEEDS = (0, 1, 2)
INPUTS, OUTPUTS, BATCH = 8, 4, 8

#: A slope over a factor of 16 in width is not yet the exponent of the limit.  Corrections of
#: relative size n^(-1/2), and sums of terms whose exponents differ by 1/2, bend the curve: by less
#: than 0.12 wherever it was tried, and noise over three seeds adds at most 0.07.  What has to be
#: told apart differs by 1/4 or more on the scale, by 1/2 in the knocked-off specs.
TOLERANCE = 0.2

Loss = Callable[[Tensor, Tensor], Tensor]


class Sizes(NamedTuple):
    """One network at one width: logarithms of RMS, a layer each; the last layer's h is f."""

    h: list[float]
    #: The change of the representation in one later step.
    dh: list[float]
    #: The change of the output when this layer alone takes its share of that step.
    df: list[float]


class Row(NamedTuple):
    """An exponent of one layer: reported, and fitted."""

    layer: str
    quantity: str
    predicted: float
    measured: float
    #: The first step's exponent where signals that fade at init grow: how far they are after a few
    #: steps depends on the rate, at every width that is measured.
    since: float | None = None

    @property
    def error(self) -> float:
        if self.predicted == self.measured:  # Both may be -inf.
            return 0.0
        since = self.predicted if self.since is None else self.since
        error = max(since - self.measured, self.measured - self.predicted, 0.0)
        return math.inf if math.isnan(self.measured) or math.isnan(error) else error

    def __str__(self) -> str:
        return (
            f"{self.layer:>8} {self.quantity:<2}  predicted {self.predicted:+.3f}  "
            f"measured {self.measured:+.3f}"
        )


def load(text: str, *features: str) -> ModuleType:
    """The compiled program, as a module."""
    module = ModuleType("program")
    exec(richc.compile(text, allow_violations=True, features=features), module.__dict__)
    return module


def report_on(text: str) -> tuple[schema.Model, list[schema.Diagnostic]]:
    (file,) = richc.check(text).files
    (model,) = file.models
    return model, file.diagnostics


def network(module: ModuleType, width: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = module.Net(width=width, dtype=torch.float64)
    assert isinstance(model, nn.Module)
    return model


def optimizer_of(model: nn.Module, lr: float | None = None) -> torch.optim.Optimizer:
    optimizer = model.make_optimizer(lr)  # type: ignore[operator]
    assert isinstance(optimizer, torch.optim.Optimizer)
    return optimizer


def dense_layers(module: ModuleType, model: nn.Module) -> list[nn.Module]:
    return [layer for layer in model.modules() if isinstance(layer, module.Dense)]


def weights(layers: Sequence[nn.Module]) -> list[nn.Parameter]:
    found = [layer.weight for layer in layers]
    assert all(isinstance(weight, nn.Parameter) for weight in found)
    return found  # type: ignore[return-value]


def batches(seed: int, count: int, size: int = BATCH) -> list[tuple[Tensor, Tensor]]:
    """Inputs and classes; the same at every width."""
    generator = torch.Generator().manual_seed(1000 + seed)
    return [
        (
            torch.randn(size, INPUTS, generator=generator, dtype=torch.float64),
            torch.randint(0, OUTPUTS, (size,), generator=generator),
        )
        for _ in range(count)
    ]


def cross_entropy(outputs: Tensor, classes: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs, classes)


def linear(outputs: Tensor, classes: Tensor) -> Tensor:
    """For outputs that explode, and saturate a softmax or blow up a squared error.

    The calculus takes the loss's derivative as of order one, and this one's always is.
    """
    signs = 1 - 2 * nn.functional.one_hot(classes, OUTPUTS)
    return (signs * outputs).mean()


def gradient(model: nn.Module, x: Tensor, y: Tensor, loss: Loss = cross_entropy) -> float:
    """Fill in the gradients and return the loss."""
    model.zero_grad()
    value = loss(model(x), y)
    value.backward()
    return value.item()


@contextmanager
def recording(layers: Sequence[nn.Module]) -> Iterator[list[Tensor]]:
    """Collect the outputs of the layers."""
    found: list[Tensor] = []

    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        found.append(output.detach())

    handles = [layer.register_forward_hook(hook) for layer in layers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def representations(model: nn.Module, layers: Sequence[nn.Module], x: Tensor) -> list[Tensor]:
    with recording(layers) as found:
        model(x)
    return found


def log_rms(value: Tensor) -> float:
    rms = value.square().mean().sqrt().item()
    return math.log(rms) if rms else -math.inf


def sizes(
    module: ModuleType,
    width: int,
    seed: int,
    lr: float | None = None,
    *,
    steps: int = 2,
    loss: Loss = cross_entropy,
) -> Sizes:
    """Sizes at init, and in the last of ``steps`` steps; each step has a batch of its own."""
    model = network(module, width, seed)
    layers = dense_layers(module, model)
    optimizer = optimizer_of(model, lr)
    *earlier, (x, y) = batches(seed, steps)
    at_init = representations(model, layers, x)
    for x_before, y_before in earlier:
        gradient(model, x_before, y_before, loss)
        optimizer.step()

    before = representations(model, layers, x)
    old = [[p.detach().clone() for p in layer.parameters()] for layer in layers]
    gradient(model, x, y, loss)
    optimizer.step()
    after = representations(model, layers, x)
    new = [[p.detach().clone() for p in layer.parameters()] for layer in layers]

    shares = []
    for chosen in range(len(layers)):
        for index, layer in enumerate(layers):
            values = new[index] if index == chosen else old[index]
            for parameter, value in zip(layer.parameters(), values, strict=True):
                parameter.data = value
        with torch.no_grad():
            shares.append(log_rms(model(x) - before[-1]))
    return Sizes(
        [log_rms(h) for h in at_init],
        [log_rms(new_h - old_h) for old_h, new_h in zip(before, after, strict=True)],
        shares,
    )


def slope(widths: Sequence[int], values: Sequence[float]) -> float:
    """The least-squares slope of ``values`` against log n."""
    if all(value == -math.inf for value in values):
        return -math.inf
    x = [math.log(n) for n in widths]
    center = sum(x) / len(x)
    weight = sum((a - center) ** 2 for a in x)
    return sum((a - center) * b for a, b in zip(x, values, strict=True)) / weight


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def fit(
    text: str,
    *,
    lr: float | None = None,
    widths: Sequence[int] = WIDTHS,
    seeds: Sequence[int] = SEEDS,
    steps: int = 2,
    loss: Loss = cross_entropy,
) -> list[Row]:
    """Every exponent of the report that is evaluated, beside its measurement."""
    module = load(text)
    model, _ = report_on(text)
    measured = [
        [sizes(module, width, seed, lr, steps=steps, loss=loss) for seed in seeds]
        for width in widths
    ]
    rows = []
    first, later = analyse(text).models[0].verdict.flow
    grows = any(one.source != other.source for one, other in zip(first, later, strict=True))
    for index, layer in enumerate(model.layers):
        begins = {"dh": first[index].dh, "df": largest(first[index].df, first[index].bias_df)}
        for quantity in Sizes._fields:
            predicted = getattr(layer, quantity)
            if predicted is None:
                continue
            points = [mean([getattr(one, quantity)[index] for one in found]) for found in measured]
            exponent = -math.inf if predicted == "-inf" else float(Fraction(predicted))
            since = begins.get(quantity) if grows else None
            known = float(since) if isinstance(since, Fraction) else None
            rows.append(Row(layer.name, quantity, exponent, slope(widths, points), known))
    return rows


def gentle_rate(
    text: str, widths: Sequence[int], start: float, loss: Loss = cross_entropy
) -> float:
    """A learning rate under which steps are small changes at all widths, even exploding ones.

    Exponents do not depend on it; a step that is no longer small would measure the activation.
    """
    module = load(text)
    lr = start
    for _ in range(4):
        excess = 0.0
        for width in (widths[0], widths[-1]):
            found = sizes(module, width, SEEDS[0], lr, loss=loss)
            *hidden, output = zip(found.h, found.dh, strict=True)
            excess = max(excess, *(10 * math.exp(min(dh - h, 600.0)) for h, dh in hidden))
            if loss is not linear:
                excess = max(excess, 3 * math.exp(min(output[1], 600.0)))
        if excess <= 1.5:
            break
        lr /= excess
    return lr


def disagreements(text: str, rows: Sequence[Row], tolerance: float = TOLERANCE) -> str:
    """What a failing test shows: empty when all rows agree."""
    wrong = [str(row) for row in rows if not row.error <= tolerance]
    return "\n".join([*wrong, text]) if wrong else ""


def trained_on_digits(
    text: str, seed: int, steps: int, look: Callable[[int, nn.Module], None] | None = None
) -> float:
    """The loss on the examples' digits after so many batches of 64 (the module is ``Net``).

    ``look`` sees each step's number and the network, with the gradients of that step.
    """
    module = load(text, "options")
    x, y = _digits(module)
    torch.manual_seed(seed)
    net = module.Net()
    optimizer = net.make_optimizer()
    for step in range(steps):
        rows = torch.randint(0, len(x), (64,))
        loss = functional.cross_entropy(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        if look is not None:
            look(step, net)
        optimizer.step()
    with torch.no_grad():
        return float(functional.cross_entropy(net(x), y))


_read: list[tuple[Tensor, Tensor]] = []


def _digits(module: ModuleType) -> tuple[Tensor, Tensor]:
    """Examples and classes to train on, as every program reads them: once for all."""
    if not _read:
        x, y, *_ = module.load(tables.chosen(DIGITS, "digit"))
        _read.append((x, y))
    return _read[0]
