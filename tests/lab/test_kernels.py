"""Kernels: those that tests hold trainings to, and what the lab itself says of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from richc.lab.movement import feature_kernel_change, rates_of
from tests.kernels import analytic_relu_ntk, empirical_ntk, kernel_regression

#: fan-in times variance: read-in, hidden, read-out.
GAINS = (2.0, 2.0, 1.0)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def network(k: int) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, k)).double()


def by_hand(model: nn.Module, x: Tensor, rates: dict[str, float]) -> Tensor:
    """Jacobians (N, k, P) times the roots of rates, one backward pass each."""
    rows = []
    for output in model(x).flatten():
        gradients = torch.autograd.grad(output, list(model.parameters()), retain_graph=True)
        names = [name for name, _ in model.named_parameters()]
        scaled = [math.sqrt(rates[n]) * g.flatten() for n, g in zip(names, gradients, strict=True)]
        rows.append(torch.cat(scaled))
    return torch.stack(rows).reshape(len(x), -1, rows[0].numel())


def circle(cosines: list[float], d: int) -> Tensor:
    """Inputs of |x|^2 = d, at these cosines to the first axis."""
    x = torch.zeros(len(cosines), d, dtype=torch.float64)
    x[:, 0] = torch.tensor(cosines, dtype=torch.float64)
    x[:, 1] = (1 - x[:, 0].square()).sqrt()
    scaled: Tensor = math.sqrt(d) * x
    return scaled


def test_a_linear_models_kernel_is_that_of_its_inputs() -> None:
    model = nn.Linear(3, 2, bias=False).double()
    x1, x2 = drawn(4, 3), drawn(5, 3, seed=1)

    found = empirical_ntk(model, x1, x2)
    assert (4, 2, 5, 2) == found.shape
    torch.testing.assert_close(
        found, torch.einsum("ij,am->iajm", x1 @ x2.mT, torch.eye(2).double())
    )
    torch.testing.assert_close(empirical_ntk(model, x1, x2, trace=True), x1 @ x2.mT)


@pytest.mark.parametrize("memory", [2**28, 8 * 3 * 38 * 2, 1])
def test_it_is_the_product_of_jacobians(memory: int) -> None:
    model = network(3)
    x1, x2 = drawn(4, 3), drawn(5, 3, seed=1)
    rates = {"0.weight": 0.5, "0.bias": 2.0, "2.weight": 0.0, "2.bias": 3.0}
    j1, j2 = by_hand(model, x1, rates), by_hand(model, x2, rates)

    whole = torch.einsum("iap,jbp->iajb", j1, j2)
    torch.testing.assert_close(empirical_ntk(model, x1, x2, rates=rates, memory=memory), whole)
    trace = torch.einsum("iap,jap->ij", j1, j2) / 3
    found = empirical_ntk(model, x1, x2, rates=rates, trace=True, memory=memory)
    torch.testing.assert_close(found, trace)
    own = torch.einsum("iap,jbp->iajb", j1, j1)
    torch.testing.assert_close(empirical_ntk(model, x1, x1, rates=rates, memory=memory), own)


def test_a_frozen_parameter_adds_nothing() -> None:
    model, x = network(1), drawn(4, 3)
    without = empirical_ntk(model, x, x, rates={"0.bias": 1.0, "2.weight": 1.0, "2.bias": 1.0})
    model.get_parameter("0.weight").requires_grad = False

    torch.testing.assert_close(empirical_ntk(model, x, x), without)


def test_single_precision_parameters_make_a_double_precision_kernel() -> None:
    model, x = network(2), drawn(4, 3).float()
    model.float()
    single = empirical_ntk(model, x, x)
    model.double()

    assert torch.float64 == single.dtype
    torch.testing.assert_close(single, empirical_ntk(model, x.double(), x.double()))


def test_rates_are_those_of_the_groups() -> None:
    model = network(1)
    groups: list[dict[str, Any]] = [
        {"params": [model.get_parameter("0.weight")], "lr": 0.5},
        {"params": [model.get_parameter("2.weight"), model.get_parameter("2.bias")]},
    ]

    rates = rates_of(model, torch.optim.SGD(groups, lr=0.25))
    assert {"0.weight": 0.5, "2.weight": 0.25, "2.bias": 0.25} == rates


@pytest.mark.parametrize("d", [2, 8])
def test_three_relu_layers_at_five_angles(d: int) -> None:
    x = circle([1.0, 0.5, 0.0, -0.5, -1.0], d)

    (found,) = analytic_relu_ntk(x[:1], x, GAINS).tolist()
    assert [3.0, 1.35148, 0.68571, 0.34386, 0.31831] == [round(value, 5) for value in found]


def test_one_relu_layer_is_an_average_over_its_units() -> None:
    """By quadrature over the angle of a unit's weights: they are Gaussian, so it is uniform."""
    x = circle([1.0, 0.3], 2)
    gains, rates = (1.5, 0.7), (0.4, 0.9)
    turn = torch.arange(10_000, dtype=torch.float64) * (2 * math.pi / 10_000)
    heights = torch.stack([turn.cos(), turn.sin()], 1) @ x.mT / math.sqrt(2)
    active = (heights > 0).double()
    # E|w|^2 is 2 in two dimensions.
    same = gains[0] * 2 * (heights.relu().mT @ heights.relu()) / 10_000
    slopes = active.mT @ active / 10_000
    expected = rates[1] * same + gains[1] * slopes * rates[0] * (x @ x.mT) / 2

    found = analytic_relu_ntk(x, x, gains, rates)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=0.0)


