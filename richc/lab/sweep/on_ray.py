"""A sweep's tasks on Ray (https://docs.ray.io): on a cluster, or on one begun here for the while.

Ray is asked to say nothing, to report nothing to anybody, and to leave nothing behind.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, redirect_stdout
from functools import partial
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, final

from richc.diagnostics import RichError
from richc.lab.sweep.engines import train_shared
from richc.lab.sweep.runs import Job, Run, Task

#: What to tell a user whose Python has no Ray.
NO_RAY = '--ray needs Ray, which is not installed: pip install "richc[ray]"'
#: Seconds that a cluster's head has to answer.  Ray itself tries for two minutes and more.
_PATIENCE_S = 5.0
#: Ray's own places are sockets' names, which may have 107 bytes: the folder's has to be short.
_SHORT = Path("/tmp")  # noqa: S108 - what is made there has a name that nobody knows


@final
class OnRay:
    """An engine.  Without an address, on ``workers`` workers on this machine.

    With one, the program and the data are sent along; its machines need richc and torch.  Between
    ``run`` and ``close``, what is printed on standard output is lost.
    """

    def __init__(self, job: Job, workers: int, address: str) -> None:
        """Raises RichError where there is no Ray."""
        require_ray()
        self._job, self._workers, self._address = job, workers, address
        self._open = ExitStack()
        self._ray: Any = None
        self._train: Any = None
        self._shared: Any = None

    def run(self, tasks: Sequence[Task]) -> Iterator[list[Run]]:
        """Do tasks; what is found as it is found.  Raises RichError."""
        if self._ray is None:
            self._connect()
        ray = self._ray
        # In a list, a worker fetches it once and not with every task.
        waiting = [self._train.remote([self._shared], task) for task in tasks]
        while waiting:
            (done,), waiting = ray.wait(waiting)
            try:
                found: list[Run] = ray.get(done)
            except ray.exceptions.RayError as error:
                raise RichError(f"--ray: {_line(ray, error)}; what was done is kept") from None
            yield found

    def close(self) -> None:
        """Leave the cluster; end one that was begun here."""
        self._open.close()

    def _connect(self) -> None:
        local = not self._address
        options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
        if local:
            folder = TemporaryDirectory(
                prefix="richc-ray-",
                dir=_SHORT if _SHORT.is_dir() else None,
                ignore_cleanup_errors=True,
            )
            options |= {
                "address": "local",
                "num_cpus": self._workers,
                "include_dashboard": False,
                "_temp_dir": self._open.enter_context(folder),
            }
        else:
            _knock(self._address)
            options["address"] = self._address
        self._open.enter_context(_settings(local))
        # What becomes of its processes Ray prints there, from a thread of its own.
        self._open.enter_context(redirect_stdout(StringIO()))
        # Ray's processes end with the thread that began them.
        pool = self._open.enter_context(ThreadPoolExecutor(1))
        ray = self._ray = _import()
        self._open.callback(ray.shutdown)
        try:
            with _silence():
                _whole(pool, partial(ray.init, **options))
        except Exception as error:  # noqa: BLE001 - Ray raises all kinds, bare ones among them
            raise RichError(f"--ray: {_line(ray, error)}") from None
        if self._job.device == "cuda" and not ray.cluster_resources().get("GPU"):
            raise RichError("--ray: no GPU there for --device cuda")
        needs = {"num_gpus": 1} if self._job.device == "cuda" else {"num_cpus": 1}
        self._train = ray.remote(**needs)(train_shared)
        self._shared = ray.put(self._job)


def require_ray() -> None:
    """Raises RichError where it is not installed."""
    if find_spec("ray") is None:
        raise RichError(NO_RAY)


def _knock(address: str) -> None:
    """Raises RichError where nobody answers."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdecimal():
        return  # "auto" or nonsense: Ray tells at once
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_S).close()
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise RichError(f"--ray: nobody answers at {address}: {why}") from None


@contextmanager
def _settings(local: bool) -> Iterator[None]:
    """Ray's settings are environment variables, which its processes inherit."""
    settings: dict[str, str | None] = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_BACKEND_LOG_LEVEL": "fatal",
    }
    if not local:
        # Where what answers is no Ray: once, and for seconds instead of minutes.
        settings |= {
            "RAY_NUM_REDIS_GET_RETRIES": "1",
            "RAY_py_gcs_connect_timeout_s": "8",
        }
    else:
        # Without, Ray keeps a token in the user's home, or lets everybody in.
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        # A cluster's, which is not meant.
        settings["RAY_ADDRESS"] = None
    before = {name: os.environ.get(name) for name in settings}
    _set(settings)
    try:
        yield
    finally:
        _set(before)


def _set(settings: dict[str, str | None]) -> None:
    for name, value in settings.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _import() -> Any:
    import logging

    logger = logging.getLogger("ray")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    with _silence():
        import ray
    return ray


@contextmanager
def _silence() -> Iterator[None]:
    """Ray's C++ part writes to standard error, whatever the logger does."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _whole(pool: ThreadPoolExecutor, begin: Callable[[], object]) -> None:
    """In a thread, so that an interrupt waits: half of Ray crashes when the process ends.

    There, Ray does not take SIGTERM for itself, either.
    """
    interrupt: KeyboardInterrupt | None = None
    begun = pool.submit(begin)
    while not begun.done():
        try:
            wait([begun])
        except KeyboardInterrupt as error:
            interrupt = error
    if interrupt is not None:
        raise interrupt
    begun.result()
    if threading.current_thread() is threading.main_thread():
        # Its C++ part has put itself before Python, and would print the stack.
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))


def _line(ray: Any, error: Exception) -> str:
    """What is the matter.  An error in a task ends with it; others begin with it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    in_task = isinstance(error, ray.exceptions.RayTaskError)
    return (lines or [type(error).__name__])[-1 if in_task else 0]
