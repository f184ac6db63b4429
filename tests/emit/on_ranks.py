"""Runs programs for tests/emit/test_distributed.py, by torchrun: a list of cases, as JSON.

torch is imported once, and the processes join once.  Process 0 prints the exit codes, as JSON.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch
import torch.distributed as dist
from torch import Tensor
from torch.optim import _muon


@contextlib.contextmanager
def precise_muon() -> Iterator[None]:
    """Newton-Schulz in fp32.

    torch casts the gradient to bf16 first.  What a sum in another order leaves in its last bit of
    fp32 (6e-8) then decides now and again how an entry is rounded, which is 4e-3 of that entry: the
    losses of two processes and of one were up to 5e-4 apart, in some runs and not in others.
    """
    original = _muon._zeropower_via_newtonschulz

    def orthogonalised(*arguments: Any) -> Tensor:
        with patch.object(Tensor, "bfloat16", lambda t: t.to(torch.float32, copy=True)):
            return original(*arguments)

    with patch.object(_muon, "_zeropower_via_newtonschulz", orthogonalised):
        yield


def imported(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def interrupt(module: ModuleType, step: int) -> None:
    """Have this process signal itself when the program asks for the batch of a step."""
    original = module.Trainer.batch
    calls = 0

    def fetch(trainer: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(trainer)

    module.Trainer.batch = fetch


def main() -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    codes = []
    for case in json.loads(Path(sys.argv[1]).read_text()):
        module = imported(case["program"])
        if case["signal_on_rank_1"] and dist.get_rank() == 1:
            interrupt(module, case["signal_on_rank_1"])
        with precise_muon():
            codes.append(module.main(case["arguments"]))
    if dist.get_rank() == 0:
        Path(sys.argv[2]).write_text(json.dumps(codes))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