def test_scale_moves_between_relu_layers() -> None:
    """Variance 2 / fan-in and rate 1 / fan-in throughout is the same kernel, in two ways."""
    x = drawn(6, 4)

    usual = analytic_relu_ntk(x, x, GAINS)
    he = analytic_relu_ntk(x, x, (2.0, 2.0, 2.0), (1.0, 1.0, 1.0))
    torch.testing.assert_close(he, usual)
    moved = analytic_relu_ntk(x, x, (1.0, 2.0, 2.0))
    torch.testing.assert_close(moved, usual)


def test_regression_is_linear_training_to_the_end() -> None:
    """A linear model's kernel never changes: gradient descent itself is the reference."""
    model = nn.Linear(6, 2).double()
    x, y, x_test = drawn(5, 6), drawn(5, 2, seed=1), drawn(3, 6, seed=2)
    k, k_test = empirical_ntk(model, x, x), empirical_ntk(model, x_test, x)
    with torch.no_grad():
        f0, f0_test = model(x), model(x_test)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for _ in range(7):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()

    found = kernel_regression(k, k_test, y, f0, f0_test, rate=2 * 0.3 / y.numel(), steps=7)
    torch.testing.assert_close(found, model(x_test).detach())
    # All outputs of a linear model share one kernel.
    shared, shared_test = k[:, 0, :, 0], k_test[:, 0, :, 0]
    again = kernel_regression(shared, shared_test, y, f0, f0_test, rate=0.3 / 5, steps=7)
    torch.testing.assert_close(again, found)
    limit = kernel_regression(k, k_test, y, f0, f0_test)
    late = kernel_regression(k, k_test, y, f0, f0_test, rate=0.05, steps=20_000)
    torch.testing.assert_close(late, limit)
    on_train = kernel_regression(k, k, y, f0, f0)
    torch.testing.assert_close(on_train, y)


def test_change_of_a_kernel() -> None:
    h, change = drawn(4, 9), drawn(4, 9, seed=1)

    k, after = h @ h.mT, (h + change) @ (h + change).mT
    torch.testing.assert_close(feature_kernel_change(h, h + change), (after - k).norm() / k.norm())
    assert 0.0 == feature_kernel_change(h, h)
    assert 3.0 == pytest.approx(feature_kernel_change(h, 2 * h).item(), rel=1e-12)
