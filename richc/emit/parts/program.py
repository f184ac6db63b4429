"""Part: the options of the command line, and a run from the data to the last line."""

import argparse
import importlib
import math
import sys
import tempfile
import time
from pathlib import Path

import torch

from richc.emit.parts import training
from richc.emit.parts.data import load, number, place, refused_for
from richc.emit.parts.network import _Network, score, sizes_of
from richc.emit.parts.records import Checkpoints, Log, Monitor
from richc.emit.parts.training import Trainer, evaluate, gather, processes, rank, shard

WIDTH, DEPTH, RICHNESS, GAMMA = 64, 4, 0.5, 1.0
MODEL, COMPILER, SCORE = "model", "richc", "accuracy"
DATA: str | None = None
TARGET: str | None = None
STEPS, BATCH, SEED, PRECISION = 1000, 128, 0, "fp32"
SCHEDULE, WARMUP = "constant", 0.0

# ---- emitted from here on ----


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.exit_on_error = False  # but raise: `main` prints a line  # keep if features
    add = parser.add_argument
    # keep if has_data
    data = Path(__file__).resolve().parent / str(DATA)
    # keep if options
    known = str(data if data.exists() else DATA)
    add("--data", type=Path, default=known, help=".csv .csv.gz .npz .pt .safetensors (%(default)a)")
    # else
    add("--data", type=Path, default=str(data if data.exists() else DATA), help="CSV (%(default)a)")
    # end
    # else
    add("--data", type=Path, help=".csv .csv.gz .npz .pt .safetensors")  # keep if options
    add("--data", type=Path, help="a table, .csv or .csv.gz")  # keep if not options
    # end
    add("--target", default=TARGET, help="the labels' column, by name or number (the last one)")
    add("--ignore", metavar="NAMES", help="columns to leave out, with commas between")
    add("--missing", choices=("error", "drop"), default="error", help="rows with missing values")
    add("--width", type=int, default=WIDTH, help="n")
    add("--depth", type=int, default=DEPTH, help="L, the number of blocks")  # keep if depth
    add("--richness", type=number, default=RICHNESS, help="the exponent r")
    add("--gamma", type=number, default=GAMMA, help="the prefactor of alpha")
    # keep if several
    # fill options
    # else
    add("--lr", type=number, help="the optimizer's learning rate (the specification's)")
    # end
    add("--steps", type=int, default=STEPS, help="of training")
    add("--epochs", type=int, metavar="K", help="passes over the data (--steps)")  # keep if options
    add("--batch", type=int, default=BATCH, help="examples a step")
    add("--seed", type=int, default=SEED, help="of init, split and order")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu, cuda, mps")
    # keep if not options
    add("--precision", choices=("fp32", "bf16"), default=PRECISION, help="of matrix products")
    # else
    add("--precision", choices=("fp32", "bf16", "fp16"), default=PRECISION, help="of products")
    add("--schedule", choices=("constant", "cosine", "linear"), default=SCHEDULE, help="of rates")
    add("--warmup", type=number, default=WARMUP, help="steps, or a share of all of them below 1")
    add("--accumulate", type=int, default=1, metavar="K", help="split each batch in K pieces")
    add("--tf32", action="store_true", help="TensorFloat-32 for the matrix products of fp32")
    # keep if not stream
    add("--data-on", choices=("auto", "device", "host"), default="auto", help="where it is kept")
    # end
    add("--compile", action="store_true", help="run the model through torch.compile")
    add("--compile-mode", default="default", metavar="MODE", help="as of torch.compile")
    add("--progress", action="store_true", help="progress in place, always")
    # end
    add("--checkpoint", type=Path, metavar="FOLDER", help="for states of the run")  # keep if ckpt
    add("--every", type=int, default=500, metavar="K", help="steps between them")  # keep if ckpt
    add("--keep", type=int, default=2, metavar="K", help="how many, the newest")  # keep if ckpt
    add("--resume", action="store_true", help="go on from the newest, if any")  # keep if ckpt
    add("--shard-over", type=int, metavar="K", help="neighbours that share a copy")  # keep if fsdp
    # keep if fsdp and options
    add("--sync-pieces", action="store_true", help="average gradients after each piece, not once")
    # end
    add("--monitor", type=int, metavar="K", help="sizes of layers every K steps")  # keep if monitor
    add("--monitor-like", type=Path, metavar="LOG", help="of another width")  # keep if monitor
    add("--log", type=Path, metavar="FILE", help="JSON lines: loss, score, rates")  # keep if log
    add("--log-every", type=int, default=10, metavar="K", help="steps between them")  # keep if log
    add("--tensorboard", type=Path, metavar="FOLDER", help="for TensorBoard")  # keep if log
    add("--window", type=int, default=8, metavar="K", help="shuffled chunks")  # keep if stream
    add("--statistics-rows", type=int, metavar="N", help="rows for statistics")  # keep if stream
    add("--report-rows", type=int, default=10**6, metavar="N", help="evaluated")  # keep if stream
    add("--save", type=Path, metavar="PATH", help="weights, .safetensors or .pt")  # keep if options
    add("--save", type=Path, metavar="FILE.pt", help="write the weights")  # keep if not options
    add("--quiet", action="store_true", help="no progress on stderr")
    options = parser.parse_args(argv)
    for name, value in ((k.replace("_", "-"), v) for k, v in vars(options).items()):  # finite
        least = {"seed": 0.0, "richness": -1e300}.get(name, 1e-300)
        least = 0.0 if name == "warmup" else least  # keep if options
        if type(value) in (int, float) and not least <= value < math.inf:
            raise ValueError(f"--{name}: no number, or one that is too small or infinite")
    if options.warmup > 1 and options.warmup % 1:  # keep if options
        raise ValueError(f"--warmup: {options.warmup} is no number of steps")
    # keep if options
    save = options.save
    if save and not (save.suffix in (".pt", ".safetensors") and save.parent.is_dir()):
        raise ValueError(f"--save {save}: no .pt or .safetensors, or no folder {save.parent}")
    # else
    if options.save and not (options.save.suffix == ".pt" and options.save.parent.is_dir()):
        raise ValueError(f"--save {options.save}: no .pt, or no folder {options.save.parent}")
    # end
    if options.data is None:  # keep if not has_data
        raise ValueError("which data? name a file with --data")
    if options.resume and options.checkpoint is None:  # keep if ckpt
        raise ValueError("--resume: from which folder? name it with --checkpoint")
    return options


