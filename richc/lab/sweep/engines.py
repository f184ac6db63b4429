"""Where tasks are done: in this process, in several on this machine, or wherever Ray is."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from importlib.util import find_spec
from typing import Any

from richc.lab.sweep.runs import Job, Run, Task

#: What to tell a user whose Python has no Ray.
NO_RAY = '--ray needs Ray, which is not installed: pip install "richc[ray]"'


class EngineProblem(Exception):
    """Tasks cannot be done there; ``str(error)`` is one line for the user."""


def here(job: Job, tasks: Sequence[Task]) -> Iterator[list[Run]]:
    """One after the other, in this process."""
    from richc.lab.sweep.stack import Worker

    worker = Worker(job)
    for task in tasks:
        yield worker.train(task)


def processes(job: Job, tasks: Sequence[Task], workers: int) -> Iterator[list[Run]]:
    """In ``workers`` processes of one thread each, which need not wait for each other's threads.

    Raises EngineProblem where one of them is killed.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(job,))
    before = set(multiprocessing.active_children())
    try:
        for future in as_completed([pool.submit(_train, task) for task in tasks]):
            yield future.result()
    except BrokenProcessPool:
        raise EngineProblem(
            "a worker was killed, as happens where memory runs out: fewer --workers or narrower "
            "--widths; what was done is kept"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()


def ray(job: Job, tasks: Sequence[Task], workers: int, address: str | None) -> Iterator[list[Run]]:
    """On a Ray cluster; without an address on one of ``workers`` workers that is begun here.

    The program and the data are sent along; its machines need richc and torch.  Raises
    EngineProblem.
    """
    require_ray()
    import ray as cluster

    try:
        cluster.init(
            address=address or "local",
            num_cpus=None if address else workers,
            include_dashboard=None if address else False,
            log_to_driver=False,
            configure_logging=False,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise EngineProblem(f"--ray: {' '.join(str(error).split())}") from None
    with closing(_Cluster(cluster)):
        shared = cluster.put(job)
        needs = {"num_gpus": 1} if job.device == "cuda" else {"num_cpus": 1}
        train: Any = cluster.remote(**needs)(_train_shared)
        waiting = [train.remote(shared, task) for task in tasks]
        while waiting:
            done, waiting = cluster.wait(waiting)
            try:
                yield from cluster.get(done)
            except cluster.exceptions.RayError as error:
                line = str(error).strip().splitlines()[-1]
                raise EngineProblem(f"--ray: {line}; what was done is kept") from None


def require_ray() -> None:
    """Raises EngineProblem where it is not installed."""
    if find_spec("ray") is None:
        raise EngineProblem(NO_RAY)


class _Cluster:
    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster

    def close(self) -> None:
        self._cluster.shutdown()


#: The worker of this process, and the job that it is of.
_worker: Any = None


def _begin(job: Job) -> None:
    # An interrupt from a terminal reaches all processes; the first one decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _make(job)


def _make(job: Job) -> None:
    global _worker  # noqa: PLW0603 - one a process, which is what it is for
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    from richc.lab.sweep.stack import Worker

    torch.set_num_threads(1)
    _worker = Worker(job)


def _train(task: Task) -> list[Run]:
    found: list[Run] = _worker.train(task)
    return found


def _train_shared(job: Job, task: Task) -> list[Run]:
    # Ray's workers are kept from task to task.
    if _worker is None or _worker.job.program != job.program:
        _make(job)
    return _train(task)
