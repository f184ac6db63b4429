# ruff: noqa: T201 - a script that reports
"""Seconds and memory of a training step: the emitted program against what else one would write.

    python tests/benchmarks/step_time.py [--widths 256 4096] [--modes eager compiled] [--rounds 15]
        [--device cuda] [--precisions fp32 bf16]

Contestants: `twin`, the network by hand (nn.Linear, torch.relu, torch.optim) with the same rates
per layer and the emitted program's own ``fused`` flag; `twin, torch's defaults`, without it; and
`mup`, microsoft/mup's model with MuSGD or MuAdam (pip install --no-deps mup pandas seaborn pyyaml
tqdm), left out where it is not installed.  Compiled means torch.compile of the model.

Times: in one process, rounds of the contestants alternate in random order, so that a drift of the
machine hits all of them; reported is the median over rounds of the ratio within a round, and the
quartiles.  Memory: the most bytes of tensors at once, from the model's making through a few steps,
by the account of torch's profiler; on a GPU, by its allocator's, in the rounds of times.
The exit code is 1 where a median ratio of time is above 1.02, or one of memory above 1.001.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

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

#: On a machine that others use, the processor's time (--cpu-time, with OMP_NUM_THREADS=1).
CLOCK = time.process_time if "--cpu-time" in sys.argv else time.perf_counter

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
            x = layer(x)
            x = torch.relu(x if middle == 1.0 else middle * x)
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


def mup_network(width: int, optimizer: str) -> tuple[nn.Module, Any]:
    """The network as the tutorial of microsoft/mup has it, and its optimizer."""
    import mup

    class Network(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.embed = nn.Linear(INPUTS, width, bias=False)
            self.body = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(DEPTH))
            self.head = mup.MuReadout(width, OUTPUTS, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.relu(self.embed(x))
            for layer in self.body:
                x = torch.relu(layer(x))
            y: Tensor = self.head(x)
            return y

    model = Network(width)
    mup.set_base_shapes(model, Network(64), delta=Network(128))
    if optimizer == "sgd":
        return model, mup.MuSGD(model.parameters(), lr=0.1, momentum=0.9)
    return model, mup.MuAdam(model.parameters(), lr=1e-3)


def step_of(model: nn.Module, optimizer: torch.optim.Optimizer, precision: str = "fp32") -> Step:
    def step(x: Tensor, y: Tensor) -> None:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bf16"):
            loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def seconds(step: Step, x: Tensor, y: Tensor, count: int) -> float:
    begin = now(x)
    for _ in range(count):
        step(x, y)
    return (now(x) - begin) / count


def now(x: Tensor) -> float:
    """The time when all is done that has been asked of the tensor's device."""
    if x.is_cuda:
        torch.cuda.synchronize()
    return CLOCK()


def contestant(
    label: str, width: int, optimizer: str, gauge: str, folder: Path
) -> tuple[nn.Module, Any]:
    """A network of the label's kind, and its optimizer."""
    if label == "mup":
        return mup_network(width, optimizer)
    net = emitted(width, optimizer, gauge, folder).Net()
    if label == "emitted":
        return net, net.make_optimizer()
    scales = tuple(getattr(layer, "scale", 1.0) for layer in (net.embed, net.body[0], net.head))
    groups = [{**group, "params": []} for group in net.param_groups()]
    twin = Twin(width, (scales[0], scales[1], scales[2]))
    twin.load_state_dict(net.state_dict())
    del net
    return twin, twin_optimizer(twin, groups, optimizer, True if label == "twin" else None)


def labels() -> list[str]:
    known = ["emitted", "twin", "twin, torch's defaults"]
    return [*known, "mup"] if find_spec("mup") else known


class Row(NamedTuple):
    """A contestant in one setting."""

    label: str
    #: Milliseconds of a step, the median over rounds.
    time: float
    #: Of the emitted step's time over this one's, within a round: quartile, median, quartile.
    ratios: tuple[float, float, float]
    #: Bytes on the GPU at once, at most; 0 where the profiler has to count them (``peak``).
    memory: int


