"""The resolved specification as JSON, version 1: pydantic models, which are also its schema."""

from __future__ import annotations

from fractions import Fraction
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


def _text(value: Fraction | None) -> str | None:
    return None if value is None else str(value)


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
        return Tensor(
            scale=monomial(value.scale),
            std=monomial(value.std),
            lr=monomial(value.lr),
            decay=monomial(value.decay),
            eps=None if value.eps is None else monomial(value.eps),
            frozen=value.frozen,
        )

    layers = [
        Layer.model_validate(
            {
                "name": layer.name,
                "role": layer.role,
                "fan_in": layer.fan_in._asdict(),
                "fan_out": layer.fan_out._asdict(),
                "weight": tensor(layer.weight),
                "bias": None if layer.bias is None else tensor(layer.bias),
                "dist": layer.dist,
                "activation": None
                if layer.activation is None
                else {"name": layer.activation.name, "slope": _text(layer.activation.slope)},
            }
        )
        for layer in model.layers
    ]
    return Model.model_validate(
        {
            "name": model.name,
            "width": model.width,
            "base_width": model.base_width,
            "richness": _text(model.richness),
            "richness_interval": None
            if model.interval is None
            else tuple(str(bound) for bound in model.interval),
            "gamma": str(model.gamma),
            "parameterization": model.parameterization,
            "gauge": model.gauge,
            "input": model.input_dim,
            "layers": layers,
            "optimizer": {
                "name": model.optimizer.name,
                "lr": monomial(model.optimizer.lr),
                "options": {name: _option(value) for name, value in model.optimizer.options},
            },
            "loss": model.loss,
            "train": model.train._asdict() | {"warmup": _text(model.train.warmup)},
            "require": [
                {"kind": r.kind, "value": r.value, "richness": _text(r.richness)}
                for r in model.requirements
            ],
            "features": list(model.features),
        }
    )


def _option(value: object) -> bool | str | list[str]:
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return value if isinstance(value, bool) else str(value)
