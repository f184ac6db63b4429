"""What commands that rewrite a user's own files share: reading them, the diff, writing back."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path

import click

from richc.cli.inputs import STDIN, files, read
from richc.diagnostics import RichError
from richc.syntax.source import Source, printable


class Texts:
    """The texts that paths name, each with its path, or ``-``; what is unreadable is told.

    Raises RichError where there is nothing to read.
    """

    def __init__(self, paths: Sequence[str], stdin_name: str) -> None:
        self._paths = list(files(paths or (".",)))
        self._stdin_name = stdin_name
        #: So far.
        self.all_readable = True

    def __iter__(self) -> Iterator[tuple[str, Source]]:
        for path in self._paths:
            item = read(path, self._stdin_name)
            if isinstance(item, Source):
                yield path, item
            else:
                click.echo(printable(f"{item.path}: {item.diagnostic.message}"), err=True)
                self.all_readable = False


def diff(source: Source, text: str) -> str:
    """A unified diff, as ``patch`` reads it, from a source to its new text; empty if it is none."""
    from difflib import unified_diff

    name = _in_a_diff(source.path)
    found = unified_diff(_lines(source, source.text), _lines(source, text), name, name)
    cut = "\n\\ No newline at end of file\n"
    return "".join(line if line.endswith("\n") else line + cut for line in found)


def _lines(source: Source, text: str) -> list[str]:
    """The lines of a file that holds a text, which for ``patch`` end at LF and nowhere else."""
    return list(StringIO(_whole(source, text), newline="\n"))


def _whole(source: Source, text: str) -> str:
    return f"\ufeff{text}" if source.has_mark else text


def _in_a_diff(path: str) -> str:
    """A file's name in the head of a diff: as ``git`` writes it, quoted where it must be."""
    plain = [c.isprintable() and c not in '"\\' for c in path]
    if all(plain):
        # What follows a tab is no part of a name, so that blanks before it are.
        return f"{path}\t" if " " in path else path
    octal = ("".join(f"\\{byte:03o}" for byte in os.fsencode(c)) for c in path)
    shown = (c if is_plain else code for c, is_plain, code in zip(path, plain, octal, strict=True))
    return f'"{"".join(shown)}"'


def write_out(text: str) -> None:
    """Text to standard output, with the line ends that it has."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.flush()


def write_back(path: str, source: Source, text: str) -> None:
    """Put the new text of a source where it came from: into its file, or to standard output.

    A file is replaced whole, or not at all; of a link, what it points to.  Raises RichError.
    """
    from richc.files import write_file

    whole = _whole(source, text)
    if path == STDIN:
        write_out(whole)
        return
    if text == source.text:
        return
    if not os.access(path, os.W_OK):
        raise RichError(f"{path}: is write-protected")
    write_file(Path(path), whole.encode(), lambda _: True)
