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
from collections.abc import Iterable
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from richc import __version__
from richc.lab.sweep.runs import Job, Point, Run

#: The key that every file of ours begins with, and the version of what follows.
_KEY, _VERSION = "richc_transfer", 1
_MARK = f'{{"{_KEY}"'.encode()


class StoreProblem(Exception):
    """Results cannot be kept there; ``str(error)`` is one line for the user."""


def describe(job: Job, data_digest: str) -> dict[str, Any]:
    """What decides the result of a point, apart from the point itself."""
    return {
        _KEY: _VERSION,
        "model": job.spec.name,
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
        """Open or begin one.  ``force`` empties it first.  Raises StoreProblem."""
        self.path = path
        self.runs: dict[Point, Run] = {}
        try:
            self._file: BufferedRandom = open(path, "a+b")  # noqa: SIM115 - see close
        except OSError as error:
            raise StoreProblem(f"{path}: {error.strerror or error}") from None
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
        except OSError:
            raise StoreProblem(f"{self.path}: another sweep is writing to it") from None
        if force:
            self._file.truncate(0)
        self._file.seek(0)
        content = self._file.read()
        if not content:
            self._append(json.dumps(head | {"richc": __version__}).encode() + b"\n")
            return
        whole = content[: content.rfind(b"\n") + 1]
        if not whole or not content.startswith(_MARK):
            raise StoreProblem(f"{self.path}: richc did not write this file (--force empties it)")
        first, *lines = whole.splitlines()
        self._compare(head, first)
        for number, line in enumerate(lines, start=2):
            run = _run(line)
            if run is None:
                raise StoreProblem(f"{self.path}:{number}: not a result (--force empties the file)")
            self.runs[run.point] = run
        if len(whole) < len(content):
            self._file.truncate(len(whole))

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
        try:
            self._file.write(content)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreProblem(f"{self.path}: {error.strerror or error}") from None


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


def write_parquet(path: Path, runs: Iterable[Run]) -> None:
    """All results as one table.  Raises StoreProblem where pyarrow is missing, and OutputError."""
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise StoreProblem('Parquet needs pyarrow, which is not installed: pip install "pyarrow"')
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    from richc.emit.output import write_file

    rows = [run.point._asdict() | run._asdict() for run in runs]
    for row in rows:
        del row["point"]
    buffer = io.BytesIO()
    table = pa.Table.from_pylist(rows)
    pq.write_table(table.replace_schema_metadata({"creator": f"richc {__version__}"}), buffer)
    write_file(path, buffer.getvalue(), _is_our_parquet)


def _is_our_parquet(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return False
    return bool(metadata.get(b"creator", b"").startswith(b"richc "))
