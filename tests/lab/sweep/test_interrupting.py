"""Whatever ends `richc transfer`, the same command goes on, and nothing is lost or made twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from richc.cli.main import cli
from tests.lab.sweep.command import EXAMPLE, begin, nobody_is_left, results

#: 2 widths, 3 values, 4 seeds.  Steps enough that there is a while to interrupt.
SWEEP = ("--widths", "8,16", "--values", "0.05,0.1,0.2", "--seeds", "4", "--steps", "60", "-q")
POINTS = 24


def sweep(output: Path, workers: str) -> subprocess.Popen[str]:
    return begin(*SWEEP, "-o", str(output), "--workers", workers, OMP_NUM_THREADS="1")


def wait_for(lines: int, output: Path, process: subprocess.Popen[str]) -> None:
    """Until that many lines are there, or the command is done."""
    while process.poll() is None:
        if output.exists() and output.read_bytes().count(b"\n") >= lines:
            return
        time.sleep(0.01)


def whole(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def to_its_end(output: Path, workers: str = "1") -> None:
    """The command goes on in this process, which has torch already."""
    command = ["transfer", EXAMPLE, *SWEEP, "-o", str(output), "--workers", workers]
    done = CliRunner().invoke(cli, command)
    assert (4, "") == (done.exit_code, done.stderr)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("whole") / "runs.jsonl"
    to_its_end(output)
    assert POINTS == len(results(output))
    return output


KILL, STOP, ASK = signal.SIGKILL, signal.SIGINT, signal.SIGTERM


@pytest.mark.parametrize(
    ("workers", "endings"),
    [
        # What it gets, and how many more lines there are by then.
        pytest.param("1", ((STOP, 0), (KILL, 1), (ASK, 1)), id="one"),
        pytest.param("2", ((KILL, 1),), id="two"),
    ],
)
def test_a_sweep_that_is_ended_at_random(
    workers: str,
    endings: tuple[tuple[signal.Signals, int], ...],
    uninterrupted: Path,
    at_night: bool,
    tmp_path: Path,
) -> None:
    output = tmp_path / "runs.jsonl"
    choice = random.Random(int(workers))
    before = b""
    for number, more in endings:
        process = sweep(output, workers)
        wait_for(before.count(b"\n") + more, output, process)
        time.sleep(choice.uniform(0.0, 0.2))
        process.send_signal(number)
        text, errors = process.communicate(timeout=60)

        if not text:  # or it was done before
            assert (-number if number == KILL else 128 + number) == process.returncode
        if not text and number != KILL:
            assert f"interrupted; the same command goes on from {output}\n" == errors
        assert nobody_is_left(process.pid)
        now = output.read_bytes()
        assert now.startswith(whole(before))
        before = now

    to_its_end(output, workers if at_night else "1")
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
    process = sweep(output, "2")
    wait_for(1, output, process)
    time.sleep(random.Random(3).uniform(0.2, 1.0))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert 130 == process.returncode
    assert f"interrupted; the same command goes on from {output}\n" == errors
    assert nobody_is_left(process.pid)
