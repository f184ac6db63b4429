"""The resolved specification as JSON, version 1: pydantic models, which are also its schema."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from richc._version import __version__
from richc.algebra import monomial as exact
from richc.algebra.formula import Symbols, rich_formula
from richc.pipeline import FileResult
from richc.report.strict import Strict
from richc.spec import model as spec


class Power(Strict):
    """``base ^ (const + slope * r)``; rationals are strings."""

    base: int | str = Field(description="a prime (or large) factor, or n, n0, gamma")
    const: str
    slope: str


class Monomial(Strict):
    """An exact product of powers; no powers and ``zero`` for 0."""

    formula: str
    zero: bool
    powers: list[Power]


class Dim(Strict):
    """``factor``, or ``factor / over * n`` where ``wide``."""

    factor: int
    wide: bool
    over: int = Field(1, description="what every width is a multiple of")


class Activation(Strict):
    name: str
    slope: str | None


class Tensor(Strict):
    """One trained tensor: absolute decay and eps; the rate is a factor of the optimizer's."""

    scale: Monomial
    std: Monomial
    lr: Monomial
    decay: Monomial
    eps: Monomial | None
    frozen: bool


class Layer(Strict):
    name: str
    role: Literal["read-in", "hidden", "read-out", "branch", "branch-last", "vector"]
    fan_in: Dim
    fan_out: Dim
    weight: Tensor
    bias: Tensor | None
    dist: Literal["normal", "uniform", "trunc_normal", "orthogonal"]
    activation: Activation | None


class Optimizer(Strict):
    name: str
    lr: Monomial
    options: dict[str, bool | str | list[str]]


class Train(Strict):
    data: str | None
    target: str | None
    steps: int | None
    batch: int | None
    precision: str | None
    schedule: str | None
    warmup: str | None = Field(description="steps, or a share of them below 1")
    seed: int | None


class Requirement(Strict):
    kind: Literal["point", "gauge", "regime", "equivalent", "depth"]
    value: str
    richness: str | None


class Model(Strict):
    """What a model is, independent of how it is written."""

    name: str
    width: int
    base_width: int | None
    richness: str | None
    #: Lowest and highest richness, where an interval is declared.
    richness_interval: tuple[str, str] | None
    gamma: str
    parameterization: str | None
    gauge: str | None
    input: int
    layers: list[Layer]
    optimizer: Optimizer
    loss: Literal["mse", "cross_entropy"]
    train: Train
    require: list[Requirement]
    features: list[str] = Field(description="what the compiled program has beside the default")


class SpecFile(Strict):
    """What ``richc.load`` returns."""

    version: Literal[1] = 1
    richc: str
    models: list[Model]


def spec_file(result: FileResult) -> SpecFile:
    """The specifications of all models of a text."""
    return SpecFile(richc=__version__, models=[_model(model.spec) for model in result.models])


def _model(model: spec.Model) -> Model:
    symbols = Symbols("n", "n0" if model.base_width else None, alpha=model.richness is not None)

    def monomial(value: exact.Monomial) -> Monomial:
        return Monomial(
            formula=rich_formula(value, symbols),
            zero=value.is_zero,
            powers=[
                Power(base=base, const=str(power.const), slope=str(power.slope))
                for base, power in value.powers
            ],
        )

    def tensor(value: spec.Tensor) -> Tensor:
        return Tensor.of(value, **{name: monomial(knob) for name, knob in value.values})

    layers = [
        Layer.of(
            layer,
            weight=tensor(layer.weight),
            bias=None if layer.bias is None else tensor(layer.bias),
        )
        for layer in model.layers
    ]
    optimizer = Optimizer.of(
        model.optimizer,
        lr=monomial(model.optimizer.lr),
        options={name: _option(value) for name, value in model.optimizer.options},
    )
    return Model.of(
        model,
        richness_interval=model.interval and tuple(map(str, model.interval)),
        input=model.input_dim,
        layers=layers,
        optimizer=optimizer,
        require=model.requirements,
    )


def _option(value: object) -> bool | str | list[str]:
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return value if isinstance(value, bool) else str(value)
