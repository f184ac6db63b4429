# ruff: noqa: T201 - a script that reports
"""Seconds a training step: the emitted program against a plain PyTorch twin, in one process.

    python tests/benchmarks/step_time.py [--widths 256 2048] [--rounds 15]

The twin is the network as one would write it by hand (nn.Linear, nn.ReLU, torch.optim) with the
same per-layer rates; it is measured twice, with the emitted program's own ``fused`` flag and with
torch's defaults.  Rounds of the contestants alternate in random order, so that a drift of the
machine hits all of them; what is reported is the median over rounds of the ratio within a round,
and the quartiles.  The limit is 1.02 against either.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

import richc

DEPTH, INPUTS, OUTPUTS, BATCH = 2, 64, 10, 128

MODEL = """
model net {{
  width n = {width}, base n0 = 64
  parameterization mup, gauge = {gauge}
  input {inputs}
  embed: dense -> n
  relu
  body[{depth}]: dense -> n
  relu
  head: dense -> {outputs}
  optimizer {optimizer}
  loss cross_entropy
}}
"""
OPTIMIZERS = {"sgd": "sgd { lr = 0.1, momentum = 0.9 }", "adam": "adam { lr = 1e-3 }"}

Step = Callable[[Tensor, Tensor], None]


def emitted(width: int, optimizer: str, gauge: str, folder: Path) -> ModuleType:
    text = MODEL.format(
        width=width,
        gauge=gauge,
        depth=DEPTH,
        inputs=INPUTS,
        outputs=OUTPUTS,
        optimizer=OPTIMIZERS[optimizer],
    )
    path = folder / f"net_{optimizer}_{gauge}_{width}.py"
    path.write_text(richc.compile(text), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Twin(nn.Module):
    """The same network by hand, multipliers (of the μP and rescaling gauges) included."""

    def __init__(self, width: int, scales: tuple[float, float, float]) -> None:
        super().__init__()
        self.embed = nn.Linear(INPUTS, width, bias=False)
        self.body = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(DEPTH))
        self.head = nn.Linear(width, OUTPUTS, bias=False)
        self.scales = scales

    def forward(self, x: Tensor) -> Tensor:
        first, middle, last = self.scales
        x = torch.relu(self.embed(x if first == 1.0 else first * x))
        for layer in self.body:
            x = torch.relu(layer(x if middle == 1.0 else middle * x))
        y: Tensor = self.head(x)
        return y if last == 1.0 else last * y


def twin_optimizer(twin: Twin, groups: list[dict[str, Any]], name: str, fused: bool | None) -> Any:
    """torch's optimizer over the twin, with the emitted groups' rates."""
    own = [[twin.embed.weight], [layer.weight for layer in twin.body], [twin.head.weight]]
    by_name = {n: g for g in groups for n in g["name"].split("+")}
    merged: dict[int, dict[str, Any]] = {}
    for params, label in zip(own, ("embed", "body", "head"), strict=True):
        group = by_name[label]
        its = merged.setdefault(id(group), {"params": []})
        its["params"] += params
        its |= {knob: group[knob] for knob in ("lr", "eps") if knob in group}
    kind: Any = torch.optim.SGD if name == "sgd" else torch.optim.Adam
    options: dict[str, Any] = {"momentum": 0.9} if name == "sgd" else {}
    return kind(list(merged.values()), fused=fused, **options)


def step_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> Step:
    def step(x: Tensor, y: Tensor) -> None:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def seconds(step: Step, x: Tensor, y: Tensor, count: int) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        step(x, y)
    return (time.perf_counter() - begin) / count


def contestants(width: int, optimizer: str, gauge: str, folder: Path) -> dict[str, Step]:
    net = emitted(width, optimizer, gauge, folder).Net()
    layers = (net.embed, net.body[0], net.head)
    scales = tuple(getattr(layer, "scale", 1.0) for layer in layers)
    steps = {"emitted": step_of(net, net.make_optimizer())}
    for label, fused in (("twin", True), ("twin, torch's defaults", None)):
        twin = Twin(width, (scales[0], scales[1], scales[2]))
        twin.load_state_dict(net.state_dict())
        steps[label] = step_of(twin, twin_optimizer(twin, net.param_groups(), optimizer, fused))
    return steps


def measure(width: int, optimizer: str, gauge: str, rounds: int, folder: Path) -> bool:
    """Print one line a twin; True when both ratios keep the limit."""
    steps = contestants(width, optimizer, gauge, folder)
    x, y = torch.randn(BATCH, INPUTS), torch.randint(0, OUTPUTS, (BATCH,))
    for step in steps.values():
        seconds(step, x, y, 3)
    # About a fifth of a second a turn.
    count = max(3, math.ceil(0.2 / seconds(steps["emitted"], x, y, 3)))
    turns: dict[str, list[float]] = {label: [] for label in steps}
    for _ in range(rounds):
        order = list(steps)
        random.shuffle(order)
        for label in order:
            turns[label].append(seconds(steps[label], x, y, count))
    keeps = True
    base = statistics.median(turns["emitted"]) * 1e3
    for label in list(steps)[1:]:
        ratios = [a / b for a, b in zip(turns["emitted"], turns[label], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        keeps &= middle <= 1.02
        print(
            f"{optimizer:5} {gauge:9} width {width:5}  emitted {base:8.3f} ms"
            f"  / {label:22} {middle:.3f}  [{low:.3f}, {high:.3f}]"
        )
    return keeps


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[256, 2048])
    parser.add_argument("--gauges", nargs="+", default=["stp", "mup"])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    keeps = True
    with tempfile.TemporaryDirectory() as folder:
        for width in options.widths:
            for optimizer in OPTIMIZERS:
                for gauge in options.gauges:
                    keeps &= measure(width, optimizer, gauge, options.rounds, Path(folder))
    return 0 if keeps else 1


if __name__ == "__main__":
    sys.exit(main())