# keep if features
def train(trainer: Trainer) -> int:
    """Train to the last step; returns 0, 1 for a loss that diverged, or 128 and a signal."""
    options, begun = trainer.options, time.perf_counter()
    monitor = Monitor(trainer)  # changes are counted from the beginning  # keep if monitor
    checkpoints = Checkpoints(trainer)  # keep if ckpt
    log = Log(trainer)  # keep if log
    first, steps = trainer.taken, options.steps
    if options.monitor and not trainer.taken:  # keep if monitor
        log.write({"step": 0, "monitor": monitor.show(0)})  # keep if log
        monitor.show(0)  # keep if not log
    # keep if options
    in_place = options.progress or (sys.stderr.isatty() and not options.quiet)
    if in_place:
        trainer.undo.callback(print, file=sys.stderr)
    # end
    times = 10  # of progress  # keep if ranks or not options
    times = 100 if in_place else min(options.epochs or 10, 100)  # keep if options and not ranks
    for step in range(first + 1, steps + 1):
        loss, outputs, y = trainer.step()
        is_due = step * times // steps > (step - 1) * times // steps
        # keep if log
        is_told = bool(options.log or options.tensorboard) and step % options.log_every == 0
        # end
        if is_due or is_told:  # keep if log and ranks
            outputs, y = (gather(v, trainer.size) for v in (outputs, y))
        if is_due:  # keep if ranks and not log
            outputs, y = (gather(v, trainer.size) for v in (outputs, y))
        if is_told:  # keep if log
            rates = {group["name"]: group["lr"] for group in trainer.optimizer.param_groups}
            log.write({"step": step, "loss": loss.item(), SCORE: score(outputs, y), "lr": rates})
        if options.monitor and step % options.monitor == 0:  # keep if monitor
            log.write({"step": step, "monitor": monitor.show(step)})  # keep if log
            monitor.show(step)  # keep if not log
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
        is_kept = checkpoints.is_due(step)  # keep if ckpt
        if (is_due or is_kept) and not loss.isfinite():  # keep if ckpt
            return 1
        if is_due and not loss.isfinite():  # keep if not ckpt
            return 1
        if is_kept:  # keep if ckpt
            checkpoints.save()
            if checkpoints.stop:
                return 128 + checkpoints.stop
    return 0


