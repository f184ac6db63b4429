"""Part: what cannot be read or written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from richc.emit.parts.table import DataError

# ---- emitted from here on ----


@contextlib.contextmanager
def refused_for(what: str) -> Iterator[None]:
    """Says of what goes wrong what it goes wrong with.  Raises DataError."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever files that lie lead libraries to
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataError(f"{what}: {reason}") from None
