"""What commands that rewrite a user's own files share: reading them, the diff, writing back."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from richc.cli.errors import Unusable
from richc.cli.inputs import STDIN, NoInput, files, read
from richc.syntax.source import Source, printable


class Texts:
    """The texts that paths name, each with its path, or ``-``; what is unreadable is told.

    Raises Unusable where there is nothing to read.
    """

    def __init__(self, paths: Sequence[str], stdin_name: str) -> None:
        try:
            self._paths = list(files(paths or (".",)))
        except NoInput as error:
            raise Unusable(str(error)) from None
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
    """A unified diff from a source to its new text; empty where they are equal."""
    from difflib import unified_diff

    before, after = source.text.splitlines(keepends=True), text.splitlines(keepends=True)
    lines = []
    for line in unified_diff(before, after, source.path, source.path):
        lines.append(line if line.endswith(("\n", "\r")) else f"{line}\n")
        if not line.endswith(("\n", "\r")):
            lines.append("\\ No newline at end of file\n")
    return "".join(lines)


def write_out(text: str) -> None:
    """Text to standard output, with the line ends that it has."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.flush()


def write_back(path: str, source: Source, text: str) -> None:
    """Put the new text of a source where it came from: into its file, or to standard output.

    A file is replaced whole, or not at all; of a link, what it points to.  Raises Unusable.
    """
    from richc.emit.output import OutputError, write_file

    whole = f"\ufeff{text}" if source.has_mark else text
    if path == STDIN:
        write_out(whole)
        return
    if text == source.text:
        return
    try:
        if not os.access(path, os.W_OK):
            raise OutputError(f"{path}: is write-protected")
        write_file(Path(path), whole.encode(), lambda _: True)
    except OutputError as error:
        raise Unusable(str(error)) from None
