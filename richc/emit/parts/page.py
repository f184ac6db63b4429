# ruff: noqa: T201 - the emitted program talks to its user
"""Part: data and the command line of a program without features."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import torch
from torch import Tensor

from richc.emit.parts.loop import evaluate, train
from richc.emit.parts.network import Network
from richc.emit.parts.table import encode, number, read_csv

MODEL = "model"
WIDTH, RICHNESS, GAMMA = 64, 0.5, 1.0
FEATURES = 64
DATA: str | None = None
TARGET: str | None = None
STEPS, BATCH, SEED, PRECISION = 1000, 128, 0, "fp32"
SCORE = "accuracy"

# ---- emitted from here on ----


def load(options: argparse.Namespace) -> list[Tensor]:
    """Features and targets to train on, and held-out ones: a fifth of the rows, by the seed."""
    try:
        found, labels = read_csv(options.data, options.target, options.ignore, options.missing)
        if found.shape[1] != FEATURES:
            raise ValueError(f"{found.shape[1]} features a row, the model has {FEATURES} inputs")
        x, rows = torch.from_numpy(found).float().double(), len(found)
        if rows < 4 or not x.isfinite().all():
            raise ValueError("too few rows" if rows < 4 else "a feature is not finite")
        y = encode(labels)
    except Exception as error:  # noqa: BLE001 - as it may
        raise ValueError(f"{options.data}: {getattr(error, 'strerror', None) or error}") from None
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(options.seed))
    test, train = order[: max(2, rows // 5)], order[max(2, rows // 5) :]
    # keep if mse
    if y.dtype != torch.bool:
        y = (y - y[train].mean(0)) / y[train].std(0, correction=0).clamp(min=1e-30)
    y = y.float()
    # end
    mean, deviation = x[train].mean(0), x[train].std(0, correction=0)
    deviation[deviation <= 1e-9 * mean.abs()] = 1.0  # a constant deviates by rounding alone
    x = ((x - mean) / deviation).float()
    return [part.to(options.device) for part in (x[train], y[train], x[test], y[test])]


def parse(argv: list[str] | None) -> argparse.Namespace:
    shown = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(formatter_class=shown, description=f"Train {MODEL}.")
    add, cuda = parser.add_argument, torch.cuda.is_available()
    # keep if has_data
    data = Path(__file__).resolve().parent / str(DATA)
    data = data if data.exists() else Path(str(DATA))
    add("--data", type=Path, default=data, help="a table, .csv or .csv.gz")
    # end
    # keep if not has_data
    add("--data", type=Path, required=True, help="a table, .csv or .csv.gz")
    # end
    add("--target", default=TARGET, help="the labels' column, by name or number (the last one)")
    add("--ignore", metavar="NAMES", help="columns to leave out, with commas between")
    add("--missing", choices=("error", "drop"), default="error", help="rows with missing values")
    add("--width", type=int, default=WIDTH, help="n")
    # keep if richness
    add("--richness", type=number, default=RICHNESS, help="the exponent r")
    # end
    # keep if gamma
    add("--gamma", type=number, default=GAMMA, help="the prefactor of alpha")
    # end
    add("--lr", type=number, help="the optimizer's learning rate (the specification's)")
    add("--steps", type=int, default=STEPS, help="of training")
    add("--batch", type=int, default=BATCH, help="examples a step")
    add("--seed", type=int, default=SEED, help="of init, split and order")
    add("--device", default="cuda" if cuda else "cpu", help="cpu, cuda, mps")
    add("--precision", choices=("fp32", "bf16"), default=PRECISION, help="of matrix products")
    add("--save", type=Path, metavar="FILE.pt", help="write the weights")
    add("--quiet", action="store_true", help="no progress on stderr")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Train, report, save; returns 0 if it trained, 1 if the loss diverged, 2 for bad input."""
    options = parse(argv)
    try:
        # fill positive
        wanted = (options.width, options.steps, options.batch, options.lr or 1, options.gamma)
        # end
        if not 0 < min(wanted) <= max(wanted) < math.inf:
            raise ValueError("sizes, numbers of steps and rates must be positive and finite")
        train_x, train_y, test_x, test_y = load(options)
        torch.manual_seed(options.seed)
        # fill network
        model = Network(options.width, options.richness, options.gamma).to(options.device)
        # end
        train(model, train_x, train_y, options)
        loss, known = evaluate(model, train_x, train_y, options.precision)
        held_out, unseen = evaluate(model, test_x, test_y, options.precision)
        shown = f"train loss {loss:.6g} {SCORE} {known:.4f}"
        print(f"{shown}  held-out loss {held_out:.6g} {SCORE} {unseen:.4f}", flush=True)
        if options.save is not None:
            draft = options.save.with_name(f"{options.save.name}.tmp")
            torch.save(model.state_dict(), draft)
            draft.replace(options.save)
        return 0 if math.isfinite(loss) else 1
    except (ArithmeticError, MemoryError, OSError, RuntimeError, ValueError) as error:
        line = (str(error) or type(error).__name__).splitlines()[0]
        print("error:", "".join(c if c.isprintable() else "?" for c in line), file=sys.stderr)
        return 2
