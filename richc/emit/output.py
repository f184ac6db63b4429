"""Writing an emitted program, over nothing but another one."""

from __future__ import annotations

from pathlib import Path

from richc.emit.program import MARKER
from richc.files import starts_with, write_file


def write_program(path: Path, text: str, *, force: bool = False) -> None:
    """Write an emitted program: see ``write_file``."""
    write_file(path, text.encode(), is_ours, force=force)


def is_ours(path: Path) -> bool:
    """True when the file begins as every program that richc emits.  Raises OSError."""
    return starts_with(path, MARKER.encode())
