"""Commands that pages show, with what they print: read from Markdown, and run in a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple


class Shown(NamedTuple):
    """A command of the text, and the lines below it."""

    command: str
    lines: list[str]


class Done(NamedTuple):
    code: int
    output: str


def commands(text: str) -> Iterator[Shown]:
    """Every line of a ``console`` block that begins with ``$``."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield Shown(command, lines)


def written(text: str) -> Iterator[tuple[str, str]]:
    """The files that a reader is to save: blocks of code whose first line is ``# NAME``."""
    for block in re.findall(r"^```(?:rich|python)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        named = re.match(r"# ([\w-]+\.(?:rich|py))\n", block)
        if named:
            yield named[1], block


class Shell:
    """A shell in which ``richc`` is the one under test."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder = folder
        binaries.mkdir()
        (binaries / "richc").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m richc "$@"\n')
        (binaries / "richc").chmod(0o755)
        self._environment = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}

    def run(self, command: str) -> Done:
        ran = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Done(ran.returncode, ran.stdout)


def without_numbers(line: str) -> str:
    """One line for all machines: their last digits differ, and so does how long it takes."""
    return re.sub(r"[-+]?\d[\d.,]*", "#", " ".join(line.split()))


def unprinted(
    lines: list[str], output: str, alike: Callable[[str], str] = str.rstrip
) -> str | None:
    """The first of the lines that is not in the output after those before it.

    ``...`` stands for any lines, and at the end of a line for its rest; ``alike`` takes out what
    need not be the same.
    """
    printed = [alike(line) for line in output.splitlines()]
    at = 0
    for line in lines:
        if line.strip() == "...":
            continue
        wanted = alike(line).removesuffix(" ...")
        is_cut = wanted != alike(line)
        matching = [
            i
            for i, p in enumerate(printed[at:], at)
            if (p.startswith(wanted) if is_cut else p == wanted)
        ]
        if not matching:
            return line
        at = matching[0] + 1
    return None
