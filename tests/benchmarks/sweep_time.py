# ruff: noqa: T201 - a script that reports
"""Seconds of a sweep of 12 rates and 3 seeds: ``richc transfer`` against a loop of trainings.

    python tests/benchmarks/sweep_time.py [--widths 64 256] [--batch 32] [--steps 300] [--rounds 5]

An MLP 64 -> n -> n -> 10 (relu, μP) on the digits of examples/, by contestants on the same cores:

    loop    the emitted program's own network, batches, Trainer and training loop, one training
            after the other, with as many threads as torch takes by itself: what `richc train` does
            in each of 36 runs, but for Python's start and the reading of the data
    loop 1  the same with one thread, which narrow networks are faster with on a busy machine
    sweep   the stacks that `richc transfer` makes, in one process of one thread a core; `begun`
            is without the start of those processes, which a sweep of many widths pays once

All take the same steps on the same batches and evaluate on all of the data.  Losses of the same
training must agree to 1 % (they differ in the order of sums) unless both are worse than an
untrained network's, or last bits of the first weights move the loop's own loss by more.  The
loops give up a training that diverged as the program does, which looks ten times.

Rounds of the contestants alternate, so that a drift of the machine hits all; reported are medians
of seconds over rounds, and of the ratio to the sweep within a round, with its range.  What else ran
on the machine is reported, since two threads that wait for each other suffer most from it.  From
width --wide on, all do every third rate and --fewer times fewer steps: the table says so.  The
exit code is 1 where `loop / begun` is below 4 at a width up to 256, or below 1 at a wider one, or
where losses disagree.  On a machine that others use, --processor compares `loop 1` with the stacks
in this process by the processor's seconds, of which the sweep has two or more at once; a loop with
more threads is then left out, and no limit is held.  --commands compares what a user types: 36
times `richc train`, and once `richc transfer`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from richc.lab.threads import calm

calm(os.environ)

import torch  # noqa: E402

from richc.lab.program import Program  # noqa: E402
from richc.lab.sweep import engines, grid  # noqa: E402
from richc.lab.sweep.plan import tasks  # noqa: E402
from richc.lab.sweep.runs import LR, Job, Point, Run, Task  # noqa: E402
from richc.lab.sweep.stack import Worker  # noqa: E402
from richc.lab.sweep.transfer import TransferSettings, prepare  # noqa: E402
from richc.pipeline import analyse  # noqa: E402

DIGITS = Path(__file__).parents[2] / "examples" / "digits.csv.gz"
MODEL = """
model net {{
  width n = 256, base n0 = 64
  parameterization mup
  input 64
  embed: dense -> n
  relu
  body: dense -> n
  relu
  head: dense -> 10
  optimizer {optimizer}
  loss cross_entropy
  train {{ target = digit }}
}}
"""
OPTIMIZERS = {"sgd": "sgd { lr = 0.1, momentum = 0.9 }", "adam": "adam { lr = 2e-3 }"}
RATES = {"sgd": 0.1, "adam": 2e-3}
CPU = torch.device("cpu")
SEEDS = 3
#: A guess's cross-entropy among ten digits.
UNTRAINED = math.log(10)
#: What is asked for, up to a width and beyond it.
NARROW, FASTER, NO_SLOWER = 256, 4.0, 1.0
#: The command wants two widths.
NARROWEST = 8

#: Of points, the losses: None for those that diverged.
Losses = dict[Point, float | None]


class Loop:
    """One training after the other, as the emitted program trains."""

    def __init__(self, job: Job) -> None:
        self.job, self.program = job, Program(job.program, job.spec)
        self.module = self.program.module
        self.program.read_no_more(job.table)
        self.options = self.module.parse(
            ["--data", str(job.path), "--steps", str(job.steps), "--batch", str(job.batch)]
        )
        # One reading for all, as in the sweep.
        self.data = {s: self.program.split(job.path, None, s) for s in range(SEEDS)}

    def __call__(self, points: Sequence[Point], threads: int) -> Losses:
        torch.set_num_threads(threads)
        # The program looks for a loss that diverged where it shows one.
        self.options.quiet = False
        with contextlib.redirect_stderr(io.StringIO()):
            return {point: self.train(point) for point in points}

    def is_chaotic(self, point: Point, loss: float) -> bool:
        """Whether a rounding of the initial weights moves the loss by more than 1 %."""
        self.options.quiet = True
        found = (self.train(point, k) or math.inf for k in range(1, 7))
        return any(not differ(loss, other) < 1e-2 for other in found)

    def train(self, point: Point, rounding: int = 0) -> float | None:
        """The last training loss; with initial weights rounded in one way or another, if asked."""
        job, module, data = self.job, self.module, self.data[point.seed]
        self.options.lr = point.value
        torch.manual_seed(point.seed)
        model = self.program.build(point.width)
        generator = torch.Generator().manual_seed(rounding)
        for p in model.parameters() if rounding else ():
            p.data *= 1.0 + 2.0**-22 * torch.randn(p.shape, generator=generator)
        self.options.batch, self.options.seed = job.batch, point.seed
        module.train(module.Trainer(model, data.train_x, data.train_y, self.options))
        loss, _ = module.evaluate(model, data.train_x, data.train_y, job.precision)
        module.evaluate(model, data.test_x, data.test_y, job.precision)
        return loss if math.isfinite(loss) else None


class Sweep:
    """Stacks in processes that have begun."""

    def __init__(self, job: Job, workers: int) -> None:
        self.job, self.workers = job, workers
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(workers, context, engines._begin, (job,))
        # Each is busy for a moment, so that none does all: what a first training loads, is loaded.
        little = [Point(8, 1e-3, seed) for seed in range(SEEDS)]
        list(self.pool.map(_little, [tasks(job, little, 1)[0]] * 2 * workers))

    def __call__(self, points: Sequence[Point]) -> Losses:
        return losses_of(self.pool.map(engines._train, tasks(self.job, points, self.workers)))


def _little(task: Task) -> None:
    engines._train(task)
    time.sleep(0.3)


def losses_of(done: Iterable[list[Run]]) -> Losses:
    return {run.point: run.train_loss for runs in done for run in runs}


def seconds(do: Callable[[], Losses]) -> tuple[float, Losses]:
    begin = time.perf_counter()
    found = do()
    return time.perf_counter() - begin, found


class Agreement(NamedTuple):
    """Between losses of the loop and of the sweep."""

    #: Trainings worse than none in both.
    worse: int
    #: That amplify what rounding does: last bits of the weights move the loss by more than 1 %.
    chaotic: int
    #: The largest relative difference among the others, and how many differ by more than 1 %.
    largest: float
    disagree: int


def compare(loop: Loop, one: Losses, other: Losses) -> Agreement:
    worse, chaotic, largest, disagree = 0, 0, 0.0, 0
    for point, loss in one.items():
        a, b = (math.inf if value is None else value for value in (loss, other[point]))
        if min(a, b) > UNTRAINED:
            worse += 1
        elif not differ(a, b) < 1e-2 and loop.is_chaotic(point, a):
            chaotic += 1
        else:
            largest = max(largest, differ(a, b))
            disagree += not differ(a, b) < 1e-2
    return Agreement(worse, chaotic, largest, disagree)


def differ(a: float, b: float) -> float:
    return abs(a - b) / max(a, b, 1e-4)


class Machine:
    """What ran beside this process, by Linux's account."""

    def __init__(self) -> None:
        self.busy = 0.0

    def look(self) -> float:
        """Seconds of cores since the last look that were others'."""
        if not STAT.exists():
            return math.nan
        fields = [int(field) for field in STAT.read_text().split("\n", 1)[0].split()[1:]]
        # All but idle and waiting for disks.
        busy = (sum(fields[:8]) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
        busy -= time.process_time()
        since, self.busy = busy - self.busy, busy
        return since


STAT = Path("/proc/stat")


def job_of(optimizer: str, steps: int, batch: int) -> Job:
    (result,) = analyse(MODEL.format(optimizer=OPTIMIZERS[optimizer])).models
    settings = TransferSettings(data=DIGITS, target="digit", steps=steps, batch=batch)
    return prepare(result, settings)


def points_of(width: int, optimizer: str, rates: int) -> list[Point]:
    values = grid.values(LR, RATES[optimizer], 12)[:: 12 // rates]
    return [Point(width, value, seed) for value in values for seed in range(SEEDS)]


def measure(width: int, optimizer: str, job: Job, rates: int, options: argparse.Namespace) -> bool:
    """Print a line; True when the limit is kept."""
    points = points_of(width, optimizer, rates)
    cores = os.cpu_count() or 1
    loop, sweep, machine = Loop(job), Sweep(job, cores), Machine()
    contestants: dict[str, Callable[[], Losses]] = {
        "loop": lambda: loop(points, options.threads or cores),
        "loop 1": lambda: loop(points, 1),
        "sweep": lambda: swept(job, points, cores),
        "begun": lambda: sweep(points),
    }
    times: dict[str, list[float]] = {label: [] for label in contestants}
    losses: dict[str, Losses] = {}
    others, span = 0.0, 0.0
    for _ in range(options.rounds):
        for label, do in contestants.items():
            machine.look()
            took, losses[label] = seconds(do)
            times[label].append(took)
            if label.startswith("loop"):
                others, span = others + machine.look(), span + took
    sweep.pool.shutdown()
    found = compare(loop, losses["loop"], losses["begun"])
    cells = [f"{statistics.median(times[label]):8.2f}" for label in contestants]
    ratios = {}
    for label, against in PAIRS:
        of_rounds = [a / b for a, b in zip(times[label], times[against], strict=True)]
        ratios[label, against] = statistics.median(of_rounds)
        cells.append(
            f"{statistics.median(of_rounds):6.2f} [{min(of_rounds):5.2f},{max(of_rounds):6.2f}]"
        )
    ratio, limit = ratios[PAIRS[0]], FASTER if width <= NARROW else NO_SLOWER
    cells.append(f"{found.worse:4} {found.chaotic:4} {found.largest:9.1e} {found.disagree:3}")
    share = 100 * others / span / cores
    start = f"{optimizer:5} {job.batch:5} {width:5} {len(points):3} x {job.steps:4}"
    print(start, *cells, f"{share:5.0f} %", flush=True)
    return ratio >= limit and not found.disagree


def swept(job: Job, points: Sequence[Point], cores: int) -> Losses:
    """As the command does it, with the start of its processes."""
    with contextlib.closing(engines.Processes(job, cores)) as engine:
        return losses_of(engine.run(tasks(job, points, cores)))


def measure_processor(width: int, optimizer: str, job: Job, rates: int, rounds: int) -> bool:
    """Print a line of the processor's seconds; True when losses agree."""
    points = points_of(width, optimizer, rates)
    cores = os.cpu_count() or 1
    loop, worker = Loop(job), Worker(job)
    todo = tasks(job, points, cores)
    losses: dict[str, Losses] = {}
    times: dict[str, list[float]] = {"loop 1": [], "stacks": []}
    for _ in range(rounds):
        for label, spent in times.items():
            begin = time.process_time()
            if label == "loop 1":
                losses[label] = loop(points, 1)
            else:
                losses[label] = losses_of(worker.train(task) for task in todo)
            spent.append(time.process_time() - begin)
    one, stacks = (statistics.median(spent) for spent in times.values())
    found = compare(loop, losses["loop 1"], losses["stacks"])
    print(
        f"{optimizer:5} {job.batch:5} {width:5} {len(points):3} x {job.steps:4}"
        f"  loop 1 {one:7.2f} s  stacks {stacks:7.2f} s  ratio {one / stacks:5.2f},"
        f" on {cores} cores {cores * one / stacks:5.2f}"
        f"  {found.worse} worse, {found.chaotic} chaotic,"
        f" {found.largest:.0e} apart, {found.disagree} disagree",
        flush=True,
    )
    return not found.disagree


def measure_commands(width: int, optimizer: str, batch: int, steps: int, rates: int) -> None:
    """Print a line of seconds: ``richc train`` once a training, and one ``richc transfer``."""
    points = points_of(width, optimizer, rates)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.rich"
        file.write_text(MODEL.format(optimizer=OPTIMIZERS[optimizer]), encoding="utf-8")
        same = ["--data", str(DIGITS), "--target", "digit", "--batch", str(batch)]
        same += ["--steps", str(steps), "-q"]
        times = []
        for point in points:
            own = ["--width", str(width), "--lr", str(point.value), "--seed", str(point.seed)]
            times.append(command("train", str(file), *own, *same))
        values = ",".join(str(v) for v in sorted({point.value for point in points}))
        own = ["--widths", f"{NARROWEST},{width}", "--values", values]
        sweep = command("transfer", str(file), *own, *same)
    print(
        f"{optimizer:5} {batch:5} {width:5} {len(points):3} x {steps:4}  richc train, one after"
        f" the other {sum(times):7.1f} s  richc transfer, which trains width {NARROWEST} as well"
        f" {sweep:6.1f} s  ratio {sum(times) / sweep:5.1f}",
        flush=True,
    )


def command(*arguments: str) -> float:
    """Run one of richc's; its seconds."""
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "richc", *arguments], capture_output=True)
    # 1: diverged, or undecided.
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr.decode())
    return time.perf_counter() - begin


