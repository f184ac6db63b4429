"""Part: batches, one training step, and all that it changes."""

from __future__ import annotations

import argparse
import math
from typing import Any

import torch

# keep if ranks
import torch.distributed as dist

# end
from torch import Tensor

# keep if ddp
from torch.nn.parallel import DistributedDataParallel

# end
from richc.emit.parts.cross_entropy import loss_of
from richc.emit.parts.evaluate import autocast
from richc.emit.parts.ranks import rank, ranks
from richc.emit.parts.stream import arrange

# ---- emitted from here on ----


class Batches:
    """Shuffled full batches for ever; what is left over at the end of an epoch is dropped."""

    def __init__(self, x: Any, y: Tensor, size: int, seed: int, device: torch.device) -> None:
        self.x, self.y, self.size, self.device = x, y, min(size, len(x)), device
        self.generator = torch.Generator().manual_seed(seed)
        # keep if ranks
        if self.size < ranks():
            raise ValueError(f"--batch: fewer examples than the {ranks()} processes")
        # end
        self.shuffle()

    def shuffle(self) -> None:
        """Begin an epoch."""
        self.begun, self.taken = self.generator.get_state(), 0
        order = torch.randperm(len(self.x), generator=self.generator).to(self.x.device)
        # keep if stream
        self.chosen = arrange(self.x, order, self.size, self.generator)
        # end
        # keep if not stream
        self.chosen = order[: len(order) - len(order) % self.size].split(self.size)
        # end
        # keep if ranks
        self.chosen = tuple(rows.tensor_split(ranks())[rank()] for rows in self.chosen)
        # end

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self.taken == len(self.chosen):
            self.shuffle()
        rows = self.chosen[self.taken]
        self.taken += 1
        # keep if stream
        coming = self.chosen[self.taken] if self.taken < len(self.chosen) else rows[:0]
        x, y = self.x.ahead(rows, coming), self.y[rows]
        # end
        # keep if not stream
        x, y = self.x[rows], self.y[rows]
        # end
        if self.device.type == "cuda" and not x.is_cuda:
            x, y = x.pin_memory(), y.pin_memory()  # so that nothing waits for the copies
        return x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)


def share_of_rate(schedule: str, step: int, steps: int, warmup: int = 0) -> float:
    """The factor on every group's rate, so that the ratios between layers stay as they are."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - warmup)
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * done))
    return 1.0 - done if schedule == "linear" else 1.0


class Trainer:
    """All that changes in training: weights, optimizer, schedule, scaler and the data's order."""

    def __init__(self, model: Any, batches: Batches, options: argparse.Namespace) -> None:
        self.model, self.batches, self.options = model, batches, options
        self.device, self.taken = batches.device, 0
        self.network: Any = model
        if options.compile:
            # keep if not fsdp
            self.network = torch.compile(model, fullgraph=True, mode=options.compile_mode)
            # end
            # keep if fsdp
            self.network = torch.compile(model, mode=options.compile_mode)  # between gatherings
            # end
        # keep if ddp
        self.network = DistributedDataParallel(self.network, gradient_as_bucket_view=True)
        # end
        self.optimizer = model.make_optimizer(options.lr)
        steps, warmup = options.steps, options.warmup
        warmup = round(warmup * steps) if warmup < 1 else int(warmup)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: share_of_rate(options.schedule, step, steps, warmup)
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=options.precision == "fp16")

    def step(self) -> tuple[Tensor, Tensor, Tensor]:
        """One step; the loss of its batch, the outputs and the targets, without waiting."""
        x, y = next(self.batches)
        # keep if ranks
        rows = self.batches.size / ranks()  # so that the mean over processes is the batch's
        # end
        # keep if not ranks
        rows = len(x)
        # end
        pieces, outputs = min(self.options.accumulate, int(rows)), list[Tensor]()
        loss = torch.zeros((), device=self.device)
        for p in self.model.parameters():  # a sum needs memory that no CUDA graph writes over
            p.grad = torch.zeros_like(p) if pieces > 1 and p.requires_grad else None
        for part_x, part_y in zip(x.tensor_split(pieces), y.tensor_split(pieces), strict=True):
            # keep if ranks
            is_last = len(outputs) == pieces - 1
            # end
            # keep if ddp
            self.network.require_backward_grad_sync = is_last
            # end
            # keep if fsdp
            self.network.set_requires_gradient_sync(is_last or self.options.sync_pieces)
            # end
            with autocast(self.device, self.options.precision):
                found = self.network(part_x)
            part = loss_of(found, part_y) * (len(part_x) / rows)
            self.scaler.scale(part).backward()
            loss += part.detach()
            outputs.append(found.detach().clone())
        # keep if ranks
        dist.all_reduce(loss)
        loss /= ranks()
        # end
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.get_scale() >= scale:  # what overflowed in fp16 was skipped
            self.scheduler.step()
        self.taken += 1
        return loss, torch.cat(outputs), y
