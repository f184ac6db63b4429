# ruff: noqa: T201 - the emitted program talks to its user
"""Part: training on one device."""

from __future__ import annotations

import argparse
import sys

import torch
from torch import Tensor

from richc.emit.parts.cross_entropy import loss_of, score
from richc.emit.parts.network import Network

SCORE = "accuracy"


# ---- emitted from here on ----


def train(model: Network, x: Tensor, y: Tensor, options: argparse.Namespace) -> None:
    """Train on shuffled full batches, and show the loss ten times."""
    optimizer, steps = model.make_optimizer(options.lr), options.steps
    generator, size = torch.Generator().manual_seed(options.seed), min(options.batch, len(x))
    batches: list[Tensor] = []
    for step in range(1, steps + 1):
        if not batches:  # an epoch begins; rows that make no full batch wait for the next one
            order = torch.randperm(len(x), generator=generator).to(x.device)
            batches = list(order[: len(x) - len(x) % size].split(size))
        rows = batches.pop(0)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=options.precision == "bf16"):
            outputs = model(x[rows])
        loss = loss_of(outputs, y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not options.quiet and step * 10 // steps > (step - 1) * 10 // steps:
            shown = f"loss {loss.item():.4g}  {SCORE} {score(outputs, y[rows]):.4f}"
            print(f"step {step}/{steps}  {shown}", file=sys.stderr)
