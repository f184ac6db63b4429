"""Source texts: reading them safely, and turning offsets into lines and columns."""

from __future__ import annotations

import os
import re
import stat
from bisect import bisect_right
from typing import NamedTuple

#: A file of a thousand hand-written layers is well below this; more is somebody's accident.
MAX_BYTES = 1 << 19

_LINE_END = re.compile(r"\r\n|\n|\r")


def printable(text: str) -> str:
    """The text in one line, with escapes for what is not printable."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def line_around(text: str, offset: int) -> tuple[int, int]:
    """Where the line of an offset begins and where it ends, without its line end."""
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    end = _LINE_END.search(text, offset)
    return start, len(text) if end is None else end.start()


#: Of a file that is taken for a model.
PYTHON = "richc reads .rich files; `richc audit FILE.py:make` audits PyTorch code"


def is_python(path: str) -> bool:
    return path.endswith((".py", ".ipynb"))


class SourceError(Exception):
    """The text cannot be read; ``str(error)`` says why, without the path."""


class LineColumn(NamedTuple):
    """1-based line and column, counted in characters."""

    line: int
    column: int


class Source:
    """A named text. ``path`` is what messages show."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        #: Without the byte order mark that some editors write: it is no part of line 1.
        self.text = text.removeprefix("\ufeff")
        #: For those who write the text back.
        self.has_mark = text.startswith("\ufeff")
        self._starts: list[int] | None = None

    @property
    def shown(self) -> str:
        """The path as a terminal may have it: a file's name can hold what terminals obey."""
        return printable(self.path)

    @property
    def line_starts(self) -> list[int]:
        if self._starts is None:
            self._starts = [0, *(m.end() for m in _LINE_END.finditer(self.text))]
        return self._starts

    def position(self, offset: int) -> LineColumn:
        # What every message and every format shows of a place.
        assert 0 <= offset <= len(self.text), offset
        starts = self.line_starts
        line = bisect_right(starts, offset)
        return LineColumn(line, offset - starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """The text of a 1-based line, without its line end."""
        starts = self.line_starts
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")


def decode(data: bytes) -> str:
    """Bytes of a .rich file as text.

    Raises SourceError for what is not UTF-8 text of a reasonable size.
    """
    if len(data) > MAX_BYTES:
        raise SourceError(
            f"the file is larger than {MAX_BYTES // 1024} KiB: that is no hand-written model"
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError("the file is UTF-16; save it as UTF-8")
    if b"\0" in data:
        raise SourceError("this is a binary file, not a .rich text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"not UTF-8: byte 0x{data[error.start]:02x} on line {line}; save the file as UTF-8"
        ) from None


def read_source(path: str) -> Source:
    """Read and decode a file.  Raises SourceError, with a reason a user can act on."""
    try:
        if is_python(path) and os.path.exists(path):
            raise SourceError(f"this is Python: {PYTHON}")
        # A named pipe would hang a commit hook.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise SourceError("not a regular file; `-` reads standard input")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SourceError(error.strerror or "cannot be read") from None
    return Source(path, decode(data))
