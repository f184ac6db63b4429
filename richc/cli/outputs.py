"""Files that a command writes: none of them is one that it reads, by whatever name."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from richc.cli.inputs import STDIN
from richc.diagnostics import RichError

#: An option, and the file that it names; None where it is not given.
Output = tuple[str, str | os.PathLike[str] | None]


def keep_apart(outputs: Iterable[Output], inputs: Iterable[str | os.PathLike[str] | None]) -> None:
    """Refuse outputs that are inputs, or that are one file.

    Names may differ: through links, from another folder, in standard input.  Raises RichError.
    """
    read = {_identity(path): os.fspath(path) for path in inputs if path is not None}
    written: dict[object, str] = {}
    for option, path in outputs:
        if path is None or path == STDIN:
            continue
        identity = _identity(path)
        if identity in read:
            names = os.fspath(path)
            also = "" if read[identity] == names else f", by another name: {read[identity]}"
            raise RichError(f"{option}: {names}: is what is read{also}")
        if identity in written:
            raise RichError(f"{written[identity]} and {option} name the same file")
        written[identity] = option


def _identity(path: str | os.PathLike[str]) -> object:
    """What two names of one file have in common, whether it is there or not."""
    try:
        status = os.stat(sys.stdin.fileno() if path == STDIN else path)
    except (OSError, ValueError):
        return os.path.realpath(path)
    return status.st_dev, status.st_ino
