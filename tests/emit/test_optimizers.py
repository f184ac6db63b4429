"""Update laws against their formulas, one step at a time."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import torch

from richc.optimizers import law
from richc.optimizers.knobs import Value
from richc.words import OPTIMIZERS
from tests.emit.tables import Load, ReadModel

MODEL = """
model net {{
  width n = 32
  input 8
  a: dense -> n {{ std = 1, lr = 1, bias {{ std = 1, lr = 1 }} }}
  relu
  b: dense -> 2 {{ std = 1, lr = 1 }}
  optimizer {optimizer}
  loss mse
}}
"""


def network(load: Load, read_model: ReadModel, optimizer: str) -> Any:
    model = load(read_model(MODEL.format(optimizer=optimizer))).Net(dtype=torch.float64)
    model.reset_parameters(torch.Generator().manual_seed(0))
    return model


def set_gradients(model: Any, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        p.grad = torch.randn(p.shape, generator=generator, dtype=p.dtype)
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def test_lion(load: Load, read_model: ReadModel) -> None:
    model = network(load, read_model, "lion { lr = 0.1, betas = (0.8, 0.95), weight_decay = 0.5 }")
    optimizer = model.make_optimizer()
    expected = weights(model)
    momentum = {name: torch.zeros_like(w) for name, w in expected.items()}

    for step in range(5):
        for name, g in set_gradients(model, step).items():
            update = torch.sign(0.8 * momentum[name] + 0.2 * g)
            expected[name] = (1 - 0.1 * 0.5) * expected[name] - 0.1 * update
            momentum[name] = 0.95 * momentum[name] + 0.05 * g
        optimizer.step()

    for name, p in model.named_parameters():
        torch.testing.assert_close(p.detach(), expected[name])


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_signsgd(momentum: float, nesterov: bool, load: Load, read_model: ReadModel) -> None:
    words = f"signsgd {{ lr = 0.1, momentum = {momentum}, weight_decay = 0.5 }}"
    model = network(load, read_model, words)
    optimizer = model.make_optimizer()
    for group in optimizer.param_groups:
        group["nesterov"] = nesterov
    expected = weights(model)
    buffer = {name: torch.zeros_like(w) for name, w in expected.items()}

    for step in range(5):
        for name, g in set_gradients(model, step).items():
            buffer[name] = momentum * buffer[name] + g
            update = torch.sign(g + momentum * buffer[name] if nesterov else buffer[name])
            expected[name] = (1 - 0.1 * 0.5) * expected[name] - 0.1 * update
        optimizer.step()

    for name, p in model.named_parameters():
        torch.testing.assert_close(p.detach(), expected[name])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_defaults_are_those_of_the_program(name: str, load: Load, read_model: ReadModel) -> None:
    """An option at its default is left out of the program."""
    needed = [f"{k.name} = {next(iter(k.words))}" for k in law(name).knobs if k.required]
    optimizer = network(load, read_model, f"{name} {{ {', '.join(needed)} }}").make_optimizer()

    assert law(name).defaults.keys() <= optimizer.defaults.keys()
    for option, value in law(name).defaults.items():
        assert pytest.approx(optimizer.defaults[option], rel=1e-12) == as_python(value), option


def as_python(value: Value) -> object:
    if isinstance(value, tuple):
        return tuple(map(float, value))
    return float(value) if isinstance(value, Fraction) else value


@pytest.mark.parametrize("name", ["lion", "signsgd"])
def test_own_optimizers_behave_as_torchs(name: str, load: Load, read_model: ReadModel) -> None:
    """Closures, absent gradients, and a state that survives saving and loading."""
    words = "lion { lr = 0.1 }" if name == "lion" else "signsgd { lr = 0.1, momentum = 0.9 }"
    model, twin = (network(load, read_model, words) for _ in range(2))
    optimizer, other = model.make_optimizer(), twin.make_optimizer()
    assert optimizer.step(lambda: 7.0) == 7.0
    assert not optimizer.state
    set_gradients(model, 0)
    optimizer.step()
    twin.load_state_dict(model.state_dict())
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))

    for each, its in ((model, optimizer), (twin, other)):
        set_gradients(each, 1)
        its.step()

    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("factor", ["none", "original", "match_rms_adamw", "spectral"])
def test_muon_shape_factors(factor: str, load: Load, read_model: ReadModel) -> None:
    """Update sizes against torch's own orthogonalisation; decay is not multiplied."""
    words = f"muon {{ lr = 0.1, shape_factor = {factor}, weight_decay = 0.5 }}"
    model = network(load, read_model, words)
    reference = network(load, read_model, words)
    shapes = {"a.weight": (32, 8), "a.bias": (32, 1), "b.weight": (2, 32)}
    factors: dict[str, Callable[[int, int], float]] = {
        "none": lambda _out, _into: 1.0,
        "original": lambda out, into: math.sqrt(max(1, out / into)),
        # With the constant that torch and the Moonlight report put in front.
        "match_rms_adamw": lambda out, into: 0.2 * math.sqrt(max(out, into)),
        "spectral": lambda out, into: math.sqrt(out / into),
    }
    kappa = factors[factor]
    before = weights(model)
    set_gradients(model, 0)
    set_gradients(reference, 0)

    model.make_optimizer().step()
    # torch's "original", taken out again, is the orthogonal factor itself.
    torch.optim.Muon(reference.parameters(), lr=1.0, weight_decay=0.0).step()

    assert {name: tuple(p.shape) for name, p in model.named_parameters()} == shapes
    for name, p in model.named_parameters():
        out, into = shapes[name]
        plain = before[name] - dict(reference.named_parameters())[name].detach()
        orthogonal = plain / math.sqrt(max(1, out / into))
        expected = (1 - 0.1 * 0.5) * before[name] - 0.1 * kappa(out, into) * orthogonal
        torch.testing.assert_close(p.detach(), expected)


@pytest.mark.parametrize("size", [1.0, 1e-6, 1e-9])
def test_adafactor_follows_the_weight_not_the_gradient(
    size: float, load: Load, read_model: ReadModel
) -> None:
    """RMS of the update = rate x RMS(W), for gradients and weights far below torch's floors."""
    model = network(load, read_model, "adafactor { lr = 0.01 }").float()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1e-5)
    before = weights(model)
    set_gradients(model, 0)
    for p in model.parameters():
        p.grad.mul_(size)

    model.make_optimizer().step()

    for name, p in model.named_parameters():
        moved = (p.detach() - before[name]).square().mean().sqrt()
        expected = 0.01 * before[name].square().mean().sqrt()
        assert moved.item() == pytest.approx(expected.item(), rel=0.1)


def test_adafactor_floor(load: Load, read_model: ReadModel) -> None:
    """The specification's eps is torch's epsilon_2: what RMS(W) counts as at least."""
    model = network(load, read_model, "adafactor { lr = 0.01, eps = 0.5 }")
    with torch.no_grad():
        model.b.weight.zero_()
    set_gradients(model, 0)

    model.make_optimizer().step()

    assert model.b.weight.square().mean().sqrt().item() == pytest.approx(0.005, rel=0.1)
