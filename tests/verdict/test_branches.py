"""What is said of the branches of a network with a depth: their powers of L, and D4."""

from __future__ import annotations

import pytest

import richc

TEXT = """\
model two {
  width n = 128, base n0 = 64
  depth L = 8, base L0 = 4
  parameterization mup
  input 64
  embed: dense -> n
  blocks: repeat L {
    attend: residual {
      scale = L0 / L
      rmsnorm
      up: dense -> n
      relu
      down: dense -> n
    }
    mlp: residual {
      scale = (L0 / L)^(1/2)
      rmsnorm
      up: dense -> n { lr = n0 / n * sqrt(L0 / L) }
      relu
      down: dense -> n { lr = n0 / n * sqrt(L0 / L) }
    }
  }
  rmsnorm
  head: dense -> 10
  optimizer adam
}
"""


def test_branches_of_two_powers_are_no_point_of_the_depth() -> None:
    (claims,) = richc.check(TEXT.replace("adam\n", "adam\n  require depth(1/2)\n")).files
    report = richc.check(TEXT).files[0].models[0]

    words = "it is μP (r = 1/2), STP gauge, of branches ~ L^-1/2 and L^-1"
    assert ["info", "error"] == [d.severity for d in claims.diagnostics]
    assert words in claims.diagnostics[1].message
    assert ("pass", "1/2", None) == (report.verdict, report.richness, report.depth_point)


@pytest.mark.parametrize("alpha", ["1/2", "3/4", "1"])
def test_no_power_is_that_of_branches_of_two(alpha: str) -> None:
    (claims,) = richc.check(TEXT.replace("adam\n", f"adam\n  require depth({alpha})\n")).files

    assert "R502" in [d.code for d in claims.diagnostics]


def test_d4_is_not_evaluated_where_a_skip_is_not_decided() -> None:
    constant = TEXT.replace("scale = L0 / L\n", "skip = 1/2\n")
    (found,) = richc.check(constant).files[0].models

    assert {"not_evaluated"} == {*found.desiderata.model_dump().values()}
