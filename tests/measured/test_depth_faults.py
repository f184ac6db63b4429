"""One fault in one family of a CompleteP network: the check and ``verify`` each find it, and where.

The check's own page of faults is docs/depth-faults.md; here a few of them train.
"""

from __future__ import annotations

from functools import cache

import pytest

from richc.lab.outcome import Outcome
from richc.lab.verify import Verification, VerifySettings, verify
from richc.pipeline import analyse

pytestmark = [pytest.mark.measured, pytest.mark.nightly]

MODEL = """\
model net {{
  width n = 64, base n0 = 64
  depth L = 4, base L0 = 2
  input 16
  embed: dense -> n {{ std = 1 / sqrt(fan_in), lr = {embed} }}
  blocks: repeat L {{
    mlp: residual {{
      scale = L0 / L
      norm: rmsnorm {{ gain {{ lr = {gain} }} }}
      up: dense -> n {{ std = sqrt(2 / fan_in), lr = {up} }}
      relu
      down: dense -> n {{ std = 1 / sqrt(fan_in), lr = {down} }}
    }}
  }}
  rmsnorm
  head: dense -> 10 {{ std = sqrt(n0) / n, lr = n0 / n }}
  optimizer {optimizer}
  loss cross_entropy
}}
"""
#: The rates of CompleteP: docs/theory.md, "Residual stacks and depth".
RATES = {
    "adam { lr = 1e-3 }": {"embed": "1", "gain": "1", "up": "n0 / n", "down": "n0 / n"},
    "sgd { lr = 1e-2 }": {"embed": "n / n0", "gain": "n * L / n0", "up": "L", "down": "L"},
    "adamw { lr = 1e-3 }\n  optimizer muon { lr = 0.02, shape_factor = spectral }": {
        "embed": "1",
        "gain": "1",
        "up": "1, optimizer = muon",
        "down": "1, optimizer = muon",
    },
}
ADAM, SGD, MUON = RATES
#: A family whose rate is too large or too small by a power of L, and what names it.
FAULTS = [
    (ADAM, "up", "sqrt(L)", "D1"),
    (ADAM, "down", "1 / sqrt(L)", "D3"),
    (SGD, "down", "sqrt(L)", "D1"),
    (SGD, "up", "1 / L", "D3"),
    (MUON, "up", "sqrt(L)", "D1"),
    (MUON, "down", "1 / L", "D3"),
]
SETTINGS = VerifySettings(widths=(64, 128, 256, 512), depths=(4, 8, 16, 32, 64), seeds=6)


@cache
def measured(optimizer: str, family: str | None = None, factor: str = "1") -> Verification:
    rates = dict(RATES[optimizer])
    if family is not None:
        rates[family] = f"{factor} * {rates[family]}"
    (result,) = analyse(MODEL.format(optimizer=optimizer, **rates)).models
    return verify(result, SETTINGS)


@pytest.mark.parametrize("optimizer", RATES, ids=["adam", "sgd", "muon"])
def test_completep_is_confirmed_in_n_and_in_l(optimizer: str) -> None:
    found = measured(optimizer)

    assert [] == [(row.layer, row.key, row.fit) for row in found.disagreeing]
    assert found.outcome is Outcome.PASS
    assert {"holds"} == {status for _, status in found.findings.statuses}


@pytest.mark.parametrize(("optimizer", "family", "factor", "desideratum"), FAULTS)
def test_a_fault_in_one_family_is_found_as_the_check_says(
    optimizer: str, family: str, factor: str, desideratum: str
) -> None:
    found = measured(optimizer, family, factor)

    assert [] == [(row.layer, row.key, row.fit) for row in found.disagreeing]
    assert found.outcome is Outcome.FAIL
    assert desideratum in {v.desideratum for v in found.result.verdict.violations}
    named = {(f.desideratum, f.layer) for f in found.findings.broken if not f.is_consequence}
    assert (desideratum, f"blocks.mlp.{family}") in named
