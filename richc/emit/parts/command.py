"""Part: the options of the command line."""

import argparse
import math
from pathlib import Path

import torch

from richc.emit.parts.data import number

WIDTH, DEPTH, RICHNESS, GAMMA = 64, 4, 0.5, 1.0
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
    # keep if options
    add("--epochs", type=int, metavar="K", help="passes over the training rows (--steps)")
    # end
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
    # keep if ckpt
    add("--checkpoint", type=Path, metavar="FOLDER", help="where to keep whole states of the run")
    add("--every", type=int, default=500, metavar="K", help="steps between them")
    add("--keep", type=int, default=2, metavar="K", help="how many, the newest")
    add("--resume", action="store_true", help="go on from the newest state, if there is one")
    # end
    # keep if fsdp
    add("--shard-over", type=int, metavar="K", help="neighbours that share a copy (all)")
    # end
    # keep if fsdp and options
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
    # keep if options
    add("--save", type=Path, metavar="PATH", help="write the weights, as .safetensors or .pt")
    # end
    add("--save", type=Path, metavar="FILE.pt", help="write the weights")  # keep if not options
    add("--quiet", action="store_true", help="no progress on stderr")
    options = parser.parse_args(argv)
    for name, value in ((k.replace("_", "-"), v) for k, v in vars(options).items()):  # finite
        # keep if options
        least = {"seed": 0.0, "warmup": 0.0, "richness": -1e300}.get(name, 1e-300)
        # end
        least = {"seed": 0.0, "richness": -1e300}.get(name, 1e-300)  # keep if not options
        if type(value) in (int, float) and not least <= value < math.inf:
            raise ValueError(f"--{name}: no number, or one that is too small or infinite")
    # keep if options
    if options.warmup > 1 and options.warmup % 1:
        raise ValueError(f"--warmup: {options.warmup} is no number of steps")
    save = options.save
    if save and not (save.suffix in (".pt", ".safetensors") and save.parent.is_dir()):
        raise ValueError(f"--save {save}: no .pt or .safetensors, or no folder {save.parent}")
    # else
    if options.save and not (options.save.suffix == ".pt" and options.save.parent.is_dir()):
        raise ValueError(f"--save {options.save}: no .pt, or no folder {options.save.parent}")
    # end
    # keep if not has_data
    if options.data is None:
        raise ValueError("which data? name a file with --data")
    # end
    # keep if ckpt
    if options.resume and options.checkpoint is None:
        raise ValueError("--resume: from which folder? name it with --checkpoint")
    # end
    return options
