"""Programs for these tests, and where they run."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import richc

EXAMPLES = Path(__file__).parents[2] / "examples"

#: ``RICHC_GPU_TESTS=cpu`` rehearses them: the same code, on the CPU, with less to do.
REHEARSED = os.environ.get("RICHC_GPU_TESTS") == "cpu"
DEVICE = "cpu" if REHEARSED else "cuda"
STEPS = 30 if REHEARSED else 300


if REHEARSED:
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if REHEARSED or torch.cuda.is_available():
        return
    reason = "no CUDA device here (RICHC_GPU_TESTS=cpu rehearses on the CPU)"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


class Program:
    """A compiled example, and where its runs log."""

    def __init__(self, folder: Path, *features: str) -> None:
        self.folder, self.path = folder, folder / f"{'_'.join(features)}.py"
        text = (EXAMPLES / "digits_mup_adam.rich").read_text(encoding="utf-8")
        self.path.write_text(richc.compile(text, features=features), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(self.path.stem, self.path)
        assert spec is not None
        assert spec.loader is not None
        self.module: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.known: dict[tuple[str, ...], list[float]] = {}

    def arguments(self, log: Path, *options: str) -> list[str]:
        """With its data and device, a line logged for every step."""
        where = (f"--data={EXAMPLES / 'digits.csv.gz'}", f"--device={DEVICE}", f"--log={log}")
        return [*where, "--quiet", "--log-every=1", f"--steps={STEPS}", *options]

    def __call__(self, *options: str) -> list[float]:
        """The losses of a run in this process; a run that leaves nothing else is run once."""
        leaves = any(option.startswith("--checkpoint") for option in options)
        if options not in self.known or leaves:
            torch._dynamo.reset()
            log = self.folder / f"{self.path.stem}.jsonl"
            if "--resume" not in options:
                log.unlink(missing_ok=True)
            assert self.module.main(self.arguments(log, *options)) == 0
            self.known[options] = losses(log)
        return self.known[options]


def losses(log: Path) -> list[float]:
    """By step."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


Make = Callable[..., Program]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A program with these features, one each."""
    folder = tmp_path_factory.mktemp("gpu")
    made: dict[tuple[str, ...], Program] = {}

    def program(*features: str) -> Program:
        if features not in made:
            made[features] = Program(folder, *features, "options")
        return made[features]

    return program
