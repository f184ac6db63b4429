"""Published and made networks whose verdicts were measured (truth.json), as networks and texts.

Ops in order.  ``embed``, ``dense`` and ``bias`` have a multiplier n^-a0 L^-a1, an init std
n^-b0 L^-b1 and a rate n^-c0 L^-c1, each a number (a power of n) or a pair; "inf" is a zero init or
a frozen tensor.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.deep.network import (
    NOTHING,
    ONE,
    Activation,
    Dense,
    Network,
    Norm,
    Op,
    Repeat,
    Residual,
    Size,
    Tensor,
)

CASES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("truth.json").read_text(encoding="utf-8")
)


def why_not(net: dict[str, Any]) -> str:
    """What the language has no word for, or nothing."""
    for op in _all(net["ops"]):
        if op["op"] == "attn":
            return "attention"
        if op.get("shared"):
            return "looped blocks"
    return ""


def sayable() -> list[dict[str, Any]]:
    return [case for case in CASES if not why_not(case["net"])]


def _all(ops: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for op in ops:
        yield op
        for branch in op.get("branches", ()):
            yield from _all(branch["ops"])


def network(net: dict[str, Any], norm: str = "rmsnorm") -> Network:
    """``norm``: what its norms are, which do not say so."""
    return Network(tuple(_ops(net["ops"], net["opt"], norm)))


def _ops(ops: Sequence[dict[str, Any]], optimizer: str, norm: str) -> Iterator[Op]:
    # What is no matrix is another optimizer's.
    of_vectors = "adamw" if optimizer == "muon" else optimizer
    found: list[Op] = []
    for op in ops:
        kind = op["op"]
        if kind in ("embed", "dense"):
            found.append(
                Dense(
                    op["name"],
                    _tensor(op, optimizer),
                    wide_in=op.get("in") == "n",
                    wide_out=op["out"] == "n",
                    lookup=bool(op.get("onehot")),
                )
            )
        elif kind == "bias":
            before = found[-1]
            assert isinstance(before, Dense)
            found[-1] = replace(before, bias=_tensor(op, of_vectors))
        elif kind == "act":
            found.append(Activation(op["kind"]))
        elif kind == "norm":
            # A gain starts at 1.
            gain = _tensor({"b": 0, **op["gain"]}, of_vectors) if "gain" in op else None
            eps = _size(op["eps"]) if "eps" in op else None
            found.append(Norm(norm, op["name"] if gain or eps else "", gain, eps=eps))
        else:
            assert kind == "residual"
            post = Norm(norm) if op.get("post_norm") else None
            block = [
                Residual(
                    f"r{index}",
                    _size(branch["a"]),
                    tuple(_ops(branch["ops"], optimizer, norm)),  # type: ignore[arg-type]
                    _size(op["skip"]) if "skip" in op else ONE,
                    post,
                )
                for index, branch in enumerate(op["branches"])
            ]
            count = None if op["repeat"] == "L" else int(op["repeat"])
            found.append(Repeat("blocks", count, tuple(block)))
    yield from found


def _size(power: Any) -> Size:
    """n^-power, or n^-x L^-y for a pair."""
    if power == "inf":
        return NOTHING
    width, depth = power if isinstance(power, list) else (power, 0)
    return Size(-float(Fraction(str(width))), -float(Fraction(str(depth))))


def _tensor(op: dict[str, Any], optimizer: str) -> Tensor:
    shape = "none" if optimizer == "muon" else None
    return Tensor(_size(op.get("a", 0)), _size(op["b"]), _size(op["c"]), optimizer, shape)
