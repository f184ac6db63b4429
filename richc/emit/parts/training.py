# ruff: noqa: T201 - the emitted program talks to its user
"""Part: the loop, and evaluation."""

from __future__ import annotations

import argparse
import sys
import time

import torch
from torch import Tensor

from richc.emit.parts.ckpt import Checkpoints
from richc.emit.parts.cross_entropy import loss_of, score
from richc.emit.parts.data import Split
from richc.emit.parts.log import Log
from richc.emit.parts.monitor import Monitor
from richc.emit.parts.network import Network
from richc.emit.parts.ranks import gather, one_voice, ranks, share
from richc.emit.parts.trainer import Trainer, autocast

SCORE = "accuracy"

# ---- emitted from here on ----


def train(trainer: Trainer, data: Split, options: argparse.Namespace) -> int:
    # keep if ckpt
    """Train to the last step; 0, 1 for a loss that diverged, 128 and its number for a signal."""
    # end
    # keep if not ckpt
    """Train to the last step; 0, or 1 for a loss that diverged."""
    # end
    # keep if monitor
    # Before a checkpoint is loaded: changes are counted from the beginning.
    monitor = Monitor(trainer, data.test_x, options)
    # end
    # keep if ckpt
    checkpoints = Checkpoints(trainer, options)
    # end
    # keep if log
    log = Log(options, trainer.taken)
    # end
    # keep if monitor
    if monitor.every and not trainer.taken:
        monitor.show(0)
        # end
        # keep if monitor and log
        log.write(0, {"monitor": monitor.rows})
    # end
    begun, first, steps = time.perf_counter(), trainer.taken, options.steps
    in_place = options.progress or (sys.stderr.isatty() and not options.quiet)
    # keep if not ranks
    times = 100 if in_place else 10
    # end
    # keep if ranks
    times = 10  # a terminal or none: all processes exchange their outputs for it
    # end
    trainer.model.train()
    try:
        while trainer.taken < steps:
            loss, outputs, y = trainer.step()
            step = trainer.taken
            is_due = not options.quiet and step * times // steps > (step - 1) * times // steps
            # keep if ranks and log
            if is_due or log.is_due(step):
                outputs, y = (gather(v, trainer.batches.size) for v in (outputs, y))
            # end
            # keep if ranks and not log
            if is_due:
                outputs, y = (gather(v, trainer.batches.size) for v in (outputs, y))
            # end
            # keep if log
            if log.is_due(step):
                rates = {group["name"]: group["lr"] for group in trainer.optimizer.param_groups}
                log.write(step, {"loss": loss.item(), SCORE: score(outputs, y), "lr": rates})
            # end
            # keep if monitor
            if monitor.is_due(step):
                monitor.show(step)
                # end
                # keep if monitor and log
                log.write(step, {"monitor": monitor.rows})
            # end
            if is_due:
                left = (time.perf_counter() - begun) / (step - first) * (steps - step)
                line = f"step {step}/{steps}  loss {loss:.4g}  {SCORE} {score(outputs, y):.4f}"
                line = f"{line}  {left:.0f} s left"
                line = f"\r{line}\x1b[K" if in_place else f"{line}\n"
                # keep if ranks
                with one_voice():
                    print(line, end="", file=sys.stderr, flush=True)
                # end
                # keep if not ranks
                print(line, end="", file=sys.stderr, flush=True)
                # end
                if not loss.isfinite():
                    return 1
            # keep if ckpt
            if checkpoints.is_due(step):
                if not loss.isfinite():
                    return 1
                checkpoints.save()
                if checkpoints.stop:
                    return 128 + checkpoints.stop
            # end
    finally:
        if in_place:
            print(file=sys.stderr)
        # keep if log
        log.close()
        # end
        # keep if ckpt
        checkpoints.end()
        # end
    return 0


@torch.no_grad()
def evaluate(model: Network, x: Tensor, y: Tensor, precision: str) -> tuple[float, float]:
    """Loss and score over all of ``x``, in pieces."""
    model.eval()
    device = next(model.parameters()).device
    with autocast(device, precision):
        # keep if not ranks
        starts = range(0, len(x), 4096)
        outputs = torch.cat([model(x[i : i + 4096].to(device)).float() for i in starts])
        # end
        # keep if ranks
        found = []
        for rows in torch.arange(len(x)).split(4096 * ranks()):
            mine = model(x[share(rows)].to(device)).float()
            found.append(gather(mine, len(rows)))
        outputs = torch.cat(found)
        # end
    y = y.to(device)
    return loss_of(outputs, y).item(), score(outputs, y)
