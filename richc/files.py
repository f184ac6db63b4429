"""Writing a file: whole or not at all, and never over what somebody else wrote."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType

from richc.diagnostics import RichError

#: Windows has other locks, and leaves an open file where it is.
fcntl: ModuleType | None = import_module("fcntl") if os.name == "posix" else None

#: How the name of a file begins and ends while it is written.
_HEAD, _TAIL = ".richc-", ".tmp"
#: As many as Linux follows.
_MOST_LINKS = 40


class OutputError(RichError):
    """The file cannot be written there."""


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
    if _is_stream(path):
        raise OutputError(f"{path}: is somebody's open file; `-` is standard input and output")
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


def _is_stream(path: Path) -> bool:
    """Whether a path leads to an open file, as /dev/stdin does: what it shows may be any file."""
    for _ in range(_MOST_LINKS):
        folder = Path(os.path.realpath(path.parent))
        if folder.is_relative_to("/proc") or folder.is_relative_to("/dev/fd"):
            return True
        path = folder / path.name
        if not path.is_symlink():
            return False
        path = folder / os.readlink(path)
    return False


def starts_with(path: Path, marker: bytes, within: int = 0) -> bool:
    """Whether a file has ``marker`` ``within`` so many bytes of its start.  Raises OSError."""
    with path.open("rb") as file:
        return marker in file.read(within + len(marker))


def _replace(target: Path, content: bytes) -> None:
    _clear(target.parent)
    draft, descriptor = _draft(target.parent)
    try:
        with open(descriptor, "wb") as file:
            if target.exists():
                # Of the file that is open, where that can be said: the name may be another's now.
                opened = descriptor if os.chmod in os.supports_fd else draft
                os.chmod(opened, stat.S_IMODE(target.stat().st_mode) & 0o777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:
                # While it is locked: a closed one may be taken for one that a kill has left.
                draft.replace(target)
        if fcntl is None:
            draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _draft(folder: Path) -> tuple[Path, int]:
    """A new file, open for writing, and locked for as long as it is."""
    while True:
        draft = folder / f"{_HEAD}{secrets.token_hex(8)}{_TAIL}"
        # Exclusive: it is a new file whatever a stranger put there; its mode obeys the umask.
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        if fcntl is not None:
            with suppress(OSError):  # Where nothing can be locked, nothing is cleared.
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return draft, descriptor
        os.close(descriptor)  # Cleared before it was locked.


def _clear(folder: Path) -> None:
    """Remove the drafts that killed processes have left: those that nobody has locked."""
    if fcntl is None:
        return
    for name in os.listdir(folder):
        if not (name.startswith(_HEAD) and name.endswith(_TAIL)):
            continue
        # What belongs to somebody else, is locked or gone stays as it is.
        with suppress(OSError), open(folder / name, "rb", opener=_unwaiting) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(folder / name)


def _unwaiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
