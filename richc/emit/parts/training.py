"""Part: batches, steps, and loss and score over many examples."""

import argparse
import contextlib
import math
import sys
from typing import Any

import torch
import torch.distributed as dist  # keep if ranks
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel  # keep if ddp

from richc.emit.parts.cross_entropy import loss_of, score
from richc.emit.parts.network import _Network
from richc.emit.parts.ranks import gather, rank, ranks

SCORE = "accuracy"

# ---- emitted from here on ----


# keep if not features
def train(model: _Network, x: Tensor, y: Tensor, options: argparse.Namespace) -> None:
    """Train on shuffled full batches, and show the loss ten times."""
    optimizer = model.make_optimizer(options.lr)  # fill plain_optimizer
    generator, batches = torch.Generator().manual_seed(options.seed), list[Tensor]()
    steps, size = options.steps, min(options.batch, len(x))
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
        if step * 10 // steps > (step - 1) * 10 // steps:
            if not loss.isfinite():
                raise FloatingPointError(f"the loss diverged (seen after step {step})")
            if not options.quiet:
                print(f"step {step}/{steps}  loss {loss.item():.4g}", file=sys.stderr)


# else
def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Matrix products in 16 bits when asked for; weights and optimizer state stay in fp32."""
    kind = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, kind, enabled=precision != "fp32")


# end
@torch.no_grad()
def evaluate(model: _Network, x: Tensor, y: Tensor, precision: str) -> tuple[float, float]:
    """Loss and score over all of ``x``, in pieces."""
    # keep if features
    device, found = next(model.parameters()).device, list[Tensor]()
    with autocast(device, precision):
        for rows in torch.arange(len(x)).split(4096):
            found.append(model(x[rows].to(device)).float())  # keep if not ranks
            # keep if ranks
            mine = rows.tensor_split(ranks())[rank()]
            found.append(gather(model(x[mine].to(device)).float(), len(rows)))
            # end
    outputs, y = torch.cat(found), y.to(device)
    # else
    with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bf16"):
        outputs = torch.cat([model(piece).float() for piece in x.split(4096)])
    # end
    return loss_of(outputs, y).item(), score(outputs, y)


# keep if features
# keep if options
def share_of_rate(schedule: str, step: int, steps: int, warmup: int = 0) -> float:
    """The factor on every group's rate, so that the ratios between layers stay as they are."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - warmup)
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * done))
    return 1.0 - done if schedule == "linear" else 1.0


# end
class Trainer:
    """All that training changes: weights, the optimizer's state and rates, the data's order."""

    def __init__(self, model: Any, x: Any, y: Tensor, options: argparse.Namespace) -> None:
        self.model, self.x, self.y, self.options = model, x, y, options
        self.device = next(model.parameters()).device
        self.size, self.taken = min(options.batch, len(x)), 0
        # keep if ranks
        if self.size < ranks():
            raise ValueError(f"--batch: fewer examples than the {ranks()} processes")
        # end
        self.network: Any = model
        self.probe: Tensor  # that layers are measured on  # keep if monitor
        self.held_out: tuple[Any, Tensor]  # seen while it trains  # keep if options and not ranks
        self.undo = contextlib.ExitStack()  # what ends with training
        self.generator = torch.Generator().manual_seed(options.seed)
        self.shuffle()
        # keep if options
        if options.compile:
            mode, is_whole = options.compile_mode, True  # keep if not fsdp
            mode, is_whole = options.compile_mode, False  # between gatherings  # keep if fsdp
            self.network = torch.compile(model, fullgraph=is_whole, mode=mode)
        # end
        # keep if ddp
        self.network = DistributedDataParallel(self.network, gradient_as_bucket_view=True)
        # end
        self.optimizer = model.make_optimizer(options.lr)  # fill its_optimizer
        # keep if options
        steps, warmup = options.steps, options.warmup
        warmup = round(warmup * steps) if warmup < 1 else int(warmup)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: share_of_rate(options.schedule, step, steps, warmup)
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=options.precision == "fp16")
        # end

    def shuffle(self, taken: int = 0) -> None:
        """Begin an epoch, or go on behind its first batches; rows of no full one are left out."""
        self.begun = self.generator.get_state()
        order = torch.randperm(len(self.x), generator=self.generator)
        # keep if not stream
        chosen = order[: len(order) - len(order) % self.size].to(self.x.device).split(self.size)
        # end
        chosen = self.x.arrange(order, self.size, self.generator)  # keep if stream
        self.left = list(chosen[taken:])  # keep if not ranks
        # keep if ranks
        self.left = [rows.tensor_split(ranks())[rank()] for rows in chosen[taken:]]
        # end

    def batch(self) -> tuple[Tensor, Tensor]:
        """The next features and targets."""
        if not self.left:
            self.shuffle()
        rows = self.left.pop(0)
        x, y = self.x[rows].to("cpu"), self.y[rows]  # keep if stream
        x, y = self.x[rows], self.y[rows]  # keep if not stream
        if self.device.type == "cuda" and not x.is_cuda:
            x, y = x.pin_memory(), y.pin_memory()  # so that nothing waits for the copies
        return x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)

    def step(self) -> tuple[Tensor, Tensor, Tensor]:
        """One step; the loss of its batch, the outputs and the targets, without waiting."""
        x, y = self.batch()
        # keep if ranks
        rows = self.size / ranks()  # so that the mean over processes is the batch's
        # end
        rows = len(x)  # keep if options and not ranks
        # keep if not options
        self.optimizer.zero_grad()
        with autocast(self.device, self.options.precision):
            outputs = self.network(x)
        loss = loss_of(outputs, y)  # keep if not ranks
        loss = loss_of(outputs, y) * (len(x) / rows)  # keep if ranks
        loss.backward()
        self.optimizer.step()
        # else
        pieces, made = min(self.options.accumulate, int(rows)), list[Tensor]()
        loss = torch.zeros((), device=self.device)
        for p in self.model.parameters():  # a sum needs memory that no CUDA graph writes over
            p.grad = torch.zeros_like(p) if pieces > 1 and p.requires_grad else None
        for part_x, part_y in zip(x.tensor_split(pieces), y.tensor_split(pieces), strict=True):
            is_last = len(made) == pieces - 1  # keep if ranks
            self.network.require_backward_grad_sync = is_last  # keep if ddp
            # keep if fsdp
            self.network.set_requires_gradient_sync(is_last or self.options.sync_pieces)
            # end
            with autocast(self.device, self.options.precision):
                found = self.network(part_x)
            part = loss_of(found, part_y) * (len(part_x) / rows)
            self.scaler.scale(part).backward()
            loss += part.detach()
            made.append(found.detach().clone())
        outputs, scale = torch.cat(made), self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.get_scale() >= scale:  # what overflowed in fp16 was skipped
            self.scheduler.step()
        # end
        loss = loss.detach()  # keep if not ranks
        # keep if ranks
        loss = loss.detach() / ranks()
        dist.all_reduce(loss)
        # end
        self.taken += 1
        return loss, outputs.detach(), y


# end
