"""``richc transfer``: does the best value of a hyperparameter stay as n, or as L, grows?"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import torch

from richc.calculus.drift import Drift, rate_drift
from richc.compilation import program as emit
from richc.diagnostics import RichError
from richc.emit.program import BATCH, STEPS
from richc.lab import memory
from richc.lab.growth import Growth
from richc.lab.outcome import Outcome
from richc.lab.program import Program, rate_of
from richc.lab.sweep import engines, grid, optimum
from richc.lab.sweep.plan import tasks
from richc.lab.sweep.runs import GAMMA, LR, MOMENTUM, Job, Point, Run, Task, weights
from richc.lab.sweep.store import Store, describe, digest
from richc.pipeline import ModelResult

WIDTHS = (64, 128, 256, 512, 1024)
DEPTHS = (2, 4, 8, 16, 32)
SEEDS = 3
#: Values that fp32 bears, with those that a grid may grow by.
_LEAST, _MOST = 1e-20, 1e25


class TransferSettings(NamedTuple):
    """What a run may choose; None leaves it to richc or to the file."""

    parameter: str = LR
    over: Growth = Growth.WIDTH
    #: Or depths, as ``over`` has it.
    widths: tuple[int, ...] | None = None
    #: The values to try, or how many.
    values: tuple[float, ...] | None = None
    number: int | None = None
    seeds: int = SEEDS
    #: The first seed.
    seed: int = 0
    steps: int | None = None
    batch: int | None = None
    #: The optimizer's learning rate: the middle of the grid, or fixed where another is swept.
    lr: float | None = None
    data: Path | None = None
    target: str | None = None
    device: str = "cpu"
    workers: int | None = None
    #: A Ray cluster's address, "" for one begun here, None for no Ray.
    ray: str | None = None


class Transfer(NamedTuple):
    """All that one sweep found."""

    result: ModelResult
    job: Job
    runs: tuple[Run, ...]
    measured: optimum.MeasuredOptimum
    #: None where the theory has nothing to say.
    predicted: Drift | None
    #: How many of the runs were there before.
    kept: int
    seconds: float

    @property
    def agrees(self) -> bool | None:
        return self.measured.agrees(self.predicted)

    @property
    def outcome(self) -> Outcome:
        return Outcome.of([self.measured.carries_over])


def prepare(result: ModelResult, settings: TransferSettings) -> Job:
    """What all trainings share.  Raises RichError."""
    _require_device(settings)
    spec, train = result.spec, result.spec.train
    text = emit(result, ["options"])
    program = Program(text, spec)
    if settings.data is None:
        raise RichError("which data? name a file with --data")
    options = dict(spec.optimizer.options)
    if settings.over is Growth.DEPTH and spec.depth is None:
        raise RichError(f"`{spec.name}` declares no depth to go over")
    if settings.parameter == MOMENTUM and not {"momentum", "betas"} & _knobs(program):
        raise RichError(f"{spec.optimizer.name} has no momentum")
    if settings.parameter == MOMENTUM and options.get("nesterov"):
        raise RichError("Nesterov's momentum cannot be 0: sweep it without `nesterov`")
    if settings.parameter == GAMMA:
        try:
            program.network(spec.width, "meta", gamma=2.0)
        except ValueError as error:
            raise RichError(str(error)) from None
    table = _read(program, settings.data, settings.target, settings.seed)
    job = Job(
        program=text,
        spec=spec,
        path=settings.data,
        table=table,
        parameter=settings.parameter,
        lr=None if settings.parameter == LR else settings.lr,
        steps=settings.steps or train.steps or STEPS,
        batch=settings.batch or train.batch or BATCH,
        schedule=train.schedule or "constant",
        warmup=float(train.warmup or 0),
        precision="bf16" if train.precision == "bf16" else "fp32",
        device=settings.device,
        over=settings.over,
    )
    tried = values_of(job, settings)
    if not _LEAST <= max(tried) <= _MOST:
        raise RichError(
            f"values from {min(tried):g} to {max(tried):g} cannot be trained with in fp32"
        )
    return job


def values_of(job: Job, settings: TransferSettings) -> tuple[float, ...]:
    """The values to try at every width, in order."""
    if settings.values is not None:
        return tuple(sorted(set(settings.values)))
    spec = job.spec
    centre = 1.0
    if settings.parameter == LR:
        centre = settings.lr or rate_of(spec)
    elif settings.parameter == GAMMA:
        centre = float(spec.gamma)
    return grid.values(settings.parameter, centre, settings.number)


def transfer(
    result: ModelResult,
    settings: TransferSettings,
    job: Job,
    store: Store | None,
    listen: Callable[[Sequence[Task]], None] = lambda _tasks: None,
    heard: Callable[[Sequence[Run]], None] = lambda _runs: None,
) -> Transfer:
    """Run what is not in the store, and measure.

    ``listen`` hears what is to be done, ``heard`` what is done.  Raises RichError,
    RichError and StoreProblem; whatever is raised, results that were heard of are in the store.
    """
    began = time.perf_counter()
    workers = workers_of(settings)
    widths = sorted(settings.widths or default_sizes(job))
    _refuse_too_large(job, widths[-1], workers)
    seeds = range(settings.seed, settings.seed + settings.seeds)
    tried = {width: values_of(job, settings) for width in widths}
    known = dict(store.runs) if store is not None else {}
    runs: dict[Point, Run] = {}
    kept = 0
    growths = 0
    with closing(_engine(job, settings, workers)) as engine:
        while True:
            points = [Point(n, v, s) for n, values in tried.items() for v in values for s in seeds]
            there = {p: known[p] for p in points if p in known and p not in runs}
            kept += len(there)
            runs |= there
            todo = tasks(job, [p for p in points if p not in runs], workers)
            listen(todo)
            for done in engine.run(todo) if todo else ():
                if store is not None:
                    store.add(done)
                runs |= {run.point: run for run in done}
                heard(done)
            measured = _measure(job, runs)
            more = {
                best.width: further
                for best in measured.bests
                if (further := grid.beyond(job.parameter, tried[best.width], best.value))
            }
            if not more or settings.values is not None or growths == grid.GROWTHS:
                break
            growths += 1
            tried |= {width: (*tried[width], *further) for width, further in more.items()}
    ordered = tuple(runs[point] for point in sorted(runs))
    seconds = time.perf_counter() - began
    return Transfer(result, job, ordered, measured, predict(result, job), kept, seconds)


def default_sizes(job: Job) -> list[int]:
    """The widths, or the depths."""
    return [*DEPTHS] if job.over is Growth.DEPTH else job.spec.fitting(WIDTHS)


def workers_of(settings: TransferSettings) -> int:
    """How many processes train: on a GPU one, else one a core."""
    return settings.workers or (1 if settings.device == "cuda" else os.cpu_count() or 1)


def predict(result: ModelResult, job: Job) -> Drift | None:
    """How the best value should move; None where the theory does not say."""
    verdict = result.verdict
    if job.parameter != LR:
        # On the scale, nothing that stays fixed with the width has to move.
        return None if verdict.richness is None else _NONE
    if verdict.nontrivial is None:
        return None
    forgiving = job.spec.loss == "cross_entropy" or job.spec.optimizer.law.ignores_gradient_size
    # Of outputs of networks with blocks nothing is known.
    forgiving = forgiving and result.spec.is_chain
    return rate_drift(result.context.network, job.over.symbol, forgives_outputs=forgiving)


def head_of(job: Job) -> dict[str, object]:
    """What a store of this sweep begins with.  Raises RichError."""
    try:
        return describe(job, digest(job.path))
    except OSError as error:
        raise RichError(f"{job.path}: {error.strerror or error}") from None


_NONE = Drift(Fraction(0), Fraction(0))


def _measure(job: Job, runs: dict[Point, Run]) -> optimum.MeasuredOptimum:
    outputs = job.spec.layers[-1].fan_out.factor
    return optimum.measure(list(runs.values()), job.parameter, job.spec.loss, outputs)


def _engine(job: Job, settings: TransferSettings, workers: int) -> engines.Engine:
    if settings.ray is not None:
        from richc.lab.sweep.on_ray import OnRay

        return OnRay(job, workers, settings.ray)
    return engines.Here(job) if workers == 1 else engines.Processes(job, workers)


def _require_device(settings: TransferSettings) -> None:
    """Raises RichError for what this machine, or its Python, lacks."""
    if settings.ray is not None:
        from richc.lab.sweep.on_ray import require_ray

        require_ray()
    # A cluster elsewhere has GPUs of its own.
    if settings.device == "cuda" and not settings.ray and not torch.cuda.is_available():
        why = "has no GPU that it can use" if torch.version.cuda else "was built without CUDA"
        raise RichError(f"--device cuda: this PyTorch {why}")


def _knobs(program: Program) -> set[str]:
    optimizer = program.network(program.spec.width).make_optimizer()  # type: ignore[operator]
    return set(optimizer.param_groups[0])


def _read(program: Program, path: Path, target: str | None, seed: int) -> Any:
    """What the program's reader makes of the data.  Raises RichError where it refuses them."""
    table = program.table(path, target)
    program.read_no_more(table)
    program.learnable(path, None, seed)  # whether they can be split, too
    return table


def _refuse_too_large(job: Job, width: int, workers: int) -> None:
    """Raises RichError: weights, gradients and the optimizer's state, in each worker."""
    if job.device == "cuda":
        return
    wanted = 4 * 6 * weights(job.at(width)) * workers
    who = f"{workers} trainings of {job.over} {width} at once"
    memory.require(wanted, who, "fewer --workers or smaller --widths")
