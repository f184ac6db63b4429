"""Gauge moves from outside, and training in float64 that compares them.

Yang & Hu 2020 (arXiv 2011.14522, section 3): a gauge move scales a multiplier by t, the initial
weights by 1/t, the rate by t^-k and epsilon by t, and leaves every function on the way untouched.
None of it comes from richc.gauge.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from types import ModuleType

import torch

from richc.algebra.monomial import Affine, Monomial
from richc.emit import emit_program
from richc.spec.model import Layer, Model, Tensor

STEPS = 100

#: The rate's power of the gauge move, k.
POWERS = {"sgd": 2, "adam": 1, "adamw": 1, "lion": 1, "signsgd": 1, "muon": 1, "adafactor": 0}


def imported(model: Model) -> ModuleType:
    """The program of a model, whose name is `net`."""
    module = ModuleType("program")
    source = emit_program(model, summary="", module_only=True, richc_version="0")
    exec(compile(source, "<program>", "exec"), module.__dict__)
    return module


def losses(module: ModuleType, start: dict[str, torch.Tensor]) -> torch.Tensor:
    """Losses over the steps from weights that are ``start`` times each tensor's deviation."""
    model = module.Net(dtype=torch.float64)
    with torch.no_grad():
        for name, layer in model.named_modules():
            if isinstance(layer, module.Dense):
                layer.weight.copy_(start[f"{name}.weight"] * layer.std)
                if getattr(layer, "bias", None) is not None:
                    layer.bias.copy_((start[f"{name}.bias"] * layer.bias_std).view_as(layer.bias))
            elif hasattr(module, "Shifted") and isinstance(layer, module.Shifted):
                layer.bias.copy_(start[f"{name}.bias"] * layer.std)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(STEPS, 8, 8, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 3, (STEPS, 8), generator=generator)
    optimizer = model.make_optimizer()
    found = []
    for step in range(STEPS):
        loss = torch.nn.functional.cross_entropy(model(x[step]), y[step])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.detach())
    return torch.stack(found)


def unit_weights(module: ModuleType) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(p.shape, generator=generator, dtype=torch.float64)
        for name, p in module.Net().named_parameters()
    }


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).abs() / a.abs()).max().item()


def moved(
    model: Model, factors: Sequence[Monomial], of_biases: Sequence[Monomial] | None = None
) -> Model:
    """The model after a gauge move by one factor a layer; biases move with it, or on their own."""
    power = POWERS[model.optimizer.name]
    is_coupled = model.optimizer.name == "adam"
    # Adafactor's epsilon is a floor of the weight, Adam's stands beside the gradient.
    eps_power = -1 if model.optimizer.name == "adafactor" else 1

    def move(tensor: Tensor, t: Monomial) -> Tensor:
        rate = t.power(Affine(Fraction(-power)))
        # Decay is part of the gradient under Adam, and rate times decay is kept elsewhere.
        decay = t.power(Affine(Fraction(2 if is_coupled else power)))
        eps = t.power(Affine(Fraction(eps_power)))
        return tensor._replace(
            scale=tensor.scale.times(t),
            std=tensor.std.over(t),
            lr=tensor.lr.times(rate),
            decay=tensor.decay.times(decay),
            eps=None if tensor.eps is None else tensor.eps.times(eps),
        )

    def layer_moved(layer: Layer, t: Monomial, of_bias: Monomial) -> Layer:
        bias = None if layer.bias is None else move(layer.bias, of_bias)
        return layer._replace(weight=move(layer.weight, t), bias=bias)

    layers = tuple(
        layer_moved(layer, t, of_bias)
        for layer, t, of_bias in zip(model.layers, factors, of_biases or factors, strict=True)
    )
    return model._replace(layers=layers)