@processes()  # keep if ranks
def run(options: argparse.Namespace) -> int:
    """Load, train, report and save; returns 0, 1 if the loss diverged, or as ``train``."""
    with refused_for(f"--device {options.device} is not available"):
        device = torch.empty(0, device=options.device).device
    if options.tf32:  # keep if options
        torch.set_float32_matmul_precision("high")
    data = load(options)
    data = place(data, device, options.data_on)  # keep if options and not stream
    data = [part.to(device) for part in data]  # keep if not options and not stream
    train_x, train_y, test_x, test_y = data
    if options.epochs:  # keep if options
        options.steps = options.epochs * (len(train_x) // min(options.batch, len(train_x)))
    torch.manual_seed(options.seed)
    with refused_for("the network"):
        model = shard(options, device)  # keep if fsdp
        # Drawn on the CPU: a seed means one network, on every device.  # keep if not fsdp
        model = _Network(*sizes_of(options)).to(device)  # keep if not fsdp
        trainer = Trainer(model, train_x, train_y, options)
        trainer.probe = test_x[:256].to(device)  # keep if monitor
        trainer.held_out = test_x[:4096], test_y[:4096]  # keep if options and not ranks
    with trainer.undo:
        code = train(trainer)
    if code > 1:  # a signal's  # keep if ckpt
        return code
    train_x, train_y = train_x.some(train_y, options.report_rows)  # keep if stream
    test_x, test_y = test_x.some(test_y, options.report_rows)  # keep if stream
    train_loss, train_score = evaluate(model, train_x, train_y, options.precision)
    test_loss, test_score = evaluate(model, test_x, test_y, options.precision)
    shown = f"train loss {train_loss:.6g} {SCORE} {train_score:.4f}"
    print(f"{shown}  held-out loss {test_loss:.6g} {SCORE} {test_score:.4f}", flush=True)
    if code or not math.isfinite(train_loss):
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
        if rank():  # keep if ranks
            return code
        folder = tempfile.TemporaryDirectory(dir=options.save.parent)
        with folder, refused_for(f"--save {options.save}"):
            draft = Path(folder.name) / options.save.name
            if draft.suffix == ".safetensors":  # keep if options
                draft.write_bytes(importlib.import_module("safetensors.torch").save(weights, told))
            else:  # keep if options
                torch.save({"model": weights, "metadata": told}, draft)
            torch.save({"model": weights, "metadata": told}, draft)  # keep if not options
            draft.replace(options.save)
    return code


# end
def main(argv: list[str] | None = None) -> int:
    """Train, report, save; returns 0 if it trained, 1 if the loss diverged, 2 for bad input."""
    try:
        y = run(parse(argv))  # keep if features
        # keep if not features
        options = parse(argv)
        train_x, train_y, test_x, test_y = (part.to(options.device) for part in load(options))
        torch.manual_seed(options.seed)
        model = _Network(*sizes_of(options)).to(options.device)
        training.train(model, train_x, train_y, options)
        train_loss, train_score = evaluate(model, train_x, train_y, options.precision)
        test_loss, test_score = evaluate(model, test_x, test_y, options.precision)
        shown = f"train loss {train_loss:.6g} {SCORE} {train_score:.4f}"
        print(f"{shown}  held-out loss {test_loss:.6g} {SCORE} {test_score:.4f}", flush=True)
        if options.save is not None:
            draft = options.save.with_name(f"{options.save.name}.tmp")
            torch.save(model.state_dict(), draft)
            draft.replace(options.save)
        y = 0 if math.isfinite(train_loss) else 1
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
