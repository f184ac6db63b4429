"""Blocks repeated a fixed number of times, norms without blocks, depths that nothing uses."""

from __future__ import annotations

import pytest

from richc.lab.findings import representations
from richc.pipeline import ModelResult, analyse
from richc.report.derivation import derivation

HEAD = "model m {\n  width n = 1000, base n0 = 64\n  input 16\n"
RESIDUALS = """\
  a: dense -> n { std = 1/4, lr = 1 }
  bl: repeat 2 {
    r: residual {
      rmsnorm
      b: dense -> n { std = 1/sqrt(fan_in), lr = n0/n }
      relu
      c: dense -> n { std = 1/sqrt(fan_in), lr = n0/n }
    }
  }
  rmsnorm
  head: dense -> 10 { std = 1/n, lr = n0/n }
  optimizer adam { lr = 0.001 }
}
"""
LAYERS = """\
  a: dense -> n { std = 1/4, lr = 1/n }
  relu
  bl: repeat 2 {
    b: dense -> n { std = sqrt(2/fan_in), lr = n0/n^2 }
    relu
  }
  head: dense -> 10 { std = 1/n, lr = 1/n^2 }
  optimizer adam { lr = 0.1 }
}
"""
DEPTH = """\
  depth L = 4
  a: dense -> n { std = L^(1/2), lr = 1 }
  relu
  b[2]: dense -> n { std = 1/sqrt(fan_in)/L, lr = n0/n }
  relu
  head: dense -> 10 { std = 1/n, lr = n0/n }
  optimizer sgd { lr = 0.1 }
}
"""
GROWS = """\
  a: dense -> n { std = n^(1/4), lr = 1 }
  tanh
  rmsnorm
  b: dense -> n { std = 1/n, lr = n0/n }
  tanh
  head: dense -> 10 { std = 1/n, lr = n0/n }
  optimizer adam { lr = 0.1 }
}
"""
STEEP = """\
  a: dense -> n { std = 1/4, lr = 1 }
  tanh
  b[220]: dense -> n { std = 1, lr = 1/n }
  tanh
  rmsnorm
  head: dense -> 10 { std = 1/n, lr = 1/n }
  optimizer adam { lr = 0.1 }
}
"""
ADAFACTOR = """\
  a: dense -> n { std = 1/4, lr = 1 }
  relu
  res: residual {
    scale = 1/2
    b: dense -> n { std = 1/sqrt(fan_in), lr = 1/n }
    relu
    c: dense -> n { std = 1/sqrt(fan_in), lr = 1 }
  }
  rmsnorm
  head: dense -> 10 { std = n^(-1/2), lr = 1 }
  optimizer adafactor { lr = 0.1 }
}
"""


def judged(text: str) -> ModelResult:
    (model,) = analyse(HEAD + text).models
    return model


@pytest.mark.parametrize("text", [RESIDUALS, LAYERS, DEPTH, GROWS, ADAFACTOR])
def test_the_verdict_is_derived(text: str) -> None:
    lines = derivation(judged(text), None, color=False)

    assert "not evaluated: ." not in lines
    assert "D0 " in lines


def test_copies_of_a_layer_have_one_place() -> None:
    found = representations(judged(RESIDUALS).context.network)

    assert [*found] == sorted(found)
    assert len(found) == len(judged(RESIDUALS).spec.layers)


def test_blocks_of_layers_that_learn_nothing_are_told_so_each() -> None:
    """As in every network with blocks; a chain has no shares to compare then."""
    statuses = dict(judged(LAYERS).verdict.statuses)

    assert statuses["D1"] == statuses["D2"] == "violated"


def test_an_eps_that_nobody_wrote_follows_exact_sizes_only() -> None:
    result = analyse(HEAD.replace(", base n0 = 64", "") + STEEP)

    assert {d.code for d in result.diagnostics if d.is_error} == {"R101"}


def test_what_is_not_exact_is_not_shown() -> None:
    model = judged(GROWS)
    rows = derivation(model, None, color=False).split("\n")

    assert model.verdict.known_heights == 1
    (row,) = (row for row in rows if row.split()[:1] == ["b"] and "?" in row)
    assert set(row.split()[1:]) == {"?"}
