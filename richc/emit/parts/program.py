# ruff: noqa: T201 - the emitted program talks to its user
"""Part: the command line."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import torch

from richc.emit.parts.batches import Batches, place
from richc.emit.parts.data import Split, load
from richc.emit.parts.network import Network
from richc.emit.parts.ranks import one_voice, own_device, ranks, together
from richc.emit.parts.saving import save_weights
from richc.emit.parts.shards import shard
from richc.emit.parts.stream import open_data, portion
from richc.emit.parts.table import DataError, number
from richc.emit.parts.trainer import Trainer
from richc.emit.parts.training import evaluate, train

MODEL = "model"
COMPILER = "richc"
WIDTH, RICHNESS, GAMMA = 64, 0.5, 1.0
DATA: str | None = None
TARGET: str | None = None
STEPS, BATCH, SEED = 1000, 128, 0
PRECISION, SCHEDULE = "fp32", "constant"
WARMUP = 0.0
SCORE = "accuracy"

# ---- emitted from here on ----


def pick_device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    backend = {"cuda": torch.cuda, "mps": torch.backends.mps}.get(name)
    if backend is not None and not backend.is_available():
        raise DataError(f"--device {name}: not available here")
    return torch.device(name)


def locate(data: str) -> Path:
    """Data named by the specification: beside this program, or else in the current folder."""
    beside = Path(__file__).resolve().parent / data
    return Path(data) if not beside.exists() and Path(data).exists() else beside


def count(text: str, least: int = 1) -> int:
    """An integer that is not below ``least``."""
    if not least <= int(text) < 2**63:
        raise ValueError
    return int(text)


def seed(text: str) -> int:
    return count(text, 0)


def finite(text: str) -> float:
    """A number, or a ratio such as 1/2."""
    if not math.isfinite(number(text)):
        raise ValueError
    return number(text)


def positive(text: str) -> float:
    """As ``finite``, above 0: torch would take a negative rate in a group."""
    if not finite(text) > 0:
        raise ValueError
    return number(text)


def warmup(text: str) -> float:
    """Steps, or a share of them below 1."""
    value = finite(text)
    if value < 0 or (value > 1 and value != int(value)):
        raise ValueError
    return value


# keep if ranks
@one_voice()
# end
def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=f"Train {MODEL}. Features are standardised with the training rows' mean and "
        "deviation; 20 % of the rows, drawn by the seed, are held out. The last line, on stdout, "
        "has the loss and the score of both parts.",
        epilog="Data: .csv .csv.gz (numbers, words and one column of labels; names in the first "
        "row are recognised), .npz .pt .safetensors (an array of features, called x unless it is "
        "the only one, and one of labels). Exit codes: 0 trained, 1 the loss diverged, 2 bad usage "
        "or data.",
    )
    add = parser.add_argument
    data = None if DATA is None else locate(DATA)
    shown = printable(f"the data (default: {DATA})").replace("%", "%%")
    add("--data", type=Path, default=data, help=shown)
    add(
        "--target",
        default=TARGET,
        help="the labels: a column's name or number in a table (default: the last), an array's "
        "name elsewhere (default: y, target or label)",
    )
    add("--ignore", default="", metavar="NAMES", help="columns or arrays to leave out, by commas")
    add(
        "--missing",
        choices=("error", "drop"),
        default="error",
        help="rows with missing values: are an error, or are left out",
    )
    add("--width", type=count, default=WIDTH, help="n (default: %(default)s)")
    add("--richness", type=finite, default=RICHNESS, help="the exponent r (default: %(default)s)")
    add("--gamma", type=positive, default=GAMMA, help="prefactor of alpha (default: %(default)s)")
    add("--steps", type=count, default=STEPS, help="training steps (default: %(default)s)")
    add("--batch", type=count, default=BATCH, help="batch size (default: %(default)s)")
    add("--lr", type=positive, help="the optimizer's learning rate (default: the specification's)")
    add("--seed", type=seed, default=SEED, help="of init, split and order (default: %(default)s)")
    add("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    add("--precision", choices=("fp32", "bf16", "fp16"), default=PRECISION)
    add("--schedule", choices=("constant", "cosine", "linear"), default=SCHEDULE)
    add(
        "--warmup",
        type=warmup,
        default=WARMUP,
        metavar="STEPS",
        help="steps over which the rate rises, or a share of all below 1 (default: %(default)s)",
    )
    add("--accumulate", type=count, default=1, metavar="K", help="split each batch in K pieces")
    add("--tf32", action="store_true", help="TensorFloat-32 for the matrix products of fp32")
    # keep if not stream
    add("--data-on", choices=("auto", "device", "host"), default="auto", help="where it is kept")
    # end
    add("--compile", action="store_true", help="run the model through torch.compile")
    add(
        "--compile-mode",
        choices=("default", "reduce-overhead", "max-autotune"),
        default="default",
    )
    # keep if ckpt
    add("--checkpoint", type=Path, metavar="FOLDER", help="where to keep whole states of the run")
    add("--every", type=count, default=500, metavar="K", help="steps (default: %(default)s)")
    add("--keep", type=count, default=2, metavar="K", help="the newest K (default: %(default)s)")
    add("--resume", action="store_true", help="go on from the newest state, if there is one")
    # end
    # keep if fsdp
    add("--shard-over", type=count, metavar="K", help="neighbours that share a copy (default: all)")
    add("--sync-pieces", action="store_true", help="average gradients after each piece, not once")
    # end
    # keep if monitor
    add("--monitor", type=count, metavar="K", help="show the layers' sizes every K steps")
    add("--monitor-like", type=Path, metavar="LOG", help="a monitored run of another width")
    # end
    # keep if log
    add("--log", type=Path, metavar="FILE", help="append JSON lines: step, loss, score, rates")
    add("--log-every", type=count, default=10, metavar="K", help="steps (default: %(default)s)")
    add("--tensorboard", type=Path, metavar="FOLDER", help="the same, for TensorBoard")
    # end
    # keep if stream
    add("--window", type=count, default=8, metavar="K", help="chunks that are shuffled together")
    add("--statistics-rows", type=count, metavar="N", help="of training, for scales (default: all)")
    add("--report-rows", type=count, default=10**6, metavar="N", help="of either part, at the end")
    # end
    add("--save", type=Path, metavar="PATH", help="write the weights, as .safetensors or .pt")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--quiet", action="store_true", help="no progress on stderr")
    output.add_argument("--progress", action="store_true", help="progress in place, always")
    return parser.parse_args(argv)


# keep if ranks
@together
# end
def run(options: argparse.Namespace) -> int:
    """Load, train, report, save.  Raises DataError for whatever the user has to mend."""
    check(options)
    device = pick_device(options.device)
    # keep if ranks
    device = own_device(device)
    # end
    if options.tf32:
        torch.set_float32_matmul_precision("high")
    # keep if stream
    data = open_data(options)
    # end
    # keep if not stream
    how = {"ignore": options.ignore, "missing": options.missing}
    data = load(options.data, options.target, options.seed, torch.device("cpu"), **how)
    data = place(data, device, options.data_on)
    # end
    torch.manual_seed(options.seed)
    model = build(options, device)
    # keep if ranks
    if min(options.batch, len(data.train_x)) < ranks():
        raise DataError(f"--batch: fewer examples than the {ranks()} processes")
    # end
    batches = Batches(data.train_x, data.train_y, options.batch, options.seed, device)
    trainer = Trainer(model, batches, options)
    code = train(trainer, data, options)
    # keep if ckpt
    if code > 1:
        return code
    # end
    return max(code, report(trainer, data, options))


def check(options: argparse.Namespace) -> None:
    """What can be known to be wrong before anything is read.  Raises DataError."""
    if options.data is None:
        raise DataError("which data? name a file with --data")
    if options.save is not None and options.save.suffix not in (".safetensors", ".pt"):
        raise DataError("--save: the name must end in .safetensors or .pt")
    if options.save is not None and not options.save.parent.is_dir():
        raise DataError(f"--save: {options.save.parent} is not a folder")
    # keep if ckpt
    if options.resume and options.checkpoint is None:
        raise DataError("--resume: from which folder? name it with --checkpoint")
    # end


def build(options: argparse.Namespace, device: torch.device) -> Network:
    """The network on its device.  Raises DataError where the options allow none."""
    try:
        # keep if fsdp
        model = shard(options, device)
        # end
        # keep if not fsdp
        # Initialised on the CPU, so that a seed means the same network on every device.
        model = Network(options.width, options.richness, options.gamma).to(device)
        # end
        model.make_optimizer(options.lr)
    except (ValueError, OverflowError, MemoryError, RuntimeError) as error:
        raise DataError((str(error) or "out of memory").splitlines()[0]) from None
    if options.compile:
        # keep if not fsdp
        model.compile(fullgraph=True, mode=options.compile_mode)
        # end
        # keep if fsdp
        # Tensors are gathered between the layers, outside of the graphs.
        model.compile(mode=options.compile_mode)
        # end
    return model


def report(trainer: Trainer, data: Split, options: argparse.Namespace) -> int:
    """Evaluate, print the last line, save; returns the exit code."""
    model, precision = trainer.model, options.precision
    # keep if stream
    seen = portion(data.train_x, data.train_y, options.report_rows)
    data = Split(*seen, *portion(data.test_x, data.test_y, options.report_rows))
    # end
    # Evaluation has batches of other sizes: not worth compiling for.
    stance = torch.compiler.set_stance if options.compile else contextlib.nullcontext
    with stance("force_eager"):
        known = evaluate(model, data.train_x, data.train_y, precision)
        unseen = evaluate(model, data.test_x, data.test_y, precision)
    tell(known, unseen, trainer.taken)
    if options.save is not None:
        metadata: dict[str, Any] = {"model": MODEL, "compiler": COMPILER, "steps": trainer.taken}
        metadata |= {key: vars(options)[key] for key in ("width", "richness", "gamma", "seed")}
        try:
            text = {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
            save_weights(model, options.save, text)
        except (OSError, ImportError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise DataError(f"--save {options.save}: {why.splitlines()[0]}") from None
    return 0 if math.isfinite(known[0]) else 1


# keep if ranks
@one_voice()
# end
def tell(known: tuple[float, float], unseen: tuple[float, float], taken: int) -> None:
    """Print the last line, from loss and score of both parts of the data."""
    print(
        f"train loss {known[0]:.6g} {SCORE} {known[1]:.4f}  "
        f"held-out loss {unseen[0]:.6g} {SCORE} {unseen[1]:.4f}",
        flush=True,
    )
    if not math.isfinite(known[0]):
        print(f"error: the loss diverged (seen after step {taken})", file=sys.stderr)


def printable(text: str) -> str:
    """In one line, with escapes for what a terminal would obey."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    options = parse(argv)
    try:
        return run(options)
    except (DataError, OSError) as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 2
    except torch.OutOfMemoryError:
        print("error: out of memory: use a smaller --width or --batch", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
