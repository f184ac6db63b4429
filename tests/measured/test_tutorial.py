"""The tutorial is true: its commands run, print what it shows, and its claims hold."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from richc.report.transfer_schema import TransferReport
from tests.shown import Done, Shell, commands, unprinted, without_numbers

pytestmark = pytest.mark.measured


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the examples, without the pictures that the tutorial draws."""
    copy = tmp_path_factory.mktemp("tutorial") / "examples"
    shutil.copytree(root / "examples", copy, ignore=shutil.ignore_patterns("*.png"))
    return copy / "tutorial"


def is_quick(command: str) -> bool:
    """Whether it trains one network, of the narrowest width, or none."""
    return not re.search("transfer|--width 4096", command)


@pytest.fixture(scope="module")
def done(folder: Path, at_night: bool) -> dict[str, Done]:
    """What every command does, in order; by day of those that take seconds."""
    shell = Shell(folder, folder.parent / "bin")
    shown = commands((folder / "README.md").read_text(encoding="utf-8"))
    return {command: shell.run(command) for command, _ in shown if at_night or is_quick(command)}


def test_commands_print_what_is_shown(folder: Path, done: dict[str, Done]) -> None:
    shown = dict(commands((folder / "README.md").read_text(encoding="utf-8")))
    assert 2 < len(done)
    for command, (_, output) in done.items():
        missing = unprinted(shown[command], output, without_numbers)
        assert missing is None, f"{command}\n{output}"


def test_what_fails_is_what_the_text_says_fails(done: dict[str, Done]) -> None:
    for command, (code, output) in done.items():
        assert ("sp_fails" in command) == (code == 1), f"{command}: {code}\n{output}"


@pytest.mark.nightly
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


@pytest.mark.nightly
def test_what_it_leaves(folder: Path, done: dict[str, Done]) -> None:
    assert done
    for name in ("sgd.png", "mup.html", "sp.jsonl", "mup.jsonl"):
        assert (folder / name).stat().st_size > 5_000, name
