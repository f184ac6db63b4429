"""What ``richc verify`` would have found, made up from the check: no training in these tests."""

from __future__ import annotations

import json
from pathlib import Path

from richc.algebra.sizes import ZERO_SIZE, Size
from richc.pipeline import analyse

WIDTHS = (64, 128, 256)


def measured(text: str, target: Path, model: int = 0) -> Path:
    """Write a verification that agrees with the check on every exponent."""
    found = analyse(text).models[model]
    rows = []
    for quantity, step in (("h", 0), ("dh", 4), ("own", 4), ("df", 4)):
        for layer, flow in zip(found.spec.layers, found.verdict.flow.later, strict=True):
            rows.append(_row(quantity, step, layer.name, getattr(flow, quantity)))
    report = {
        "richc": "0.1.0",
        "path": "net.rich",
        "model": found.spec.name,
        "verdict": "pass",
        "agrees": True,
        "measured": {
            "desiderata": dict(found.verdict.statuses),
            "broken": [],
            "regime": found.verdict.regime,
            "richness": 0.5,
            "unmet": [],
            "fault": None,
        },
        "rows": rows,
        "run": {
            "networks": dict.fromkeys(WIDTHS, 4),
            "steps": 4,
            "judged_step": 4,
            "seed": 0,
            "rate": 1.0,
            "data": "random data",
            "risk": 0.001,
            "seconds": 1.0,
        },
    }
    target.write_text(json.dumps(report), encoding="utf-8")
    return target


def _row(quantity: str, step: int, layer: str, size: Size) -> dict[str, object]:
    is_zero = size is ZERO_SIZE
    exponent = 0.0 if is_zero else float(str(size)) if "/" not in str(size) else _ratio(str(size))
    return {
        "quantity": quantity,
        "layer": layer,
        "of_bias": False,
        "step": step,
        "predicted": str(size),
        "measured": "-inf" if is_zero else exponent + 0.01,
        "low": None if is_zero else exponent - 0.02,
        "high": None if is_zero else exponent + 0.04,
        "confidence": 0.95,
        "tolerance": 0.125,
        "agrees": True,
        "sizes": {n: 0.0 if is_zero else n ** (exponent + 0.01) for n in WIDTHS},
    }


def _ratio(text: str) -> float:
    above, below = text.split("/")
    return int(above) / int(below)
