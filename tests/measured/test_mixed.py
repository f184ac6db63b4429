# ruff: noqa: T201 - figures for the page
"""Small weights beside a bias of order one: what training shows of the mixed, and of the woken.

``richc verify`` measures every size; the tangent kernel tells the feature-learning limit from the
kernel one.
"""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor, nn

from richc.algebra.sizes import ZERO_SIZE
from richc.lab.verify import VerifySettings, verify
from richc.pipeline import analyse
from tests.measured.measuring import load, mean, network, optimizer_of
from tests.verdict import test_against_reference as against
from tests.verdict import test_mixed as mixed
from tests.verdict.writing import model as written

pytestmark = pytest.mark.measured

STEPS = 400
WIDTHS = (64, 128, 256, 512, 1024)
NTP = mixed.SGD | {"first": "1", "std": "n^(-1/2)"}


@pytest.mark.nightly(by_day=2)
@pytest.mark.parametrize(
    ("knobs", "optimizer", "regime"),
    [
        (mixed.SGD, "sgd", "mixed"),
        (mixed.ADAM, "adam", "mixed"),
        (mixed.LAZY, "sgd", "mixed"),
        (mixed.WOKEN, "sgd", "rich"),
        (mixed.WOKEN | {"std": "0"}, "sgd", "rich"),
        (mixed.WOKEN_BY_ADAM | {"std": "0"}, "adam", "rich"),
    ],
)
def test_training_shows_the_regime(knobs: dict[str, str], optimizer: str, regime: str) -> None:
    (result,) = analyse(mixed.text(knobs, optimizer)).models

    # A weight that has to wake is at these widths not all that its update will be.
    tolerance = 1 / 4 if regime == "rich" else None
    found = verify(result, VerifySettings(widths=WIDTHS, steps=6, tolerance=tolerance))

    assert [] == [row for row in found.rows if row.agrees is False]
    assert () == found.findings.broken
    assert regime == result.verdict.regime == found.findings.regime


@pytest.mark.parametrize(("optimizer", "bias"), mixed.STILL)
def test_a_bias_that_never_moves_breaks_nothing(optimizer: str, bias: str) -> None:
    (result,) = analyse(mixed.beside_a_still_bias(optimizer, bias)).models

    found = verify(result, VerifySettings(widths=WIDTHS))

    assert found.passes
    assert "rich" == found.findings.regime


@pytest.mark.nightly(by_day=2)
@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize(("optimizer", "shape"), [("sgd", None), ("adamw", None), ("muon", "none")])
def test_training_agrees_on_random_ones(optimizer: str, shape: str | None, number: int) -> None:
    """Networks that pass, of the generator that the two calculi are compared on.

    Not of those whose weight is small and woken to a little more: an update of a twentieth of the
    weight is the larger part only where n^(1/4) is far beyond twenty.
    """
    pick = random.Random(f"{optimizer} {number}")
    while True:
        layers = against.with_biases(pick, optimizer, shape)
        (result,) = analyse(written("net", optimizer, shape, layers, "tanh")).models
        flow = result.verdict.flow
        if not result.verdict.passes or len(layers) != 3 or not flow.first[1].gain < 0:
            continue
        if flow.first[1].gain in (flow.later[1].gain, ZERO_SIZE):
            break
    widths = WIDTHS[:-1] if optimizer == "muon" else WIDTHS

    found = verify(result, VerifySettings(widths=widths, steps=6, seeds=8, tolerance=1 / 4))

    assert [] == [row for row in found.rows if row.agrees is False], result.spec


def tangent_kernel(model: nn.Module, x: Tensor) -> Tensor:
    """Gradients of f at every x, each layer weighed with its rate."""
    rows = []
    groups = optimizer_of(model).param_groups
    for example in x:
        model.zero_grad()
        model(example.unsqueeze(0)).sum().backward()
        rows.append(
            torch.cat([
                p.grad.flatten() * group["lr"] ** 0.5
                for group in groups for p in group["params"]
            ])
        )  # fmt: skip
    jacobian = torch.stack(rows)
    return jacobian @ jacobian.T


def kernel_change(text: str, width: int, seed: int) -> float:
    """How far the tangent kernel moves, beside itself, while a few examples are learnt."""
    model = network(load(text), width, seed)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(8, 8, generator=generator, dtype=torch.float64)
    y = torch.randn(8, 1, generator=generator, dtype=torch.float64)
    before = tangent_kernel(model, x)
    # At half the rate that the kernel's largest eigenvalue allows, at every width.
    largest = float(torch.linalg.eigvalsh(before)[-1]) / optimizer_of(model).defaults["lr"]
    optimizer = optimizer_of(model, 4 / largest)
    for _ in range(STEPS):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
    after = tangent_kernel(model, x)
    return float((after - before).norm() / before.norm())


@pytest.mark.nightly
def test_the_tangent_kernel_of_a_mixed_network_changes_at_every_width() -> None:
    found = {}
    for name, knobs in (("mixed", mixed.SGD), ("NTP", NTP)):
        for width in (64, 512):
            changes = [kernel_change(mixed.text(knobs), width, seed) for seed in range(3)]
            found[name, width] = mean(changes)
            print(f"{name}, n = {width}: the kernel changes by {found[name, width]:.3f}")

    assert 0.6 < found["mixed", 512] / found["mixed", 64] < 1.5
    assert found["NTP", 512] / found["NTP", 64] < 0.5
