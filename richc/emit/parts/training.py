# ruff: noqa: T201 - the emitted program talks to its user
"""Part: the training program."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from richc.emit.parts.cross_entropy import SCORE, loss_of, score
from richc.emit.parts.readers import DataError
from richc.emit.parts.saving import save_weights
from richc.emit.parts.split import Split, load

MODEL = "model"
COMPILER = "richc"
WIDTH, RICHNESS, GAMMA = 64, 0.5, 1.0
DATA: str | None = None
TARGET: str | None = None
STEPS, BATCH, SEED = 1000, 128, 0
PRECISION, SCHEDULE = "fp32", "constant"


class Network(nn.Module):
    """What the emitted class looks like from here; its name stands in for the class's own."""

    def __init__(self, width: int, richness: float | None, gamma: float) -> None:
        raise NotImplementedError

    def make_optimizer(self, lr: float | None) -> torch.optim.Optimizer:
        raise NotImplementedError


# ---- emitted from here on ----


class Progress:
    """One line on stderr: rewritten in place on a terminal, ten times a run elsewhere."""

    def __init__(self, steps: int, quiet: bool, in_place: bool) -> None:
        self.steps, self.quiet = steps, quiet
        self.in_place = in_place or sys.stderr.isatty()
        self.start = self.last = time.perf_counter()
        self.is_open = False

    def is_due(self, step: int) -> bool:
        """True when a line should be shown after this step (so its loss is worth a sync)."""
        if self.quiet:
            return False
        if self.in_place:
            return step == self.steps or time.perf_counter() - self.last > 0.1
        return step * 10 // self.steps > (step - 1) * 10 // self.steps

    def show(self, step: int, loss: float, value: float) -> None:
        self.last = time.perf_counter()
        left = (self.last - self.start) / step * (self.steps - step)
        clock = f"{int(left) // 60}:{int(left) % 60:02}"
        line = f"step {step}/{self.steps}  loss {loss:.4g}  {SCORE} {value:.4f}  {clock} left"
        print(f"\r{line}\x1b[K" if self.in_place else line, end="", file=sys.stderr)
        if not self.in_place:
            print(file=sys.stderr)
        sys.stderr.flush()
        self.is_open = self.in_place

    def close(self) -> None:
        """End the line that is being rewritten, if any."""
        if self.is_open:
            print(file=sys.stderr)
        self.is_open = False


def batches(x: Tensor, y: Tensor, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled full batches for ever; what is left over at the end of an epoch is dropped."""
    rows = len(x)
    size = min(size, rows)
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(rows, generator=generator).to(x.device)
        for chosen in order[: rows - rows % size].split(size):
            yield x[chosen], y[chosen]


def share_of_rate(schedule: str, step: int, steps: int) -> float:
    """The factor on every group's rate, so that the ratios between layers stay as they are."""
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * step / steps))
    return 1.0 - step / steps if schedule == "linear" else 1.0


