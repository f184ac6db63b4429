# ruff: noqa: T201 - the emitted program talks to its user
"""Part: the command line, and a run from the data to the last line."""

from __future__ import annotations

import argparse
import importlib
import math
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn

# keep if fsdp
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

# end
from richc.emit.parts.data import DataError, Split, load, place
from richc.emit.parts.evaluate import evaluate
from richc.emit.parts.files import refused_for
from richc.emit.parts.network import Network
from richc.emit.parts.ranks import processes, rank
from richc.emit.parts.shards import shard
from richc.emit.parts.stream import open_data, portion
from richc.emit.parts.table import number
from richc.emit.parts.trainer import Batches, Trainer
from richc.emit.parts.training import train

MODEL = "model"
COMPILER = "richc"
WIDTH, RICHNESS, GAMMA = 64, 0.5, 1.0
DATA: str | None = None
TARGET: str | None = None
STEPS, BATCH, SEED, PRECISION = 1000, 128, 0, "fp32"
SCHEDULE, WARMUP = "constant", 0.0
SCORE = "accuracy"

# ---- emitted from here on ----


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line's options; numbers must be positive and finite."""
    shown = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(formatter_class=shown, description=f"Train {MODEL}.")
    add = parser.add_argument
    # keep if has_data
    beside = Path(__file__).resolve().parent / str(DATA)
    data = beside if beside.exists() else Path(str(DATA))
    # end
    # keep if not options
    # keep if has_data
    add("--data", type=Path, default=data, help="a table, .csv or .csv.gz (%(default)a)")
    # end
    # keep if not has_data
    add("--data", type=Path, required=True, help="a table, .csv or .csv.gz")
    # end
    # end
    # keep if options
    kinds = ".csv .csv.gz .npz .pt .safetensors"
    # keep if has_data
    add("--data", type=Path, default=data, help=f"{kinds} (%(default)a)")
    # end
    # keep if not has_data
    add("--data", type=Path, help=kinds)
    # end
    # end
    add("--target", default=TARGET, help="the labels' column, by name or number (the last one)")
    add("--ignore", metavar="NAMES", help="columns to leave out, with commas between")
    add("--missing", choices=("error", "drop"), default="error", help="rows with missing values")
    add("--width", type=int, default=WIDTH, help="n")
    add("--richness", type=number, default=RICHNESS, help="the exponent r")
    add("--gamma", type=number, default=GAMMA, help="the prefactor of alpha")
    add("--lr", type=number, help="the optimizer's learning rate (the specification's)")
    add("--steps", type=int, default=STEPS, help="of training")
    add("--batch", type=int, default=BATCH, help="examples a step")
    add("--seed", type=int, default=SEED, help="of init, split and order")
    add("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="where to train")
    # keep if not options
    add("--precision", choices=("fp32", "bf16"), default=PRECISION, help="of matrix products")
    add("--save", type=Path, metavar="FILE.pt", help="write the weights")
    add("--quiet", action="store_true", help="no progress on stderr")
    # end
    # keep if options
    add("--precision", choices=("fp32", "bf16", "fp16"), default=PRECISION, help="of products")
    add("--schedule", choices=("constant", "cosine", "linear"), default=SCHEDULE, help="of rates")
    add("--warmup", type=number, default=WARMUP, help="steps, or a share of all of them below 1")
    add("--accumulate", type=int, default=1, metavar="K", help="split each batch in K pieces")
    add("--tf32", action="store_true", help="TensorFloat-32 for the matrix products of fp32")
    # keep if not stream
    add("--data-on", choices=("auto", "device", "host"), default="auto", help="where it is kept")
    # end
    add("--compile", action="store_true", help="run the model through torch.compile")
    modes = ("default", "reduce-overhead", "max-autotune")
    add("--compile-mode", choices=modes, default="default", help="as of torch.compile")
    # keep if ckpt
    add("--checkpoint", type=Path, metavar="FOLDER", help="where to keep whole states of the run")
    add("--every", type=int, default=500, metavar="K", help="steps between them")
    add("--keep", type=int, default=2, metavar="K", help="how many, the newest")
    add("--resume", action="store_true", help="go on from the newest state, if there is one")
    # end
    # keep if fsdp
    add("--shard-over", type=int, metavar="K", help="neighbours that share a copy (all)")
    add("--sync-pieces", action="store_true", help="average gradients after each piece, not once")
    # end
    # keep if monitor
    add("--monitor", type=int, metavar="K", help="show the layers' sizes every K steps")
    add("--monitor-like", type=Path, metavar="LOG", help="a monitored run of another width")
    # end
    # keep if log
    add("--log", type=Path, metavar="FILE", help="append JSON lines: step, loss, score, rates")
    add("--log-every", type=int, default=10, metavar="K", help="steps between them")
    add("--tensorboard", type=Path, metavar="FOLDER", help="the same, for TensorBoard")
    # end
    # keep if stream
    add("--window", type=int, default=8, metavar="K", help="chunks that are shuffled together")
    add("--statistics-rows", type=int, metavar="N", help="of training, for scales (all)")
    add("--report-rows", type=int, default=10**6, metavar="N", help="of either part, at the end")
    # end
    add("--save", type=Path, metavar="PATH", help="write the weights, as .safetensors or .pt")
    add("--quiet", action="store_true", help="no progress on stderr")
    add("--progress", action="store_true", help="progress in place, always")
    # end
    options = parser.parse_args(argv)
    for name, value in vars(options).items():
        least = {"seed": 0.0, "warmup": 0.0, "richness": -1e300}.get(name, 1e-300)
        if type(value) in (int, float) and not least <= value < math.inf:
            parser.error(f"--{name}: {value} is too small, or not finite")
    # keep if options
    if options.warmup > 1 and options.warmup % 1:
        parser.error(f"--warmup: {options.warmup} is no number of steps")
    # end
    return options


# keep if options
def save_weights(model: nn.Module, path: Path, metadata: dict[str, str]) -> None:
    """Weights and metadata, as .safetensors or for torch.load as .pt: the whole file or none."""
    # keep if fsdp
    whole = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state = get_model_state_dict(model, options=whole)
    # end
    # keep if not fsdp
    state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    # end
    # keep if ranks
    if rank():
        return
    # end
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder) / path.name
        if path.suffix == ".pt":
            torch.save({"model": state, "metadata": metadata}, draft)
        else:
            safetensors = importlib.import_module("safetensors.torch")
            safetensors.save_file(state, draft, metadata)
        draft.replace(path)


