"""Part: a run from the data to the last line."""

import argparse
import importlib
import math
import sys
import tempfile
import time
from pathlib import Path

import torch

from richc.emit.parts import training
from richc.emit.parts.ckpt import Checkpoints
from richc.emit.parts.command import parse
from richc.emit.parts.cross_entropy import score
from richc.emit.parts.data import load, place, refused_for
from richc.emit.parts.log import Log
from richc.emit.parts.monitor import Monitor
from richc.emit.parts.network import _Network
from richc.emit.parts.ranks import gather, processes, rank, shard
from richc.emit.parts.training import Trainer, evaluate

MODEL, COMPILER, SCORE = "model", "richc", "accuracy"

# ---- emitted from here on ----


# keep if features
# ---- a run ---------------------------------------------------------------------------------------
def train(trainer: Trainer) -> int:
    """Train to the last step; returns 0, 1 for a loss that diverged, or 128 and a signal."""
    options, begun = trainer.options, time.perf_counter()
    monitor = Monitor(trainer)  # changes are counted from the beginning  # keep if monitor
    checkpoints = Checkpoints(trainer)  # keep if ckpt
    log = Log(trainer)  # keep if log
    first, steps = trainer.taken, options.steps
    # keep if monitor
    if options.monitor and not trainer.taken:
        log.write({"step": 0, "monitor": monitor.show(0)})  # keep if log
        monitor.show(0)  # keep if not log
    # end
    # keep if options
    in_place = options.progress or (sys.stderr.isatty() and not options.quiet)
    if in_place:
        trainer.undo.callback(print, file=sys.stderr)
    times = 100 if in_place else min(options.epochs or 10, 100)  # keep if not ranks
    # end
    for step in range(first + 1, steps + 1):
        loss, outputs, y = trainer.step()
        is_due = step * 10 // steps > (step - 1) * 10 // steps  # keep if ranks or not options
        # keep if options and not ranks
        is_due = step * times // steps > (step - 1) * times // steps
        # end
        # keep if log
        is_logged = bool(options.log or options.tensorboard) and step % options.log_every == 0
        # end
        # keep if log and ranks
        if is_due or is_logged:
            outputs, y = (gather(v, trainer.size) for v in (outputs, y))
        # end
        # keep if ranks and not log
        if is_due:
            outputs, y = (gather(v, trainer.size) for v in (outputs, y))
        # end
        # keep if log
        if is_logged:
            rates = {group["name"]: group["lr"] for group in trainer.optimizer.param_groups}
            log.write({"step": step, "loss": loss.item(), SCORE: score(outputs, y), "lr": rates})
        # end
        # keep if monitor
        if options.monitor and step % options.monitor == 0:
            log.write({"step": step, "monitor": monitor.show(step)})  # keep if log
            monitor.show(step)  # keep if not log
        # end
        if is_due and not options.quiet:
            left = (time.perf_counter() - begun) / (step - first) * (steps - step)
            shown = f"step {step}/{steps}  loss {loss:.4g}  {SCORE} {score(outputs, y):.4f}"
            # keep if options and not ranks
            held_out, unseen = evaluate(trainer.model, *trainer.held_out, options.precision)
            shown = f"{shown}  held-out loss {held_out:.4g} {SCORE} {unseen:.4f}"
            # end
            # keep if options
            start, end = ("\r", "\x1b[K") if in_place else ("", "\n")
            print(f"{start}{shown}  {left:.0f} s left", end=end, file=sys.stderr, flush=True)
            # else
            print(f"{shown}  {left:.0f} s left", file=sys.stderr, flush=True)
            # end
        # keep if ckpt
        is_kept = checkpoints.is_due(step)
        if (is_due or is_kept) and not loss.isfinite():
            return 1
        if is_kept:
            checkpoints.save()
            if checkpoints.stop:
                return 128 + checkpoints.stop
        # else
        if is_due and not loss.isfinite():
            return 1
        # end
    return 0


