# ruff: noqa: T201 - the emitted program talks to its user
"""Part: training on one device."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import torch
from torch import Tensor

from richc.emit.parts.cross_entropy import loss_of, score
from richc.emit.parts.network import Network

SCORE = "accuracy"

# ---- emitted from here on ----


def batches(x: Tensor, y: Tensor, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled full batches for ever; what is left over at the end of an epoch is dropped."""
    size, generator = min(size, len(x)), torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(x), generator=generator).to(x.device)
        for rows in order[: len(x) - len(x) % size].split(size):
            yield x[rows], y[rows]


def train(model: Network, x: Tensor, y: Tensor, options: argparse.Namespace) -> None:
    """Train on shuffled batches, and show the loss ten times."""
    optimizer, steps = model.make_optimizer(options.lr), options.steps
    stream = batches(x, y, options.batch, options.seed)
    for step, (inputs, targets) in zip(range(1, steps + 1), stream, strict=False):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=options.precision == "bf16"):
            outputs = model(inputs)
        loss = loss_of(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not options.quiet and step * 10 // steps > (step - 1) * 10 // steps:
            shown = f"loss {loss.item():.4g}  {SCORE} {score(outputs, targets):.4f}"
            print(f"step {step}/{steps}  {shown}", file=sys.stderr)
