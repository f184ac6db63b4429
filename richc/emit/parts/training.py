# ruff: noqa: T201 - the emitted program talks to its user
"""Part: the loop of a program with features."""

from __future__ import annotations

import argparse
import sys
import time

from torch import Tensor

from richc.emit.parts.ckpt import Checkpoints
from richc.emit.parts.cross_entropy import score
from richc.emit.parts.log import Log
from richc.emit.parts.monitor import Monitor
from richc.emit.parts.ranks import gather
from richc.emit.parts.trainer import Trainer

SCORE = "accuracy"


# ---- emitted from here on ----


def train(trainer: Trainer, probe: Tensor, options: argparse.Namespace) -> int:
    """Train to the last step; 0, or 1 for a loss that diverged."""
    # keep if monitor
    monitor = Monitor(trainer, probe, options)  # changes are counted from the beginning
    # end
    # keep if ckpt
    checkpoints = Checkpoints(trainer, options)
    # end
    # keep if log
    log = Log(options, trainer.taken)
    # end
    # keep if monitor
    if options.monitor and not trainer.taken:
        # keep if log
        log.write({"step": 0, "monitor": monitor.show(0)})
        # end
        # keep if not log
        monitor.show(0)
        # end
    # end
    begun, first, steps = time.perf_counter(), trainer.taken, options.steps
    in_place = options.progress or (sys.stderr.isatty() and not options.quiet)
    # keep if not ranks
    times = 100 if in_place else 10
    # end
    try:
        for step in range(first + 1, steps + 1):
            loss, outputs, y = trainer.step()
            # keep if ranks
            is_due = not options.quiet and step * 10 // steps > (step - 1) * 10 // steps
            # end
            # keep if not ranks
            is_due = not options.quiet and step * times // steps > (step - 1) * times // steps
            # end
            # keep if log
            is_logged = bool(options.log or options.tensorboard) and step % options.log_every == 0
            # end
            # keep if ranks and log
            if is_due or is_logged:
                outputs, y = (gather(v, trainer.batches.size) for v in (outputs, y))
            # end
            # keep if ranks and not log
            if is_due:
                outputs, y = (gather(v, trainer.batches.size) for v in (outputs, y))
            # end
            # keep if log
            if is_logged:
                rates = {group["name"]: group["lr"] for group in trainer.optimizer.param_groups}
                found = {"loss": loss.item(), SCORE: score(outputs, y)}
                log.write({"step": step, **found, "lr": rates})
            # end
            # keep if monitor
            if options.monitor and step % options.monitor == 0:
                # keep if log
                log.write({"step": step, "monitor": monitor.show(step)})
                # end
                # keep if not log
                monitor.show(step)
                # end
            # end
            if is_due:
                left = (time.perf_counter() - begun) / (step - first) * (steps - step)
                shown = f"loss {loss:.4g}  {SCORE} {score(outputs, y):.4f}  {left:.0f} s left"
                start, end = ("\r", "\x1b[K") if in_place else ("", "\n")
                print(f"{start}step {step}/{steps}  {shown}", end=end, file=sys.stderr, flush=True)
            # keep if ckpt
            is_kept = checkpoints.is_due(step)
            if (is_due or is_kept) and not loss.isfinite():
                return 1
            if is_kept:
                checkpoints.save()
                if checkpoints.stop:
                    return 128 + checkpoints.stop
            # end
            # keep if not ckpt
            if is_due and not loss.isfinite():
                return 1
            # end
    finally:
        if in_place:
            print(file=sys.stderr)
        # keep if log
        log.close()
        # end
        # keep if ckpt
        checkpoints.undo.close()
        # end
    return 0