@processes()  # keep if ranks
def run(options: argparse.Namespace) -> int:
    """Load, train, report and save; returns 0, 1 if the loss diverged, or as ``train``."""
    with refused_for(f"--device {options.device} is not available"):
        device = torch.empty(0, device=options.device).device
    # keep if options
    if options.tf32:
        torch.set_float32_matmul_precision("high")
    # end
    # keep if not stream and not options
    train_x, train_y, test_x, test_y = (part.to(device) for part in load(options))
    # end
    # keep if not stream and options
    train_x, train_y, test_x, test_y = place(load(options), device, options.data_on)
    # end
    train_x, train_y, test_x, test_y = load(options)  # keep if stream
    # keep if options
    if options.epochs:
        options.steps = options.epochs * (len(train_x) // min(options.batch, len(train_x)))
    # end
    torch.manual_seed(options.seed)
    with refused_for("the network"):
        model = shard(options, device)  # keep if fsdp
        # keep if not fsdp
        # Drawn on the CPU, so that a seed means the same network on every device.
        # keep if not depth
        model = _Network(options.width, options.richness, options.gamma).to(device)
        # else
        sizes = (options.width, options.depth, options.richness, options.gamma)
        model = _Network(*sizes).to(device)
        # end
        # end
        trainer = Trainer(model, train_x, train_y, options)
        trainer.probe = test_x[:256].to(device)  # keep if monitor
        trainer.held_out = test_x[:4096], test_y[:4096]  # keep if options and not ranks
    with trainer.undo:
        code = train(trainer)
    # keep if ckpt
    if code > 1:  # a signal's
        return code
    # end
    # keep if stream
    train_x, train_y = train_x.some(train_y, options.report_rows)
    test_x, test_y = test_x.some(test_y, options.report_rows)
    # end
    loss, known = evaluate(model, train_x, train_y, options.precision)
    held_out, unseen = evaluate(model, test_x, test_y, options.precision)
    shown = f"train loss {loss:.6g} {SCORE} {known:.4f}"
    print(f"{shown}  held-out loss {held_out:.6g} {SCORE} {unseen:.4f}", flush=True)
    if code or not math.isfinite(loss):
        print(f"error: the loss diverged (seen after step {trainer.taken})", file=sys.stderr)
        code = 1
    if options.save is not None:
        told = {"model": MODEL, "compiler": COMPILER, "steps": str(trainer.taken)}
        told |= {key: str(vars(options)[key]) for key in ("width", "richness", "gamma", "seed")}
        told["depth"] = str(options.depth)  # keep if depth
        # keep if fsdp
        weights = {k: w.full_tensor().cpu() for k, w in model.state_dict().items()}
        # end
        weights = {k: w.cpu() for k, w in model.state_dict().items()}  # keep if not fsdp
        # keep if ranks
        if rank():
            return code
        # end
        folder = tempfile.TemporaryDirectory(dir=options.save.parent)
        with folder, refused_for(f"--save {options.save}"):
            draft = Path(folder.name) / options.save.name
            # keep if options
            if draft.suffix == ".safetensors":
                draft.write_bytes(importlib.import_module("safetensors.torch").save(weights, told))
            else:
                torch.save({"model": weights, "metadata": told}, draft)
            # end
            torch.save({"model": weights, "metadata": told}, draft)  # keep if not options
            draft.replace(options.save)
    return code


# end
def main(argv: list[str] | None = None) -> int:
    # keep if features
    """The command line; returns 0 if it trained, 1 if the loss diverged, 2 for bad input."""
    # else
    """Train, report, save; returns 0 if it trained, 1 if the loss diverged, 2 for bad input."""
    # end
    try:
        y = run(parse(argv))  # keep if features
        # keep if not features
        options = parse(argv)
        train_x, train_y, test_x, test_y = (part.to(options.device) for part in load(options))
        torch.manual_seed(options.seed)
        # keep if not depth
        model = _Network(options.width, options.richness, options.gamma).to(options.device)
        # else
        sizes = (options.width, options.depth, options.richness, options.gamma)
        model = _Network(*sizes).to(options.device)
        # end
        training.train(model, train_x, train_y, options)  # fill plain_train
        loss, known = evaluate(model, train_x, train_y, options.precision)
        held_out, unseen = evaluate(model, test_x, test_y, options.precision)
        shown = f"train loss {loss:.6g} {SCORE} {known:.4f}"
        print(f"{shown}  held-out loss {held_out:.6g} {SCORE} {unseen:.4f}", flush=True)
        if options.save is not None:
            draft = options.save.with_name(f"{options.save.name}.tmp")
            torch.save(model.state_dict(), draft)
            draft.replace(options.save)
        y = 0 if math.isfinite(loss) else 1
        # end
        return y
    except KeyboardInterrupt:
        line, code = "interrupted", 130
    # keep if features
    except (argparse.ArgumentError, OSError, ValueError, torch.OutOfMemoryError) as error:
        line, code = f"error: {error}", 2
    # else
    except (ArithmeticError, AssertionError, OSError, RuntimeError, ValueError) as error:
        line, code = f"error: {error}", 1 if isinstance(error, FloatingPointError) else 2
    # end
    print("".join(c if c.isprintable() else "?" for c in line.split("\n")[0]), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
