"""The tutorial is true: its commands run, print what it shows, and its claims hold."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from richc.report.transfer_schema import TransferReport

pytestmark = pytest.mark.measured


class Shown(NamedTuple):
    """A command of the text, and the lines below it."""

    command: str
    lines: list[str]


class Done(NamedTuple):
    code: int
    output: str


def commands(text: str) -> Iterator[Shown]:
    for block in re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield Shown(command, lines)


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the examples, without the pictures that the tutorial draws."""
    copy = tmp_path_factory.mktemp("tutorial") / "examples"
    shutil.copytree(root / "examples", copy, ignore=shutil.ignore_patterns("*.png"))
    return copy / "tutorial"


@pytest.fixture(scope="module")
def done(folder: Path) -> dict[str, Done]:
    """Every command, in order."""
    shim = folder.parent / "bin"
    shim.mkdir()
    (shim / "richc").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m richc "$@"\n')
    (shim / "richc").chmod(0o755)
    environment = os.environ | {"PATH": f"{shim}{os.pathsep}{os.environ['PATH']}"}
    found = {}
    for command, _ in commands((folder / "README.md").read_text(encoding="utf-8")):
        ran = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        found[command] = Done(ran.returncode, ran.stdout)
    return found


def without_numbers(line: str) -> str:
    """One line for all machines: their last digits differ, and so does how long it takes."""
    return re.sub(r"[-+]?\d[\d.,]*", "#", " ".join(line.split()))


def test_commands_print_what_is_shown(folder: Path, done: dict[str, Done]) -> None:
    for command, lines in commands((folder / "README.md").read_text(encoding="utf-8")):
        printed = [without_numbers(line) for line in done[command].output.splitlines()]
        at = 0
        for line in lines:
            if line == "...":
                continue
            wanted = without_numbers(line).removesuffix(" ...")
            matching = [i for i, p in enumerate(printed[at:], at) if p.startswith(wanted)]
            assert matching, f"{command}\n{line}\n{done[command].output}"
            at = matching[0] + 1


def test_what_fails_is_what_the_text_says_fails(done: dict[str, Done]) -> None:
    assert 8 < len(done)
    for command, (code, output) in done.items():
        assert ("sp_fails" in command) == (code == 1), f"{command}: {code}\n{output}"


def test_the_rate_of_the_narrow_network_is_that_of_the_wide_one(
    folder: Path, done: dict[str, Done]
) -> None:
    sp, mup = (
        TransferReport.model_validate_json((folder / name).read_text(encoding="utf-8"))
        for name in ("sp.json", "mup.json")
    )
    rate = mup.bests[0].value
    assert 64 == mup.bests[0].width
    assert {rate} == {best.value for best in mup.bests}
    assert (True, True) == (mup.carries_over, mup.drift.agrees)
    # At width 64 both are one network.
    assert rate == sp.bests[0].value
    assert sp.bests[-1].value < rate
    assert sp.carries_over is False

    narrow, wide, broken = (
        result(output)
        for command, (_, output) in done.items()
        if command.startswith("richc train") and f"--lr {rate:g}" in command
    )
    assert wide.train_loss < narrow.train_loss
    assert 1 > wide.score > narrow.score > 0.6
    assert math.isnan(broken.train_loss)


class Result(NamedTuple):
    train_loss: float
    #: R^2 on held-out data.
    score: float


def result(output: str) -> Result:
    """From what ``richc train`` prints."""
    found = re.search(r"train loss (\S+) R\^2 \S+ +held-out loss \S+ R\^2 (\S+)", output)
    assert found is not None, output
    return Result(float(found[1]), float(found[2]))


def test_what_it_leaves(folder: Path, done: dict[str, Done]) -> None:
    assert done
    for name in ("sgd.png", "mup.html", "sp.jsonl", "mup.jsonl"):
        assert (folder / name).stat().st_size > 5_000, name
