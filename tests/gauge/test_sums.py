"""Files with sums of one power, and with sizes and biases that follow a layer's fan-in."""

from __future__ import annotations

import pytest

from richc.fixing.fix import fix
from richc.fixing.gauge.rewrite import regauge
from richc.gauge.equivalence import IDENTICAL, compare
from richc.gauge.moves import read_target
from richc.pipeline import analyse
from richc.spec import declared_values
from richc.spec.declared_values import Values
from richc.spec.model import Model
from richc.syntax.source import Source

TEXT = """\
model net {
  width n = 768, base n0 = 96
  richness r = 1/2
  input 784
  a: dense -> n     { var = 2 / (3*fan_in - fan_in), lr = (alpha + alpha)^2 / 4 }
  relu
  b[2]: dense -> n  {
    var = 4 / (fan_in + fan_out), lr = 2 * alpha^2 * n0 / (n + fan_in)
    bias { std = 0, lr = alpha * alpha / 2 + alpha^2 / 2 }
  }
  relu
  c: dense -> 8/3*n {
    var = 2 / fan_in, lr = alpha^2 * n0 / n
    bias { std = 1 / sqrt(layer_fan_in + fan_out), lr = layer_fan_in / n * alpha^2 }
  }
  relu
  d: dense -> 10    { var = 1 / (fan_in * (n + n)), lr = n0 / n }
  optimizer sgd { lr = 0.05 + 0.05 }
}
"""


@pytest.mark.parametrize("gauge", ["stp", "mup", "rescaling", "b.a=1/2", "c.bias.b=0"])
def test_every_gauge_is_the_same_network(gauge: str) -> None:
    before = analyse(TEXT)
    moved = regauge(before, read_target(gauge))
    (model,) = before.models
    (other,) = analyse(moved.text).models

    assert () == moved.refusals
    assert model.passes
    assert IDENTICAL == compare(model.spec, other.spec).status


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("lr = 2 * alpha^2 * n0 / (n + fan_in)", "lr = 2 * n0 / (n + fan_in)"),
        ("lr = layer_fan_in / n * alpha^2", "lr = layer_fan_in / (n + n) * 2"),
        ("var = 1 / (fan_in * (n + n))", "var = 1 / ((fan_in + n) * n0)"),
    ],
)
def test_one_that_fails_is_mended(right: str, wrong: str) -> None:
    text = TEXT.replace(right, wrong)
    fixed = fix(Source("net.rich", text))
    (model,) = fixed.result.models

    assert not analyse(text).models[0].passes
    assert model.passes
    assert () == fixed.left
    # What it is at the base width stays.
    narrow = [
        analyse(found.replace("n = 768", "n = 96")).models[0].spec
        for found in (text, fixed.result.source.text)
    ]
    assert values(narrow[0]) == values(narrow[1])


def values(spec: Model) -> list[Values]:
    return [declared_values.values(spec, t) for layer in spec.layers for t in layer.tensors]
