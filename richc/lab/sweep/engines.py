"""Where tasks are done: in this process, or in several on this machine.  For Ray see `on_ray`."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol, final

from richc.diagnostics import RichError
from richc.lab.sweep.runs import Job, Run, Task


class Engine(Protocol):
    """Does tasks of one job; may be asked several times."""

    def run(self, tasks: Sequence[Task]) -> Iterator[list[Run]]:
        """What each task found, as soon as it is done, in any order.  Raises RichError."""

    def close(self) -> None:
        """End whatever was begun for it."""


@final
class Here:
    """One after the other, in this process."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._worker: Any = None

    def run(self, tasks: Sequence[Task]) -> Iterator[list[Run]]:
        """See Engine."""
        from richc.lab.sweep.stack import Worker

        self._worker = self._worker or Worker(self._job)
        for task in tasks:
            yield self._worker.train(task)

    def close(self) -> None:
        """Nothing was begun."""


@final
class Processes:
    """In ``workers`` processes of one thread each, which need not wait for each other's threads."""

    def __init__(self, job: Job, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(job,)
        )
        self._before = set(multiprocessing.active_children())

    def run(self, tasks: Sequence[Task]) -> Iterator[list[Run]]:
        """See Engine.  Raises RichError where a process is killed."""
        try:
            # Which begins the processes, as many as there is work for.
            with _undisturbed():
                futures: list[Future[list[Run]]] = [
                    self._pool.submit(_train, task) for task in tasks
                ]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise RichError(
                "a worker was killed, as happens where memory runs out: fewer --workers or "
                "narrower --widths; what was done is kept"
            ) from None

    def close(self) -> None:
        """Kill the processes, whatever they are at: what they have not told is not wanted."""
        for child in set(multiprocessing.active_children()) - self._before:
            child.kill()
        # The pool's thread is waited for: Python's exit writes to the pipe that it closes.
        self._pool.shutdown(cancel_futures=True)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals wait, here and in processes that are begun meanwhile.

    Half a process would end in a traceback.  And an interrupt from a terminal reaches all
    processes, of which the first one decides what becomes of it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


#: The worker of this process, and the job that it is of.
_worker: Any = None


def _begin(job: Job) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _make(job)


def _leave_with_parent() -> None:
    # Where the first process was killed, the others would wait for its next word for ever.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _make(job: Job) -> None:
    global _worker  # noqa: PLW0603 - one a process, which is what it is for
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    from richc.lab.memory import keep
    from richc.lab.sweep.stack import Worker

    keep()
    torch.set_num_threads(1)
    _worker = Worker(job)


def _train(task: Task) -> list[Run]:
    found: list[Run] = _worker.train(task)
    return found


def train_shared(shared: Sequence[Any], task: Task) -> list[Run]:
    """A task in one of Ray's workers, which are kept from task to task."""
    if _worker is None:
        import ray

        _make(ray.get(shared[0]))
    return _train(task)
