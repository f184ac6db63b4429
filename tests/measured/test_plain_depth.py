# ruff: noqa: T201 - figures for the page
"""R706: signals scatter and grow alike as is computed, and its limit on likeness matters.

Training is that of the digits of the examples.
"""

from __future__ import annotations

import functools
import math

import pytest
import torch

from richc.pipeline import analyse
from richc.rules.plain_depth import fate
from tests.measured.measuring import (
    dense_layers,
    load,
    mean,
    network,
    representations,
    trained_on_digits,
)

pytestmark = pytest.mark.measured

MODEL = """\
model net {{
  width n = {width}, base n0 = {width}
  parameterization mup
  input 64
  first: dense -> n {{ {bias} }}
  {activation}
  body[{count}]: dense -> n {{ {bias} }}
  {activation}
  head: dense -> 10
  optimizer adam {{ lr = 1e-3 }}
  loss cross_entropy
}}
"""


def text(activation: str, width: int, layers: int, bias: str = "") -> str:
    return MODEL.format(activation=activation, width=width, count=layers - 1, bias=bias)


@pytest.mark.nightly(by_day=2)
@pytest.mark.parametrize(
    ("activation", "bias"),
    [
        ("relu", ""),
        ("relu", "bias { std = 1/2, lr = 1 }"),
        ("leaky_relu(0.3)", ""),
        ("linear", ""),
        ("tanh", ""),
        ("gelu", ""),
        ("silu", ""),
        ("elu", ""),
        ("softplus", ""),
    ],
)
def test_two_inputs_and_many_networks(activation: str, bias: str) -> None:
    """At a width of 256 and 12 layers, over networks."""
    spec = text(activation, 256, 12, bias)
    (model,) = analyse(spec).models
    predicted = fate(model.context)
    module = load(spec)
    x = torch.zeros(2, 64, dtype=torch.float64)
    x[0, :32] = x[1, 32:] = math.sqrt(2)
    alike, sizes = [], []
    for seed in range(200):
        net = network(module, 256, seed)
        *_, last = representations(net, dense_layers(module, net), x)[:12]
        one, other = last
        alike.append(float(one @ other / (one.norm() * other.norm())))
        sizes.append(math.log(float(one.square().mean())))
    middle = mean(sizes)
    scatter = mean([(size - middle) ** 2 for size in sizes])

    # The last representation's own entries add their 2/n, as those of any Gaussian.
    print(f"{activation}: {mean(alike):.3f} {scatter - 2 / 256:.3f}, computed {predicted}")
    assert predicted.correlation == pytest.approx(mean(alike), abs=0.06)
    assert predicted.log_variance == pytest.approx(scatter - 2 / 256, rel=0.35, abs=0.01)


@functools.cache
def level(layers: int) -> float:
    """Mean log loss after 100 steps, over three networks."""
    losses = [trained_on_digits(text("relu", 128, layers), seed, 100) for seed in range(3)]
    return mean([math.log(loss) for loss in losses])


@pytest.mark.nightly(by_day=2)
@pytest.mark.parametrize(("layers", "is_reported"), [(16, False), (32, True), (63, True)])
def test_what_it_costs(layers: int, is_reported: bool) -> None:
    """Mean log loss beside that of 8 layers."""
    factor = math.exp(level(layers) - level(8))

    print(f"{layers} layers: loss times {factor:.2f}")
    assert (factor > 2) == is_reported
    reported = {d.code for d in analyse(text("relu", 128, layers)).diagnostics}
    assert ("R706" in reported) == is_reported
