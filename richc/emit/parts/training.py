"""Part: training and evaluation."""

from __future__ import annotations

import argparse
import math

import torch
from torch import Tensor

from richc.emit.parts.batches import Batches
from richc.emit.parts.cross_entropy import SCORE, loss_of, score
from richc.emit.parts.log import Log
from richc.emit.parts.network import Network
from richc.emit.parts.progress import Progress
from richc.emit.parts.ranks import exchange, gather, mean, ranks, replicate, share
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
        # keep if fsdp
        self.network = model
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
        self.optimizer.zero_grad(set_to_none=True)
        loss, outputs = self.accumulate(x, y)
        scale = self.scaler.get_scale() if self.scheduler else 0.0
        self.scaler.step(self.optimizer)
        self.scaler.update()
        # A step that overflowed in fp16 was skipped, and is not the schedule's either.
        if self.scheduler and self.scaler.get_scale() >= scale:
            self.scheduler.step()
        self.taken += 1
        return loss, outputs, y

    def accumulate(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient of the batch's mean loss, in pieces; that loss, and the outputs."""
        # keep if not ranks
        pieces, network = min(self.options.accumulate, len(x)), self.model
        # end
        # keep if ranks
        # As many on every process, though one may have an example more.
        pieces = min(self.options.accumulate, self.batches.size // ranks())
        network = self.network
        # end
        losses, outputs = [], []
        for part_x, part_y in zip(x.tensor_split(pieces), y.tensor_split(pieces), strict=True):
            # keep if ranks
            is_last = len(losses) == pieces - 1
            # keep if fsdp
            is_last = is_last or self.options.sync_pieces
            # end
            exchange(network, is_last)
            # end
            with autocast(self.device, self.options.precision):
                found = network(part_x)
            loss = loss_of(found, part_y)
            # keep if not ranks
            if pieces > 1:
                loss = loss * (len(part_x) / len(x))
            # end
            # keep if ranks
            # Their sum has this mean over all processes: the loss of the whole batch.
            loss = loss * (len(part_x) * ranks() / self.batches.size)
            # end
            self.scaler.scale(loss).backward()
            losses.append(loss.detach())
            outputs.append(found.detach())
        # keep if ranks
        return mean(torch.stack(losses).sum()), torch.cat(outputs)
        # end
        # keep if not ranks
        if pieces == 1:
            return losses[0], outputs[0]
        return torch.stack(losses).sum(), torch.cat(outputs)
        # end


def train(trainer: Trainer, options: argparse.Namespace) -> bool:
    """Train to the last step; False where the loss diverged, and training ended there."""
    progress = Progress(options.steps, options.quiet, options.progress)
    # keep if log
    log = Log(options, trainer.taken)
    # end
    trainer.model.train()
    try:
        while trainer.taken < options.steps:
            loss, outputs, y = trainer.step()
            step = trainer.taken
            # keep if ranks
            is_due = progress.is_due(step)
            # keep if log
            is_due = is_due or log.is_due(step)
            # end
            if is_due:
                outputs, y = (gather(v, trainer.batches.size) for v in (outputs, y))
            # end
            # keep if log
            if log.is_due(step):
                rates = {group["name"]: group["lr"] for group in trainer.optimizer.param_groups}
                log.write(step, {"loss": loss.item(), SCORE: score(outputs, y), "lr": rates})
            # end
            if progress.is_due(step):
                value = loss.item()
                progress.show(step, value, score(outputs, y))
                if not math.isfinite(value):
                    return False
    finally:
        progress.close()
        # keep if log
        log.close()
        # end
    return True


def steps_of(warmup: float, steps: int) -> int:
    """A number of steps; below 1, a share of all."""
    return round(warmup * steps) if warmup < 1 else int(warmup)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Matrix products in 16 bits when asked for; weights and optimizer state stay in fp32."""
    kind = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=kind, enabled=precision != "fp32")


@torch.no_grad()
def evaluate(model: Network, x: Tensor, y: Tensor, precision: str) -> tuple[float, float]:
    """Loss and score over all of ``x``, in pieces."""
    model.eval()
    device = next(model.parameters()).device
    with autocast(device, precision):
        # keep if not ranks
        outputs = torch.cat([model(piece.to(device)).float() for piece in x.split(4096)])
        # end
        # keep if ranks
        found = []
        for piece in x.split(4096 * ranks()):
            mine = model(share(piece).to(device)).float()
            found.append(gather(mine, len(piece)))
        outputs = torch.cat(found)
        # end
    y = y.to(device)
    return loss_of(outputs, y).item(), score(outputs, y)
