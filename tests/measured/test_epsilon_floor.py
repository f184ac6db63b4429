# ruff: noqa: T201 - figures for the pages
"""R705: gradients have the size that is estimated, and an epsilon above it slows training."""

from __future__ import annotations

import math

import pytest
from torch import nn

from richc.pipeline import analyse
from richc.rules.step_sizes import measure
from tests.measured.measuring import mean, trained_on_digits

pytestmark = pytest.mark.measured


MODEL = """\
model net {{
  width n = {width}, base n0 = 64
  parameterization {preset}
  input 64
  embed: dense -> n   {{ eps = {embed} }}
  relu
  body[2]: dense -> n {{ eps = {body} }}
  relu
  head: dense -> 10   {{ eps = {head} }}
  optimizer adam {{ lr = 1e-3 }}
  loss cross_entropy
  train {{ batch = 64 }}
}}
"""
#: The exponents of the gradients.
FOLLOWING = {"mup": ("n0 / n", "n0 / n"), "ntp": ("sqrt(n0 / n)", "sqrt(n0 / n)")}


def text(preset: str, width: int, eps: tuple[float, float, float]) -> str:
    read_in, hidden = FOLLOWING[preset]
    return MODEL.format(
        width=width,
        preset=preset,
        embed=f"{eps[0]:.3g} * {read_in}",
        body=f"{eps[1]:.3g} * {hidden}",
        head=f"{eps[2]:.3g}",
    )


def trained(text: str) -> tuple[float, list[float]]:
    """The loss after 100 steps, and log2 of the first gradients; two seeds."""
    gradients: list[list[float]] = []

    def look(step: int, net: nn.Module) -> None:
        if not step:
            squares = [p.grad.square() for p in net.parameters() if p.grad is not None]
            gradients.append([float(square.mean().log2() / 2) for square in squares])

    logs = [math.log(trained_on_digits(text, seed, 100, look)) for seed in range(2)]
    return math.exp(mean(logs)), [mean(list(layer)) for layer in zip(*gradients, strict=True)]


@pytest.mark.nightly(by_day=2)
@pytest.mark.parametrize("preset", ["mup", "ntp"])
@pytest.mark.parametrize("width", [64, 1024])
def test_an_epsilon_above_the_gradient(preset: str, width: int) -> None:
    small = text(preset, width, (1e-8, 1e-8, 1e-8))
    (model,) = analyse(small).models
    predicted = [at.weight_gradient for at in measure(model.context)]
    loss, gradients = trained(small)
    assert predicted == pytest.approx(gradients, abs=1.0)

    # Of the read-in, of the larger hidden gradient and of the read-out, at n = n0.
    follows = math.log2(width / 64) * (1.0 if preset == "mup" else 0.5)
    at_base = [predicted[0] + follows, predicted[1] + follows, predicted[3]]
    print(f"{preset}, n = {width}: loss {loss:.3f}", end="")
    for times in (0.5, 2.1, 10):
        eps = [times * 2**bits for bits in at_base]
        spec = text(preset, width, (eps[0], eps[1], eps[2]))
        codes = [d.code for d in analyse(spec).diagnostics]
        slowed, _ = trained(spec)
        print(f"; eps {times} times the gradient: {slowed:.3f}", end="")
        if times > 2:
            assert {"R705"} == set(codes)
            assert slowed > 2.5 * loss
        else:
            assert [] == codes
    print()
