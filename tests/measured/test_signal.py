# ruff: noqa: T201 - figures for the pages
"""R701: representations have the size at init that the variance map says, and its limit matters.

The size is an average over widths of 512 and networks: fluctuations of q accumulate over the depth,
by about L/n a layer.  Training is that of the digits of the examples.
"""

from __future__ import annotations

import math

import pytest

from richc.pipeline import analyse
from tests.measured.measuring import (
    batches,
    dense_layers,
    load,
    log_rms,
    mean,
    network,
    representations,
    trained_on_digits,
)

pytestmark = pytest.mark.measured


MODEL = """\
model net {{
  width n = {width}, base n0 = 64
  parameterization mup
  input {inputs}
  embed: dense -> n {{ {embed} }}
  {activation}
  body[{count}]: dense -> n {{ {body} }}
  {activation}
  head: dense -> {outputs}
  optimizer adam {{ lr = 1e-3 }}
  loss cross_entropy
}}
"""


@pytest.mark.parametrize(
    ("activation", "body", "bias"),
    [
        ("relu", "var = 1 / fan_in", ""),
        ("relu", "var = 3 / fan_in", ""),
        ("leaky_relu(0.3)", "scale = 1/2, var = 3 / fan_in", ""),
        ("tanh", "var = 1 / fan_in", ""),
        ("tanh", "std = 5/3 / sqrt(fan_in)", ", bias { std = 1/2 }"),
        ("gelu", "var = 1 / fan_in", ""),
        ("silu", "var = 1 / fan_in", ""),
        ("elu", "var = 1 / fan_in", ""),
        ("softplus", "var = 1 / fan_in", ""),
        ("sigmoid", "var = 4 / fan_in", ""),
        ("erf", "var = 4 / fan_in, dist = uniform", ""),
        ("relu", "var = 1 / fan_in, dist = orthogonal", ", bias { std = 1/10 }"),
    ],
)
def test_sizes_at_init(activation: str, body: str, bias: str) -> None:
    text = MODEL.format(
        width=512,
        inputs=8,
        outputs=4,
        embed="var = 1 / fan_in" + bias,
        activation=activation,
        count=7,
        body=body + bias,
    )
    (model,) = analyse(text).models
    sizes = [passed.size for passed in model.context.passed[:-1]]
    predicted = [bits * math.log(2) / 2 for bits in sizes]
    module = load(text)
    found = []
    for seed in range(6):
        net = network(module, 512, seed)
        ((x, _),) = batches(seed, 1, 64)
        x = x / x.square().mean().sqrt()
        found.append([log_rms(h) for h in representations(net, dense_layers(module, net), x)])
    measured = [mean([one[index] for one in found]) for index in range(8)]

    assert predicted == pytest.approx(measured, abs=0.1)


def loss_after_training(activation: str, count: int, body: str, seed: int) -> float:
    text = MODEL.format(
        width=128,
        inputs=64,
        outputs=10,
        embed="var = 1 / fan_in",
        activation=activation,
        count=count,
        body=body,
    )
    return trained_on_digits(text, seed, 150)


@pytest.mark.parametrize(
    ("activation", "gain", "count", "is_reported"),
    [("relu", "2", 3, False), ("relu", "2", 9, True), ("gelu", "2.35", 7, True)],
)
def test_what_it_costs(activation: str, gain: str, count: int, is_reported: bool) -> None:
    """Mean log loss over seeds, beside that of the variance that keeps the size."""

    def level(body: str) -> float:
        losses = [loss_after_training(activation, count, body, seed) for seed in range(3)]
        return mean([math.log(loss) for loss in losses])

    factor = math.exp(level("var = 1 / fan_in") - level(f"var = {gain} / fan_in"))

    print(f"{activation}, {count} layers: loss times {factor:.2f}")
    assert (factor > 2) == is_reported


def test_two_gains_of_tanh() -> None:
    """PyTorch's, which is inferred, and that of the variance map: networks train alike."""

    def level(std: str) -> float:
        losses = [loss_after_training("tanh", 7, std, seed) for seed in range(3)]
        return mean([math.log(loss) for loss in losses])

    factor = math.exp(level("std = 5/3 / sqrt(fan_in)") - level("var = 2.54 / fan_in"))

    print(f"tanh, 8 layers: loss times {factor:.2f}")
    assert 0.8 < factor < 1.25
