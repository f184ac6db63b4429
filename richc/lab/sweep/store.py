"""The results of a sweep, a JSON line each, written as they come.

A file holds one sweep: its first line says of what, and any other is refused.  Lines are appended
and flushed to the disk; where the last one was cut off, it is dropped.  So whatever interrupts a
sweep, what was reported done is there, and none of it is done again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from richc._version import __version__
from richc.diagnostics import RichError
from richc.lab.growth import Growth
from richc.lab.sweep.runs import Job, Point, Run

#: The key that every file of ours begins with, and the version of what follows.
_KEY, _VERSION = "richc_transfer", 1
_MARK = f'{{"{_KEY}"'.encode()


class StoreProblem(RichError):
    """Results cannot be kept there."""


def describe(job: Job, data_digest: str) -> dict[str, Any]:
    """What decides the result of a point, apart from the point itself."""
    over = {} if job.over is Growth.WIDTH else {"over": job.over, "width": job.spec.width}
    return {
        _KEY: _VERSION,
        "model": job.spec.name,
        **over,
        "parameter": job.parameter,
        "lr": job.lr,
        "steps": job.steps,
        "batch": job.batch,
        "schedule": job.schedule,
        "warmup": job.warmup,
        "precision": job.precision,
        "data": job.path.name,
        "data_sha256": data_digest,
        "program_sha256": hashlib.sha256(job.program.encode()).hexdigest(),
    }


def digest(path: Path) -> str:
    """Of a file's bytes.  Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Store:
    """An open file of results; nobody else writes to it meanwhile."""

    def __init__(self, path: Path, head: dict[str, Any], *, force: bool = False) -> None:
        """Open or begin one.  Raises StoreProblem.

        ``force`` empties one that is not of this sweep.
        """
        self.path = path
        self.runs: dict[Point, Run] = {}
        with self._problems():
            if path.exists() and not path.is_file():
                raise StoreProblem(f"{path}: is not a regular file")
            # Unbuffered: what could not be written is not tried again when the file is closed.
            self._file: FileIO = open(path, "a+b", buffering=0)  # noqa: SIM115 - see __exit__
            try:
                self._begin(head, force)
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, runs: Iterable[Run]) -> None:
        """Keep results, all of them or none."""
        new = {run.point: run for run in runs if run.point not in self.runs}
        self._append(b"".join(_line(run) for run in new.values()))
        self.runs |= new

    def _begin(self, head: dict[str, Any], force: bool) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreProblem(f"{self.path}: another sweep is writing to it") from None
        self._file.seek(0)
        content = self._file.readall()
        whole = content[: content.rfind(b"\n") + 1]
        try:
            self._read(whole, head)
        except StoreProblem:
            # A file of ours that was cut off in its first line holds nothing.
            if not force and content and not _started(content):
                raise
            self.runs.clear()
            whole = b""
        if len(whole) < len(content):
            self._file.truncate(len(whole))
        if not whole:
            self._append(json.dumps(head | {"richc": __version__}).encode() + b"\n")

    def _read(self, whole: bytes, head: dict[str, Any]) -> None:
        """Raises StoreProblem for anything but whole lines of this sweep."""
        if not whole.startswith(_MARK):
            raise StoreProblem(f"{self.path}: richc did not write this file (--force empties it)")
        first, *lines = whole.splitlines()
        self._compare(head, first)
        for number, line in enumerate(lines, start=2):
            run = _run(line)
            if run is None:
                raise StoreProblem(f"{self.path}:{number}: not a result (--force empties the file)")
            self.runs[run.point] = run

    def _compare(self, head: dict[str, Any], first: bytes) -> None:
        try:
            known = json.loads(first)
        except ValueError:
            known = {}
        for key, value in head.items():
            if known.get(key) != value:
                what = key.removesuffix("_sha256").replace("_", " ")
                values = "" if key.endswith("sha256") else f" ({known.get(key)}, now {value})"
                raise StoreProblem(
                    f"{self.path}: results of a sweep with another {what}{values}: "
                    "another file, or --force to empty it"
                )

    def _append(self, content: bytes) -> None:
        with self._problems():
            while content:
                content = content[self._file.write(content) :]
            os.fsync(self._file.fileno())

    @contextmanager
    def _problems(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreProblem(f"{self.path}: {error.strerror or error}") from None


def _started(content: bytes) -> bool:
    """Whether this is the beginning of a file of ours, and no more than a line."""
    return b"\n" not in content and content.startswith(_MARK)


def _line(run: Run) -> bytes:
    fields = run.point._asdict() | run._asdict()
    del fields["point"]
    return json.dumps(fields, allow_nan=False).encode() + b"\n"


def _run(line: bytes) -> Run | None:
    try:
        fields = json.loads(line)
        point = Point(*(fields.pop(key) for key in Point._fields))
        return Run(point, **fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
