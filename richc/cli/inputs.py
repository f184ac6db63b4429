"""Paths on the command line to sources: files, folders, standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from richc.diagnostics import Diagnostic, RichError, Span
from richc.syntax.source import MAX_BYTES, Source, SourceError, decode, read_source

if TYPE_CHECKING:
    from richc.pipeline import FileResult

SUFFIX = ".rich"
#: The path that stands for standard input.
STDIN = "-"


class NoInput(RichError):
    """There is nothing to read where the user pointed."""


class Unreadable(NamedTuple):
    """An input that cannot be read, as a diagnostic."""

    path: str
    diagnostic: Diagnostic


def sources(paths: Iterable[str], stdin_name: str) -> Iterator[Source | Unreadable]:
    """Every source once, folders in order of name.  Raises NoInput."""
    return (read(path, stdin_name) for path in files(paths))


def files(paths: Iterable[str]) -> Iterator[str]:
    """Paths of files, or ``-``; those of folders in order of name, each once.  Raises NoInput."""
    seen: set[str] = set()
    for path in paths:
        if path == STDIN:
            yield path
        elif os.path.isdir(path):
            found = list(_inside(path))
            if not found:
                raise NoInput(f"no {SUFFIX} file in the folder {path!r}")
            yield from _unseen(found, seen)
        elif not os.path.lexists(path):
            raise NoInput(f"there is no file or folder {path!r}")
        else:
            yield from _unseen([path], seen)


def _unseen(paths: Iterable[str], seen: set[str]) -> Iterator[str]:
    for path in paths:
        key = os.path.realpath(path)
        if key not in seen:
            seen.add(key)
            yield path


def _inside(folder: str) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        # Hidden folders hold caches and version control, not models.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(SUFFIX):
                yield os.path.normpath(os.path.join(root, name))


def read_input(path: str, stdin_name: str) -> Source:
    """A file, or standard input for ``-``.  Raises SourceError."""
    if path != STDIN:
        return read_source(path)
    try:
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
    except OSError as error:
        raise SourceError(f"standard input: {error.strerror or error}") from None
    return Source(stdin_name, decode(data))


def analysed(path: str, stdin_name: str = "<stdin>", *, mend: bool = True) -> FileResult:
    """A file, or standard input, checked (``richc.pipeline.analyse_source``).  Raises RichError."""
    from richc.pipeline import analyse_source

    try:
        return analyse_source(read_input(path, stdin_name), mend=mend)
    except SourceError as error:
        raise RichError(f"{path}: {error}") from None


def read(path: str, stdin_name: str) -> Source | Unreadable:
    """A source, or a diagnostic that says why there is none."""
    try:
        return read_input(path, stdin_name)
    except SourceError as error:
        shown = stdin_name if path == STDIN else path
        return Unreadable(shown, Diagnostic("R006", f"cannot read: {error}", Span(0, 0)))
