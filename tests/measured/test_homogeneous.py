"""All std n^(-1/2) and one constant rate, in a relu net under SGD.

docs/theory.md, "Where a naive checker is wrong".  D0 is violated, h_1 ~ n^(-1/2), and yet the
function trains exactly as μP's: scale moves between positively homogeneous layers, t_1 = sqrt(n)
and t_(L+1) = 1 / sqrt(n), and rates move with t^2.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from tests.measured.measuring import (
    batches,
    dense_layers,
    disagreements,
    fit,
    gradient,
    load,
    network,
    optimizer_of,
    report_on,
    weights,
)
from tests.measured.specs import HALF, ZERO, Layer, scale, written

pytestmark = pytest.mark.measured

WIDTH, STEPS = 256, 100


def losses(text: str, start: list[Tensor]) -> Tensor:
    """Losses over the steps, from given weights."""
    module = load(text)
    model = network(module, WIDTH, 0)
    for weight, value in zip(weights(dense_layers(module, model)), start, strict=True):
        nn.init.zeros_(weight).data.add_(value)
    optimizer = optimizer_of(model)
    found = []
    ((x, y),) = batches(0, 1, 16)
    for _ in range(STEPS):
        found.append(gradient(model, x, y))
        optimizer.step()
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
@pytest.mark.parametrize("hidden", [1, 2, 3])
def test_it_trains_as_its_mup_twin(hidden: int, optimizer: str) -> None:
    flat = [Layer(ZERO, HALF, ZERO)] * (hidden + 1)
    twin = scale(optimizer, hidden, HALF)
    text, twin_text = written(optimizer, flat, "relu"), written(optimizer, twin, "relu")
    model, diagnostics = report_on(text)
    twin_model, _ = report_on(twin_text)

    assert ("violated", "-1/2") == (model.desiderata.D0, model.layers[0].h)
    assert any("trains exactly as μP" in note for d in diagnostics for note in d.notes)
    assert "mup" == twin_model.equivalent_to

    module = load(text)
    start = [w.detach().clone() for w in weights(dense_layers(module, network(module, WIDTH, 0)))]
    factors = [math.sqrt(WIDTH), *[1.0] * (hidden - 1), 1 / math.sqrt(WIDTH)]
    plain = losses(text, start)
    moved = losses(twin_text, [t * w for t, w in zip(factors, start, strict=True)])
    torch.testing.assert_close(moved, plain, rtol=1e-9, atol=0.0)
    assert plain[-1] < plain[0] / 2


@pytest.mark.parametrize("hidden", [1, 2, 3])
def test_the_report_has_its_exponents(hidden: int) -> None:
    text = written("sgd", [Layer(ZERO, HALF, ZERO)] * (hidden + 1), "relu")

    assert "" == disagreements(text, fit(text))
