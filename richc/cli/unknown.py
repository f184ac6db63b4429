"""What somebody meant who named a command that there is not."""

from __future__ import annotations

import os
from collections.abc import Collection
from shlex import quote

from richc.cli.inputs import SUFFIX
from richc.syntax.source import PYTHON, is_python, printable
from richc.words import did_you_mean


def hint(name: str, commands: Collection[str]) -> str:
    """What to append to a message."""
    if is_python(name):
        return f"; {PYTHON}"
    if name.endswith(SUFFIX) or os.path.exists(name):
        return f"; a file is checked by `richc check {printable(quote(name))}`"
    return did_you_mean(name, commands) or "; `richc --help` lists them"
