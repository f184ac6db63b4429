"""The results of a sweep as one Parquet table.

pyarrow (extra ``richc[parquet]``) is imported when one is written.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from richc._version import __version__
from richc.files import OutputError, check_file, write_file
from richc.lab.sweep.runs import Run
from richc.lab.sweep.store import StoreProblem

#: What to tell a user whose Python has no pyarrow.
NO_PYARROW = 'needs pyarrow, which is not installed: pip install "richc[parquet]"'

#: Keys of the table's metadata: who wrote it, and of which sweep it is.
_CREATOR, _SWEEP = b"creator", b"richc_transfer"


def check_target(path: Path, *, force: bool) -> None:
    """Say early what would be wrong in the end.  Raises StoreProblem."""
    if find_spec("pyarrow") is None:
        raise StoreProblem(f"--parquet {NO_PYARROW}")
    try:
        check_file(path, _is_ours, force=force)
    except OutputError as error:
        raise StoreProblem(f"--parquet: {error}") from None


def write_parquet(
    path: Path, runs: Iterable[Run], head: dict[str, Any], *, force: bool = False
) -> None:
    """A row a training; ``head`` says of which sweep.  Raises StoreProblem."""
    check_target(path, force=force)
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [run.point._asdict() | run._asdict() for run in runs]
    # Said, not inferred: a column of a sweep in which all diverged would have no type.
    schema = pa.schema(
        [
            pa.field("width", pa.int64(), nullable=False),
            pa.field("value", pa.float64(), nullable=False),
            pa.field("seed", pa.int64(), nullable=False),
            pa.field("train_loss", pa.float64()),
            pa.field("test_loss", pa.float64()),
            pa.field("train_score", pa.float64()),
            pa.field("test_score", pa.float64()),
        ],
        {_CREATOR: f"richc {__version__}".encode(), _SWEEP: json.dumps(head).encode()},
    )
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), buffer)
    try:
        write_file(path, buffer.getvalue(), _is_ours, force=force)
    except OutputError as error:
        raise StoreProblem(f"--parquet: {error}") from None


def _is_ours(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
    except pa.ArrowException:
        return False
    return bool(metadata.get(_CREATOR, b"").startswith(b"richc "))
