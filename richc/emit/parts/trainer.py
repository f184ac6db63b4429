"""Part: one training step, and all that it changes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from richc.emit.parts.batches import Batches
from richc.emit.parts.cross_entropy import loss_of
from richc.emit.parts.network import Network
from richc.emit.parts.ranks import exchange, mean, ranks, replicate
from richc.emit.parts.schedule import make_schedule

# ---- emitted from here on ----


class Trainer:
    """All that changes in training: weights, optimizer, schedule, scaler and the data's order."""

    def __init__(
        self,
        model: Network,
        batches: Batches,
        options: argparse.Namespace,
    ) -> None:
        self.model, self.batches, self.options = model, batches, options
        self.device = batches.device
        # keep if ranks
        self.network: nn.Module = model
        # end
        # keep if ddp
        self.network = replicate(model, self.device)
        # end
        self.optimizer = model.make_optimizer(options.lr)
        self.scheduler: torch.optim.lr_scheduler.LambdaLR | None = None
        if options.schedule != "constant" or options.warmup:
            warmup = steps_of(options.warmup, options.steps)
            self.scheduler = make_schedule(self.optimizer, options.schedule, options.steps, warmup)
        is_scaled = options.precision == "fp16"
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=is_scaled)
        self.taken = 0

    def step(self) -> tuple[Tensor, Tensor, Tensor]:
        """One step; the loss of its batch, the outputs and the targets, without waiting."""
        x, y = next(self.batches)
        loss, outputs = self.backward(x, y)
        # keep if ranks
        loss = mean(loss)
        # end
        scale = self.scaler.get_scale() if self.scheduler else 0.0
        self.scaler.step(self.optimizer)
        self.scaler.update()
        # A step that overflowed in fp16 was skipped, and is not the schedule's either.
        if self.scheduler and self.scaler.get_scale() >= scale:
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
        self.optimizer.zero_grad(set_to_none=pieces == 1)
        for weight in self.model.parameters() if pieces > 1 else ():
            # Sums need a place of their own: a CUDA graph writes over what it gave out before.
            if weight.grad is None and weight.requires_grad:
                weight.grad = torch.zeros_like(weight)
        losses: list[Tensor] = []
        outputs: list[Tensor] = []
        for part_x, part_y in zip(cut(x, pieces), cut(y, pieces), strict=True):
            # keep if ranks
            exchange(network, self.options, len(losses) == pieces - 1)
            # end
            with autocast(self.device, self.options.precision):
                found = network(part_x)
            loss = loss_of(found, part_y)
            if len(part_x) != rows:
                loss = loss * (len(part_x) / rows)
            self.scaler.scale(loss).backward()
            losses.append(loss.detach())
            outputs.append(found.detach() if pieces == 1 else found.detach().clone())
        if pieces == 1:
            return losses[0], outputs[0]
        return torch.stack(losses).sum(), torch.cat(outputs)


def cut(batch: Tensor, pieces: int) -> Sequence[Tensor]:
    return (batch,) if pieces == 1 else batch.tensor_split(pieces)


def steps_of(warmup: float, steps: int) -> int:
    """A number of steps; below 1, a share of all."""
    return round(warmup * steps) if warmup < 1 else int(warmup)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Matrix products in 16 bits when asked for; weights and optimizer state stay in fp32."""
    kind = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=kind, enabled=precision != "fp32")
