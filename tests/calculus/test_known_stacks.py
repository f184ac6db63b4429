"""Networks with residual blocks, norms and depth whose verdicts were measured (stacks.json).

Each was trained in float64 over widths to 512 and depths to 128 by an engine that shares no code
with this one, and every exponent compared within 1/4.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from richc.calculus.desiderata import decide as judge
from tests.calculus.networks import Network

CASES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("stacks.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_as_measured(case: dict[str, Any]) -> None:
    network = Network(case["net"])

    found = judge(network.ops, network.family.step)

    asked = {name: found.statuses.get(name) for name in case["expect"]}
    assert asked == case["expect"], (case["name"], found)
    if "not_evaluated" in found.statuses.values():
        assert found.reason
