"""Part: the loop, and evaluation."""

from __future__ import annotations

import argparse
import math

import torch
from torch import Tensor

from richc.emit.parts.ckpt import Checkpoints
from richc.emit.parts.cross_entropy import SCORE, loss_of, score
from richc.emit.parts.log import Log
from richc.emit.parts.monitor import Monitor
from richc.emit.parts.network import Network
from richc.emit.parts.progress import Progress
from richc.emit.parts.ranks import gather, ranks, share
from richc.emit.parts.split import Split
from richc.emit.parts.trainer import Trainer, autocast

# ---- emitted from here on ----


def train(trainer: Trainer, data: Split, options: argparse.Namespace) -> int:
    """Train to the last step.  Returns 0, or the exit code of what ended training before it:

    1 for a loss that diverged, 128 and its number for a signal.
    """
    # keep if monitor
    # Before a checkpoint is loaded: changes are counted from the beginning.
    monitor = Monitor(trainer, data.test_x, options)
    # end
    # keep if ckpt
    checkpoints = Checkpoints(options)
    checkpoints.begin(trainer, options.resume)
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
    progress = Progress(options.steps, options.quiet, options.progress, trainer.taken)
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
            # keep if monitor
            if monitor.is_due(step):
                progress.close()
                monitor.show(step)
                # end
                # keep if monitor and log
                log.write(step, {"monitor": monitor.rows})
            # end
            if progress.is_due(step):
                value = loss.item()
                progress.show(step, value, score(outputs, y))
                if not math.isfinite(value):
                    return 1
            # keep if ckpt
            # keep if ranks
            checkpoints.agree()
            # end
            if checkpoints.is_due(step):
                if not math.isfinite(loss.item()):
                    return 1
                checkpoints.save(trainer)
                if checkpoints.stop:
                    return 128 + checkpoints.stop
            # end
    finally:
        progress.close()
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
