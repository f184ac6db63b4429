"""Part: one training step, and all that it changes."""

from __future__ import annotations

import argparse
import math

import torch
from torch import Tensor, nn

from richc.emit.parts.batches import Batches
from richc.emit.parts.cross_entropy import loss_of
from richc.emit.parts.network import Network
from richc.emit.parts.ranks import exchange, mean, ranks, replicate

# ---- emitted from here on ----


def share_of_rate(schedule: str, step: int, steps: int, warmup: int = 0) -> float:
    """The factor on every group's rate, so that the ratios between layers stay as they are."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - warmup)
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * done))
    return 1.0 - done if schedule == "linear" else 1.0


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Matrix products in 16 bits when asked for; weights and optimizer state stay in fp32."""
    kind = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=kind, enabled=precision != "fp32")


class Trainer:
    """All that changes in training: weights, optimizer, schedule, scaler and the data's order."""

    def __init__(
        self,
        model: Network,
        batches: Batches,
        options: argparse.Namespace,
    ) -> None:
        self.model, self.batches, self.options = model, batches, options
        self.device, self.taken = batches.device, 0
        # keep if ranks
        self.network: nn.Module = model
        # end
        # keep if ddp
        self.network = replicate(model, self.device)
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
        loss, outputs = self.backward(x, y)
        # keep if ranks
        loss = mean(loss)
        # end
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.get_scale() >= scale:  # what overflowed in fp16 was skipped
            self.scheduler.step()
        self.taken += 1
        return loss, outputs, y

    def backward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient of the batch's mean loss, in pieces; that loss, and the outputs."""
        # keep if ranks
        # The mean over processes, so that theirs of the loss is the mean over the whole batch.
        rows, network = self.batches.size / ranks(), self.network
        # end
        # keep if not ranks
        rows, network = len(x), self.model
        # end
        pieces = min(self.options.accumulate, int(rows))
        for p in self.model.parameters():  # a sum needs memory that no CUDA graph writes over
            p.grad = torch.zeros_like(p) if pieces > 1 and p.requires_grad else None
        losses, outputs = list[Tensor](), list[Tensor]()
        for part_x, part_y in zip(x.tensor_split(pieces), y.tensor_split(pieces), strict=True):
            # keep if ranks
            exchange(network, self.options, len(losses) == pieces - 1)
            # end
            with autocast(self.device, self.options.precision):
                found = network(part_x)
            loss = loss_of(found, part_y) * (len(part_x) / rows)
            self.scaler.scale(loss).backward()
            losses.append(loss.detach())
            outputs.append(found.detach().clone())
        return torch.stack(losses).sum(), torch.cat(outputs)
