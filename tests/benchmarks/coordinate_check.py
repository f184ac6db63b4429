# ruff: noqa: T201 - a script that reports
"""Seconds a coordinate check: ``richc verify`` against mup's, and against a loop by hand.

    python tests/benchmarks/coordinate_check.py [--rounds 7] [--widths 64 128 ...]

An MLP 64 -> n -> n -> n -> 10 (relu, μP, SGD, batches of 32, 4 steps) at seven widths:

    mup      mup.coord_check.get_coord_data, 5 networks a width: mean |h| before each step
    by hand  a plain PyTorch loop with forward hooks, 5 networks a width: root mean square of h
    richc 5  richc verify with seeds = 5: all exponents, with their intervals and a verdict
    richc    richc verify as it comes: as many networks as its stated risk asks for

The contestants alternate in random order, in one process, after a round of narrow networks that
pays for imports; what is reported is the median over rounds of the ratio within a round, and the
quartiles.  The limits: richc 5 costs no more than the loop, and richc a third of mup.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.util
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from richc.lab.verify import Verification, VerifySettings, verify
from richc.pipeline import ModelResult, analyse

WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)
INPUTS, OUTPUTS, BATCH = 64, 10, 32
BASE_WIDTH, RATE = 64, 0.1
SEEDS, STEPS = 5, 4

#: The contestants, and who may cost what part of whom.
MUP, LOOP, FIVE, DEFAULT = "mup", "by hand", "richc 5", "richc"
LIMITS = ((FIVE, LOOP, 1.0), (DEFAULT, MUP, 1 / 3))

MODEL = f"""
model net {{
  width n = 256, base n0 = {BASE_WIDTH}
  input {INPUTS}
  embed: dense -> n   {{ std = 1 / 8,               lr = n / n0 }}
  relu
  body[2]: dense -> n {{ std = sqrt(2) * n^(-1/2), lr = 1 }}
  relu
  head: dense -> {OUTPUTS} {{ std = 1 / n,               lr = n0 / n }}
  optimizer sgd {{ lr = {RATE} }}
  loss cross_entropy
  require mup
}}
"""

HOW_TO_INSTALL = (
    "mup is not installed, and is left out.  To compare with it:\n"
    "    pip install --no-deps mup\n"
    "    pip install numpy pandas pyyaml   # what the coordinate check imports beside torch\n"
)

Widths = Sequence[int]
#: Checks networks of these widths.
Contestant = Callable[[Widths], None]


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, INPUTS, generator=generator)
    return x, torch.randint(0, OUTPUTS, (BATCH,), generator=generator)


def by_mup() -> Contestant | None:
    """Its own layers, shapes, optimizer and loop, as its README says."""
    if importlib.util.find_spec("mup") is None:
        return None
    mup: Any = importlib.import_module("mup")
    coord_check: Any = importlib.import_module("mup.coord_check")

    class Net(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.embed = nn.Linear(INPUTS, width, bias=False)
            self.body = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(2))
            self.head = mup.MuReadout(width, OUTPUTS, bias=False)

        def forward(self, x: Tensor) -> Any:
            x = nn.functional.relu(self.embed(x))
            for layer in self.body:
                x = nn.functional.relu(layer(x))
            return self.head(x)

    def make(width: int) -> Net:
        net = Net(width)
        mup.set_base_shapes(net, Net(BASE_WIDTH), delta=Net(2 * BASE_WIDTH))
        return net

    def check(widths: Widths) -> None:
        makers = {width: lambda width=width: make(width) for width in widths}
        found = coord_check.get_coord_data(
            makers,
            [batch()],
            optimizer="sgd",
            lr=RATE,
            nsteps=STEPS,
            nseeds=SEEDS,
            cuda=False,
            show_progress=False,
        )
        # Four layers and the network itself.
        assert len(found) == len(widths) * SEEDS * STEPS * 5

    return check


class Dense(nn.Module):
    """A layer whose weight is drawn once (nn.Linear would draw it, to be drawn again)."""

    def __init__(self, fan_in: int, fan_out: int, std: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(fan_out, fan_in).normal_(0.0, std))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight)


class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        gain = (2 / width) ** 0.5
        self.embed = Dense(INPUTS, width, 1 / 8)
        self.body = nn.ModuleList(Dense(width, width, gain) for _ in range(2))
        self.head = Dense(width, OUTPUTS, 1 / width)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.embed(x))
        for layer in self.body:
            x = nn.functional.relu(layer(x))
        y: Tensor = self.head(x)
        return y

    def optimizer(self) -> torch.optim.Optimizer:
        grows = self.head.weight.shape[1] / BASE_WIDTH
        groups = [
            {"params": self.embed.parameters(), "lr": RATE * grows},
            {"params": self.body.parameters(), "lr": RATE},
            {"params": self.head.parameters(), "lr": RATE / grows},
        ]
        # Fused is the fastest that torch has on a CPU.
        return torch.optim.SGD(groups, fused=True)


def by_hand(widths: Widths) -> None:
    x, y = batch()
    found: dict[int, list[float]] = {}
    for width in widths:
        sizes = found[width] = []

        def record(_layer: nn.Module, _inputs: Any, h: Tensor, sizes: list[float] = sizes) -> None:
            sizes.append(h.detach().square().mean().sqrt().item())

        for seed in range(SEEDS):
            torch.manual_seed(seed)
            net = Net(width)
            for layer in (net.embed, *net.body, net.head):
                layer.register_forward_hook(record)
            optimizer = net.optimizer()
            for _ in range(STEPS):
                loss = nn.functional.cross_entropy(net(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        assert len(sizes) == SEEDS * STEPS * 4


class Richc:
    """``richc verify``, and what it said last."""

    def __init__(self, result: ModelResult, seeds: int | None) -> None:
        self._result = result
        self._seeds = seeds
        self.last: Verification | None = None

    def __call__(self, widths: Widths) -> None:
        settings = VerifySettings(widths=tuple(widths), seeds=self._seeds, steps=STEPS)
        self.last = verify(self._result, settings)


def seconds(contestant: Contestant, widths: Widths) -> float:
    gc.collect()
    begin = time.perf_counter()
    contestant(widths)
    return time.perf_counter() - begin


def rounds_of(
    contestants: dict[str, Contestant], widths: Widths, rounds: int
) -> dict[str, list[float]]:
    for contestant in contestants.values():
        contestant(sorted(widths)[:2])
    turns: dict[str, list[float]] = {label: [] for label in contestants}
    for number in range(1, rounds + 1):
        order = list(contestants)
        random.shuffle(order)
        for label in order:
            turns[label].append(seconds(contestants[label], widths))
        times = "  ".join(f"{label} {turns[label][-1]:.2f}" for label in contestants)
        print(f"round {number:2}: {times} s", flush=True)
    return turns


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--widths", type=int, nargs="+", default=list(WIDTHS))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if len(options.widths) < 2 or options.rounds < 2:
        parser.error("two widths and two rounds are needed")
    # mup warns of what it does not know in newer versions of what it imports.
    warnings.filterwarnings("ignore")
    (result,) = analyse(MODEL).models
    default = Richc(result, None)
    five = Richc(result, SEEDS)
    contestants: dict[str, Contestant] = {LOOP: by_hand, FIVE: five, DEFAULT: default}
    mup = by_mup()
    if mup is None:
        print(HOW_TO_INSTALL)
    else:
        contestants = {MUP: mup, **contestants}
    turns = rounds_of(contestants, options.widths, options.rounds)

    print()
    for label, times in turns.items():
        print(f"{label:8} {statistics.median(times):6.2f} s")
    for verification in (five.last, default.last):
        assert verification is not None
        networks = ", ".join(f"{count} of {n}" for n, count in verification.counts.items())
        said = "passes" if verification.passes else "fails"
        print(f"richc: {said}, risk {verification.risk:.4f}, networks: {networks}")
    keeps = True
    for label, other, limit in LIMITS:
        if other in turns:
            ratios = [a / b for a, b in zip(turns[label], turns[other], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            kept = middle <= limit
            keeps &= kept
            print(
                f"{label:8} / {other:8} {middle:.3f}  [{low:.3f}, {high:.3f}]"
                f"  limit {limit:.3f}: {'kept' if kept else 'not kept'}"
            )
    return 0 if keeps else 1


if __name__ == "__main__":
    sys.exit(main())