PAIRS = (("loop", "begun"), ("loop", "sweep"), ("loop 1", "begun"))


TIMES = "".join(f"{label:>9}" for label in ("loop", "loop 1", "sweep", "begun"))
RATIOS = "".join(f"{f'{one} / {other}':^23}" for one, other in PAIRS)
HEAD = f"optim batch width   n x steps{TIMES} {RATIOS} worse, chaotic, differ, disagree; others"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128, 256, 512, 1024, 2048])
    parser.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS))
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 32])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of the loop (default: one a core)")
    parser.add_argument("--wide", type=int, default=512, help="from here on a third of the rates")
    parser.add_argument("--fewer", type=int, default=3, help="and as many times fewer steps")
    parser.add_argument("--processor", action="store_true", help="count the processor's seconds")
    parser.add_argument("--commands", action="store_true", help="richc train, 36 times")
    options = parser.parse_args()
    if not options.processor and not options.commands:
        print(HEAD)
    keeps = True
    for batch in options.batch:
        for optimizer in options.optimizers:
            for width in options.widths:
                wide = width >= options.wide
                steps = options.steps // options.fewer if wide else options.steps
                if options.commands:
                    measure_commands(width, optimizer, batch, steps, 4 if wide else 12)
                    continue
                job = job_of(optimizer, steps, batch)
                rates = 4 if wide else 12
                if options.processor:
                    keeps &= measure_processor(width, optimizer, job, rates, options.rounds)
                else:
                    keeps &= measure(width, optimizer, job, rates, options)
    return 0 if keeps else 1


if __name__ == "__main__":
    sys.exit(main())
