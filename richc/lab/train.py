"""Running an emitted program: from a private cache, in a Python process of its own."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from richc.diagnostics import RichError
from richc.emit.program import write_program
from richc.files import OutputError
from richc.lab.threads import calm

#: What to tell a user whose Python has no torch.
NO_TORCH = 'training needs PyTorch, which is not installed: pip install "richc[torch]"'

#: How long a program may take to end after an interrupt that it got from the terminal itself.
_PATIENCE_S = 2.0
#: The same for one that writes a checkpoint first.
_PATIENCE_TO_SAVE_S = 300.0

#: The exit code of a program that an interrupt ended.
_INTERRUPTED = 130


class TrainError(RichError):
    """The program cannot be run here."""


def run_program(text: str, name: str, arguments: Sequence[str], *, richc_version: str) -> int:
    """Run an emitted program with ``arguments`` and return its exit code.

    ``name`` is the model's and becomes the file's.  Standard streams are the caller's; an
    interrupt or a termination reaches the program.  Raises TrainError where torch is missing.
    """
    if find_spec("torch") is None:
        raise TrainError(NO_TORCH)
    with _program_file(text, name, richc_version) as path:
        # -P: a model called `json` must not hide a module from its own program.
        saves = any(argument.partition("=")[0] == "--checkpoint" for argument in arguments)
        patience = _PATIENCE_TO_SAVE_S if saves else _PATIENCE_S
        return _run([sys.executable, "-P", str(path), *arguments], patience)


def cache_folder() -> Path:
    """Where emitted programs are kept: XDG_CACHE_HOME, or ~/.cache."""
    # The XDG specification says to ignore relative paths.
    told = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(told) if os.path.isabs(told) else Path.home() / ".cache"
    return base / "richc"


@contextmanager
def _program_file(text: str, name: str, richc_version: str) -> Iterator[Path]:
    """A file that holds ``text``: in the cache, or in a temporary folder where there is none."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    try:
        folder = cache_folder() / richc_version / digest
        for parent in (cache_folder(), folder.parent, folder):
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{name}.py"
        if not path.is_file() or path.read_bytes() != text.encode():
            write_program(path, text, force=True)
    except (OSError, OutputError, RuntimeError):
        # A read-only or missing home is no reason not to train.
        with tempfile.TemporaryDirectory(prefix="richc-") as temporary:
            path = Path(temporary) / f"{name}.py"
            path.write_text(text, encoding="utf-8")
            yield path
        return
    yield path


def _run(command: list[str], patience: float) -> int:
    environment = dict(os.environ)
    calm(environment)
    # The command is our own interpreter, a file of ours and the arguments of the user.
    with subprocess.Popen(command, env=environment) as child, _termination_reaches(child):  # noqa: S603
        try:
            code = child.wait()
        except KeyboardInterrupt:
            # A child that was reaped as the interrupt came has lost its exit code.
            code = _interrupted(child, patience) or _INTERRUPTED
    # As a shell reports a process that a signal ended.
    return code if code >= 0 else 128 - code


@contextmanager
def _termination_reaches(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Terminate the child with us; only the main thread may say so, as Python has it."""

    def terminate(_number: int, _frame: FrameType | None) -> None:
        child.terminate()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _interrupted(child: subprocess.Popen[bytes], patience: float) -> int:
    """Wait for a child that a terminal's Ctrl-C reached too; interrupt it where none did."""
    for stop in (signal.SIGINT, signal.SIGTERM):
        try:
            return child.wait(patience)
        except subprocess.TimeoutExpired:
            child.send_signal(stop)
    return child.wait()