# end
def run(options: argparse.Namespace) -> int:
    """Load, train, report and save; returns 0, or 1 if the loss diverged."""
    found = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    device = found if options.device == "auto" else torch.device(options.device)
    if device.type not in ("cpu", found.type):
        raise ValueError(f"--device {device}: not available here")
    # keep if options
    save, torch_file = options.save, (".pt", ".safetensors")
    if save is not None and not (save.suffix in torch_file and save.parent.is_dir()):
        raise DataError(f"--save {save}: no .safetensors or .pt in a folder that exists")
    # keep if not has_data
    if options.data is None:
        raise DataError("which data? name a file with --data")
    # end
    if options.tf32:
        torch.set_float32_matmul_precision("high")
    # keep if stream
    data = open_data(options)
    # end
    # keep if not stream
    data = place(load(options), device, options.data_on)
    # end
    torch.manual_seed(options.seed)
    with refused_for("the network"):
        # keep if fsdp
        model = shard(options, device)
        # end
        # keep if not fsdp
        # Drawn on the CPU, so that a seed means the same network on every device.
        model = Network(options.width, options.richness, options.gamma).to(device)
        # end
        batches = Batches(data.train_x, data.train_y, options.batch, options.seed, device)
        trainer = Trainer(model, batches, options)
    code = train(trainer, data, options)
    # keep if ckpt
    if code > 1:  # a signal's
        return code
    # end
    # keep if stream
    seen = portion(data.train_x, data.train_y, options.report_rows)
    data = Split(*seen, *portion(data.test_x, data.test_y, options.report_rows))
    # end
    # end
    # keep if not options
    data = Split(*(part.to(device) for part in load(options)))
    torch.manual_seed(options.seed)
    model = Network(options.width, options.richness, options.gamma).to(device)
    train(model, data.train_x, data.train_y, options)
    # end
    loss, known = evaluate(model, data.train_x, data.train_y, options.precision)
    held_out, unseen = evaluate(model, data.test_x, data.test_y, options.precision)
    shown = f"train loss {loss:.6g} {SCORE} {known:.4f}"
    print(f"{shown}  held-out loss {held_out:.6g} {SCORE} {unseen:.4f}", flush=True)
    # keep if options
    if not math.isfinite(loss):
        print("error: the loss diverged", file=sys.stderr)
    if options.save is not None:
        told = {"model": MODEL, "compiler": COMPILER, "steps": trainer.taken}
        told |= {name: vars(options)[name] for name in ("width", "richness", "gamma", "seed")}
        with refused_for(f"--save {options.save}"):
            save_weights(model, options.save, {name: str(value) for name, value in told.items()})
    return code or int(not math.isfinite(loss))
    # end
    # keep if not options
    if options.save is not None:
        with tempfile.TemporaryDirectory(dir=options.save.parent) as folder:
            draft = Path(folder) / options.save.name
            torch.save(model.state_dict(), draft)
            draft.replace(options.save)
    return int(not math.isfinite(loss))
    # end


def main(argv: list[str] | None = None) -> int:
    """The command line; returns 0 if it trained, 1 if the loss diverged, 2 for bad input."""
    try:
        # keep if ranks
        with processes():
            return run(parse(argv))
        # end
        # keep if not ranks
        return run(parse(argv))
        # end
    except KeyboardInterrupt:
        line, code = "interrupted", 130
    # keep if options
    except torch.OutOfMemoryError:
        line, code = "error: out of memory: use a smaller --width or --batch", 1
    except (DataError, OSError) as error:
        line, code = f"error: {error}", 2
    # end
    # keep if not options
    except (ArithmeticError, MemoryError, OSError, RuntimeError, ValueError) as error:
        line, code = f"error: {error}", 2
    # end
    line = line.splitlines()[0][:800]
    print("".join(c if c.isprintable() else "?" for c in line), file=sys.stderr)
    return code
