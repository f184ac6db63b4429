"""The command as others run it: in a process and a session of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

EXAMPLE = str(Path("examples/digits_mup_sgd.rich").absolute())

# Whoever runs the tests may ignore interrupts, and hands that on.
_MAIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from richc.__main__ import main
main()
"""


def begin(*arguments: str, **settings: str) -> subprocess.Popen[str]:
    """``richc transfer`` of the example; ``settings`` are environment variables."""
    return subprocess.Popen(
        [sys.executable, "-c", _MAIN, "transfer", EXAMPLE, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def results(output: Path) -> dict[tuple[int, float, int], list[float]]:
    """The losses and scores of every point.  Fails where one is there twice."""
    head, *lines = output.read_text().splitlines()
    assert head.startswith('{"richc_transfer": 1, ')
    runs = [list(json.loads(line).values()) for line in lines]
    found = {(width, value, seed): losses for width, value, seed, *losses in runs}
    assert len(runs) == len(found)
    return found


def processes(session: int) -> dict[int, str]:
    """The session's processes that live, and what they are."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,sess=,stat=,args="], capture_output=True, text=True, check=True
    )
    found = [line.split(maxsplit=3) for line in listed.stdout.splitlines()]
    return {
        int(pid): args for pid, its, state, args in found if int(its) == session and state[0] != "Z"
    }


def nobody_is_left(session: int) -> bool:
    """Whether the session's processes end by themselves."""
    patience = time.monotonic() + 30
    while processes(session) and time.monotonic() < patience:
        time.sleep(0.1)
    return not processes(session)
