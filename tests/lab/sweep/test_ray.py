"""``richc transfer --ray``: the same results, and nothing is left of Ray when it is over."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from richc.cli.main import cli
from richc.lab.sweep import on_ray
from tests.lab.sweep.command import EXAMPLE, begin, nobody_is_left, processes, results

SWEEP = ("--widths", "8,16", "--values", "0.05,0.1,0.2", "--seeds", "2", "-q")

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="there is no Ray here")


def sweep(*arguments: str) -> subprocess.Popen[str]:
    # A cluster at which nobody is, and which is not meant.
    return begin(*SWEEP, *arguments, RAY_ADDRESS="192.0.2.1:9")


@needs_ray
@pytest.mark.slow
def test_it_finds_what_processes_find(tmp_path: Path) -> None:
    files = [tmp_path / "here.jsonl", tmp_path / "ray.jsonl"]
    plain = sweep("--steps", "6", "--workers", "1", "-o", str(files[0]))
    expected, errors = plain.communicate()
    assert (4, "") == (plain.returncode, errors)
    process = sweep("--steps", "6", "--workers", "2", "-o", str(files[1]), "--ray")
    text, errors = process.communicate(timeout=120)

    assert (4, "") == (process.returncode, errors)
    # The command that would decide it is each one's own.
    assert expected.splitlines()[-1] == text.splitlines()[-1]
    assert nobody_is_left(process.pid)
    here, there = map(results, files)
    assert 12 == len(here)
    assert here.keys() == there.keys()
    for point, losses in here.items():
        assert there[point] == pytest.approx(losses, rel=1e-4)


@needs_ray
@pytest.mark.nightly
def test_a_worker_that_dies_and_an_interrupt(tmp_path: Path) -> None:
    output = tmp_path / "runs.jsonl"
    process = sweep("--steps", "1500", "--workers", "2", "-o", str(output), "--ray")
    busy: list[int] = []
    while not busy and process.poll() is None:
        time.sleep(0.1)
        found = processes(process.pid)
        busy = [pid for pid, args in found.items() if args.startswith("ray::train_shared")]
    os.kill(busy[0], signal.SIGKILL)
    while output.read_bytes().count(b"\n") < 2 and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    text, errors = process.communicate(timeout=120)

    assert f"interrupted; the same command goes on from {output}\n" == errors
    assert (130, "") == (process.returncode, text)
    assert nobody_is_left(process.pid)
    before = output.read_bytes()
    assert 0 < len(results(output)) < 12

    process = sweep("--steps", "1500", "--workers", "2", "-o", str(output), "--ray")
    _, errors = process.communicate(timeout=240)
    assert ("", 12) == (errors, len(results(output)))
    assert output.read_bytes().startswith(before)


@needs_ray
def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = CliRunner().invoke(cli, ["transfer", EXAMPLE, *SWEEP, "--ray", f"127.0.0.1:{port}"])
    assert (2, f"error: --ray: nobody answers at 127.0.0.1:{port}: Connection refused\n") == (
        found.exit_code,
        found.stderr,
    )


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "find_spec", lambda _name: None)
    found = CliRunner().invoke(cli, ["transfer", EXAMPLE, *SWEEP, "--ray"])
    assert 2 == found.exit_code
    assert (
        'error: --ray needs Ray, which is not installed: pip install "richc[ray]"\n' == found.stderr
    )