def compare(
    width: int,
    optimizer: str,
    gauge: str,
    mode: str,
    rounds: int,
    folder: Path,
    device: str = "cpu",
    precision: str = "fp32",
) -> list[Row]:
    """Train all contestants in turn; the emitted program is the first row."""
    # A batch that is learnt by heart leaves gradients too small for a processor to be fast with.
    torch.set_flush_denormal(True)
    x = torch.randn(BATCH, INPUTS, device=device)
    y = torch.randint(0, OUTPUTS, (BATCH,), device=device)
    steps, memory = {}, {}
    if x.is_cuda:
        # The libraries' own memory comes with their first use, and is nobody's.
        with torch.device(device):
            seconds(step_of(*contestant("twin", 64, optimizer, gauge, folder), precision), x, y, 1)
    for label in labels():
        before = 0
        if x.is_cuda:
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        with torch.device(device):
            model, its = contestant(label, width, optimizer, gauge, folder)
        if mode == "compiled":
            model.compile()
        steps[label] = step_of(model, its, precision)
        seconds(steps[label], x, y, 3)
        memory[label] = torch.cuda.max_memory_allocated() - before if x.is_cuda else 0
    # About a fifth of a second a turn.
    count = max(2, math.ceil(0.2 / seconds(steps["emitted"], x, y, 3)))
    turns: dict[str, list[float]] = {label: [] for label in steps}
    for _ in range(rounds):
        order = list(steps)
        random.shuffle(order)
        for label in order:
            turns[label].append(seconds(steps[label], x, y, count))
    if mode == "compiled":
        torch._dynamo.reset()
    rows = []
    for label, times in turns.items():
        ratios = [a / b for a, b in zip(turns["emitted"], times, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        time = statistics.median(times) * 1e3
        rows.append(Row(label, time, (low, middle, high), memory[label]))
    return rows


def measure(setting: str, rows: list[Row]) -> bool:
    """Print one line a contestant; True when all ratios keep the limits."""
    own, *others = rows
    for row in others:
        memory = f"  memory {own.memory / row.memory:.4f}" if row.memory else ""
        low, middle, high = row.ratios
        print(
            f"{setting}  emitted {own.time:8.3f} ms"
            f"  / {row.label:22} {middle:.3f}  [{low:.3f}, {high:.3f}]{memory}",
            flush=True,
        )
    return all(r.ratios[1] <= 1.02 and own.memory <= 1.001 * r.memory for r in others)


# ---- memory ----------------------------------------------------------------------------------


def peak(label: str, width: int, optimizer: str, gauge: str, folder: Path) -> int:
    """Bytes of tensors that exist at once, at most, from the model's making through a few steps."""
    x, y = torch.randn(BATCH, INPUTS), torch.randint(0, OUTPUTS, (BATCH,))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step = step_of(*contestant(label, width, optimizer, gauge, folder))
        seconds(step, x, y, 3)
    result = record.profiler.kineto_results if record.profiler else None
    assert result is not None
    events = [event for event in result.events() if event.name() == "[memory]"]
    sizes = (event.nbytes() for event in sorted(events, key=lambda event: event.start_ns()))
    highest: int = max(itertools.accumulate(sizes))
    return highest


def measure_memory(width: int, optimizer: str, gauge: str, folder: Path) -> bool:
    """Print one line a contestant; True when no ratio is above 1.001."""
    own, keeps = peak("emitted", width, optimizer, gauge, folder), True
    for label in labels()[1:]:
        ratio = own / peak(label, width, optimizer, gauge, folder)
        keeps &= ratio <= 1.001
        print(
            f"{optimizer:5} {gauge:9} memory   width {width:5}  emitted {own / 1e6:8.2f} MB"
            f"  / {label:22} {ratio:.4f}",
            flush=True,
        )
    return keeps


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[256, 1024, 4096])
    parser.add_argument("--gauges", nargs="+", default=["stp", "mup"])
    parser.add_argument("--modes", nargs="+", default=["eager", "compiled", "memory"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cpu-time", action="store_true", help="count the processor's time")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precisions", nargs="+", default=["fp32"], choices=["fp32", "bf16"])
    options = parser.parse_args()
    if "mup" not in labels():
        print("mup is not installed: left out")
    keeps = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = itertools.product(
            options.modes, options.precisions, options.widths, OPTIMIZERS, options.gauges
        )
        for mode, precision, width, optimizer, gauge in settings:
            if mode != "memory":
                setting = f"{optimizer:5} {gauge:9} {mode:8} {precision} width {width:5}"
                where = (options.rounds, folder, options.device, precision)
                keeps &= measure(setting, compare(width, optimizer, gauge, mode, *where))
            elif precision == "fp32" and options.device == "cpu":
                keeps &= measure_memory(width, optimizer, gauge, folder)
    return 0 if keeps else 1


if __name__ == "__main__":
    sys.exit(main())