def train(model: Network, data: Split, options: argparse.Namespace) -> int:
    """Train in place; returns the number of steps taken, fewer when the loss diverges."""
    device = data.train_x.device
    optimizer = model.make_optimizer(options.lr)
    scheduler = None
    if options.schedule != "constant":
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: share_of_rate(options.schedule, step, options.steps)
        )
    scaler = torch.amp.GradScaler(device.type, enabled=options.precision == "fp16")
    progress = Progress(options.steps, options.quiet, options.progress)
    stream = batches(data.train_x, data.train_y, options.batch, options.seed)
    model.train()
    try:
        for step in range(1, options.steps + 1):
            x, y = next(stream)
            with autocast(device, options.precision):
                outputs = model(x)
            loss = loss_of(outputs, y)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scale = scaler.get_scale() if scheduler else 0.0
            scaler.step(optimizer)
            scaler.update()
            # A step that overflowed in fp16 was skipped, and is not the schedule's either.
            if scheduler and scaler.get_scale() >= scale:
                scheduler.step()
            if progress.is_due(step):
                value = loss.item()
                progress.show(step, value, score(outputs.detach(), y))
                if not math.isfinite(value):
                    return step
    finally:
        progress.close()
    return int(options.steps)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Matrix products in 16 bits when asked for; weights and optimizer state stay in fp32."""
    kind = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=kind, enabled=precision != "fp32")


@torch.no_grad()
def evaluate(model: Network, x: Tensor, y: Tensor, precision: str) -> tuple[float, float]:
    """Loss and score over all of ``x``, in pieces."""
    model.eval()
    with autocast(x.device, precision):
        outputs = torch.cat([model(piece).float() for piece in x.split(4096)])
    return loss_of(outputs, y).item(), score(outputs, y)


def pick_device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    backend = {"cuda": torch.cuda, "mps": torch.backends.mps}.get(name)
    if backend is not None and not backend.is_available():
        raise DataError(f"--device {name}: not available here")
    return torch.device(name)


def find(data: str) -> Path:
    """Data named by the specification: beside this program, or else in the current folder."""
    beside = Path(__file__).resolve().parent / data
    return Path(data) if not beside.exists() and Path(data).exists() else beside


def count(text: str) -> int:
    """A positive integer."""
    if int(text) < 1:
        raise ValueError
    return int(text)


def seed(text: str) -> int:
    if not 0 <= int(text) < 2**63:
        raise ValueError
    return int(text)


def number(text: str) -> float:
    """A finite number, or a ratio such as 1/2."""
    over, _, under = text.partition("/")
    value = float(over) / (float(under or 1) or math.nan)
    if not math.isfinite(value):
        raise ValueError
    return value


def positive(text: str) -> float:
    """As ``number``, above 0: torch would take a negative rate in a group."""
    if not number(text) > 0:
        raise ValueError
    return number(text)


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=f"Train {MODEL}. Features are standardised with the training rows' mean and "
        "deviation; 20 % of the rows, drawn by the seed, are held out. The last line, on stdout, "
        "has the loss and the score of both parts.",
        epilog="Data: .csv .csv.gz (numbers and one column of labels; a header is recognised), "
        ".npz .pt .safetensors (an array of features, called x unless it is the only one, and one "
        "of labels). Exit codes: 0 trained, 1 the loss diverged, 2 bad usage or data.",
    )
    add = parser.add_argument
    data = None if DATA is None else find(DATA)
    add("--data", type=Path, default=data, help=f"the data (default: {DATA})".replace("%", "%%"))
    add(
        "--target",
        default=TARGET,
        help="the labels: a column's name or number in a table (default: the last), an array's "
        "name elsewhere (default: y, target or label)",
    )
    add("--width", type=count, default=WIDTH, help="n (default: %(default)s)")
    add("--richness", type=number, default=RICHNESS, help="the exponent r (default: %(default)s)")
    add("--gamma", type=positive, default=GAMMA, help="prefactor of alpha (default: %(default)s)")
    add("--steps", type=count, default=STEPS, help="training steps (default: %(default)s)")
    add("--batch", type=count, default=BATCH, help="batch size (default: %(default)s)")
    add("--lr", type=positive, help="the optimizer's learning rate (default: the specification's)")
    add("--seed", type=seed, default=SEED, help="of init, split and order (default: %(default)s)")
    add("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    add("--precision", choices=("fp32", "bf16", "fp16"), default=PRECISION)
    add("--schedule", choices=("constant", "cosine", "linear"), default=SCHEDULE)
    add("--compile", action="store_true", help="run the model through torch.compile")
    add("--save", type=Path, metavar="PATH", help="write the weights, as .safetensors or .pt")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--quiet", action="store_true", help="no progress on stderr")
    output.add_argument("--progress", action="store_true", help="progress in place, always")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> int:
    """Load, train, report, save.  Raises DataError for whatever the user has to mend."""
    if options.data is None:
        raise DataError("which data? name a file with --data")
    if options.save is not None and options.save.suffix not in (".safetensors", ".pt"):
        raise DataError("--save: the name must end in .safetensors or .pt")
    if options.save is not None and not options.save.parent.is_dir():
        raise DataError(f"--save: {options.save.parent} is not a folder")
    device = pick_device(options.device)
    data = load(options.data, options.target, options.seed, device)
    torch.manual_seed(options.seed)
    try:
        # Initialised on the CPU, so that a seed means the same network on every device.
        model = Network(options.width, options.richness, options.gamma).to(device)
        model.make_optimizer(options.lr)
    except (ValueError, OverflowError, MemoryError, RuntimeError) as error:
        raise DataError((str(error) or "out of memory").splitlines()[0]) from None
    if options.compile:
        model.compile()
    taken = train(model, data, options)
    known = evaluate(model, data.train_x, data.train_y, options.precision)
    unseen = evaluate(model, data.test_x, data.test_y, options.precision)
    print(
        f"train loss {known[0]:.6g} {SCORE} {known[1]:.4f}  "
        f"held-out loss {unseen[0]:.6g} {SCORE} {unseen[1]:.4f}"
    )
    has_diverged = not math.isfinite(known[0])
    if has_diverged:
        print(f"error: the loss diverged (seen after step {taken})", file=sys.stderr)
    if options.save is not None:
        metadata: dict[str, Any] = {"model": MODEL, "compiler": COMPILER, "steps": taken}
        metadata |= {key: vars(options)[key] for key in ("width", "richness", "gamma", "seed")}
        try:
            text = {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
            save_weights(model, options.save, text)
        except OSError as error:
            raise DataError(f"--save {options.save}: {error.strerror or error}") from None
    return 1 if has_diverged else 0


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    options = parse(argv)
    try:
        return run(options)
    except DataError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except torch.OutOfMemoryError:
        print("error: out of memory: use a smaller --width or --batch", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
