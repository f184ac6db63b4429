"""Part: what cannot be read or written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from richc.emit.parts.table import DataError

# ---- emitted from here on ----


@contextlib.contextmanager
def refused_for(option: str) -> Iterator[None]:
    """Says of what cannot be read or written where an option wants it.  Raises DataError."""
    try:
        yield
    except (DataError, ImportError, OSError) as error:
        raise DataError(f"{option}: {getattr(error, 'strerror', None) or error}") from None
