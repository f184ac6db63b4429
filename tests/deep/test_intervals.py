"""An interval of richness with blocks: what is said of it is so at every r in it."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

import richc
from richc.report import schema

RIGHT = """\
model net {
  width n = 256
  depth L = 16
  richness r = 1/4
  input 64
  embed: dense -> n { std = 1, lr = n^(r - 1/2) }
  blocks: repeat L {
    mlp: residual {
      scale = 1 / L
      rmsnorm
      up: dense -> n { std = n^(-1/2), lr = n^(r - 3/2) }
      relu
      down: dense -> n { std = n^(-1/2), lr = n^(r - 3/2) }
    }
  }
  head: dense -> 10 { std = n^(-r - 1/2), lr = 1 / n }
  optimizer adam { lr = 1e-3 }
}
"""
NAMES = ("D0", "D1", "D2", "D3", "D4")


def model(text: str) -> schema.Model:
    (file,) = richc.check(text).files
    assert not [d for d in file.diagnostics if d.code in ("R506", "R025")]
    return file.models[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1 / n }", "1 / n }"),
        ("n^(r - 3/2)", "n^(-5/4)"),
        ("n^(r - 3/2)", "n^(2*r - 7/4) * L^(r - 1/4)"),
        ("scale = 1 / L", "scale = L^(-1/4 - r)"),
        ("scale = 1 / L", "scale = n^(r - 1/2) / L"),
        ("std = 1,", "std = n^(r/3 - 1/6),"),
        ("n^(-r - 1/2)", "n^(-1)"),
    ],
)
def test_an_interval_is_all_of_its_points(old: str, new: str) -> None:
    text = RIGHT.replace(old, new, 1)
    whole = model(text.replace("r = 1/4", "r = 1/4 in [1/12, 1/2]"))
    points = [Fraction(count, 24) for count in range(2, 13)]
    at_each = [model(re.sub("r = 1/4", f"r = {point}", text)) for point in points]

    for name in NAMES:
        said = {getattr(at.desiderata, name) for at in at_each}
        worst = next(s for s in ("violated", "not_evaluated", "holds") if s in said)
        assert worst == getattr(whole.desiderata, name), name
    assert (whole.verdict == "pass") == all(at.verdict == "pass" for at in at_each)
