"""Writing a file: whole or not at all, and never over what somebody else wrote."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from richc.emit.program import MARKER


class OutputError(Exception):
    """The file cannot be written there; ``str(error)`` is one line for the user."""


def write_program(path: Path, text: str, *, force: bool = False) -> None:
    """Write an emitted program: see ``write_file``."""
    write_file(path, text.encode(), is_ours, force=force)


def write_file(
    path: Path, content: bytes, is_ours: Callable[[Path], bool], *, force: bool = False
) -> None:
    """Write ``content`` to ``path`` atomically, keeping the mode of a file that it replaces.

    A file that is not ours is left alone unless ``force``; folders, devices and symbolic links to
    anything but a file of ours are left alone always.  Raises OutputError.
    """
    try:
        target = _target(path, is_ours, force)
        _replace(target, content)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from None


def check_file(path: Path, is_ours: Callable[[Path], bool], *, force: bool = False) -> None:
    """Say early why ``write_file`` would fail.  Raises OutputError."""
    try:
        folder = _target(path, is_ours, force).parent
        if not os.access(folder, os.W_OK):
            raise OutputError(f"{path}: {folder} cannot be written to")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from None


def _target(path: Path, is_ours: Callable[[Path], bool], force: bool) -> Path:
    """The file to replace: ``path``, or what it links to.  Raises OutputError and OSError."""
    if not path.parent.is_dir():
        raise OutputError(f"{path}: {path.parent} is not a folder")
    if path.is_symlink():
        # What a link points to is not what the user named, so not even force overwrites it.
        target = Path(os.path.realpath(path))  # where links go round, one of them
        if not target.is_file() or not is_ours(target):
            raise OutputError(f"{path}: a link to something that richc did not write")
        return target
    if not os.path.lexists(path):
        return path
    if path.is_dir():
        raise OutputError(f"{path}: is a folder")
    if not path.is_file():
        raise OutputError(f"{path}: is not a regular file (without -o, the program goes to stdout)")
    if not force and not is_ours(path):
        raise OutputError(f"{path}: richc did not write this file (--force overwrites it)")
    return path


def is_ours(path: Path) -> bool:
    """True when the file begins as every program that richc emits.  Raises OSError."""
    return starts_with(path, MARKER.encode())


def starts_with(path: Path, marker: bytes, within: int = 0) -> bool:
    """Whether a file has ``marker`` ``within`` so many bytes of its start.  Raises OSError."""
    with path.open("rb") as file:
        return marker in file.read(within + len(marker))


def _replace(target: Path, content: bytes) -> None:
    draft = target.with_name(f".{secrets.token_hex(8)}.tmp")
    # Exclusive: the draft is a new file whatever a stranger put there; its mode obeys the umask.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(descriptor, "wb") as file:
            if target.exists():
                # Of the file that is open, where that can be said: the name may be another's now.
                opened = descriptor if os.chmod in os.supports_fd else draft
                os.chmod(opened, stat.S_IMODE(target.stat().st_mode) & 0o777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
