"""Whatever ends `richc transfer`, the same command goes on, and nothing is lost or made twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLE = Path("examples/digits_mup_sgd.rich").absolute()
#: 2 widths, 3 values, 4 seeds.  Steps enough that there is a while to interrupt.
SWEEP = ("--widths", "8,16", "--values", "0.05,0.1,0.2", "--seeds", "4", "--steps", "60", "-q")
POINTS = 24


def begin(output: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "richc", "transfer", str(EXAMPLE), *SWEEP, "-o", str(output)]
        + list(arguments),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Whoever ignores an interrupt hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def group(leader: int) -> list[str]:
    """What is left of the processes that a command began, itself included."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True
    )
    found = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [args for pgid, state, args in found if int(pgid) == leader and state[0] != "Z"]


def wait_for(lines: int, output: Path, process: subprocess.Popen[str]) -> None:
    """Until that many lines are there, or the command is done."""
    while process.poll() is None:
        if output.exists() and output.read_bytes().count(b"\n") >= lines:
            return
        time.sleep(0.01)


def nobody_is_left(process: subprocess.Popen[str]) -> bool:
    patience = time.monotonic() + 20
    while group(process.pid) and time.monotonic() < patience:
        time.sleep(0.05)
    return not group(process.pid)


def whole(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def results(output: Path) -> dict[tuple[int, float, int], list[float]]:
    """The losses and scores of every point.  Fails where one is there twice."""
    head, *lines = output.read_text().splitlines()
    assert head.startswith('{"richc_transfer": 1, ')
    runs = [list(json.loads(line).values()) for line in lines]
    found = {tuple(run[:3]): run[3:] for run in runs}
    assert len(runs) == len(found)
    return found  # type: ignore[return-value]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("whole") / "runs.jsonl"
    process = begin(output, "--workers", "1")
    _, errors = process.communicate()
    assert (1, "") == (process.returncode, errors)
    assert POINTS == len(results(output))
    return output


KILL, STOP, ASK = signal.SIGKILL, signal.SIGINT, signal.SIGTERM


@pytest.mark.parametrize(("workers", "endings"), [("1", (STOP, KILL, ASK)), ("2", (KILL, STOP))])
def test_a_sweep_that_is_ended_at_random(
    workers: str, endings: tuple[signal.Signals, ...], uninterrupted: Path, tmp_path: Path
) -> None:
    output = tmp_path / "runs.jsonl"
    choice = random.Random(int(workers))
    before = b""
    for wanted, number in enumerate(endings):
        process = begin(output, "--workers", workers)
        # The first while nothing is done yet, others when something is.
        wait_for(before.count(b"\n") + min(wanted, 1), output, process)
        time.sleep(choice.uniform(0.0, 0.2))
        process.send_signal(number)
        text, errors = process.communicate(timeout=60)

        if not text:  # or it was done before
            assert (-number if number == KILL else 128 + number) == process.returncode
        if not text and number != KILL:
            assert f"interrupted; the same command goes on from {output}\n" == errors
        assert nobody_is_left(process)
        now = output.read_bytes()
        assert now.startswith(whole(before))
        before = now

    process = begin(output, "--workers", workers)
    _, errors = process.communicate(timeout=60)
    assert (1, "") == (process.returncode, errors)
    assert output.read_bytes().startswith(whole(before))

    expected, found = results(uninterrupted), results(output)
    assert uninterrupted.read_text().splitlines()[0] == output.read_text().splitlines()[0]
    assert expected.keys() == found.keys()
    for point, losses in expected.items():
        # Stacks of other sizes may sum in another order.
        assert found[point] == pytest.approx(losses, rel=1e-3)


def test_an_interrupt_from_a_terminal_reaches_all(tmp_path: Path) -> None:
    """Workers that are just beginning among them."""
    output = tmp_path / "runs.jsonl"
    process = begin(output, "--workers", "2")
    wait_for(1, output, process)
    time.sleep(random.Random(3).uniform(0.2, 1.0))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert 130 == process.returncode
    assert f"interrupted; the same command goes on from {output}\n" == errors
    assert nobody_is_left(process)
