"""What only a GPU can confirm, as far as one device can:

    python -m pytest tests/gpu

Each test is a line of that section of docs/programs.md.  The last one prints the time and the
memory of a training step, beside the same network by hand and microsoft/mup (where that is
installed).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.benchmarks.step_time import compare
from tests.gpu.conftest import DEVICE, REHEARSED, STEPS, Make, losses

#: Of what torch warns on a machine that nobody has seen, none is an error.
pytestmark = pytest.mark.filterwarnings("default")

Captured = pytest.CaptureFixture[str]


def accuracy(captured: Captured) -> float:
    """Of the held-out rows, in the last line that was printed."""
    return float(captured.readouterr().out.split()[-1])


def agree(ours: list[float], theirs: list[float], tolerance: float) -> None:
    """The first steps do; later ones carry on what rounding began."""
    assert len(ours) == len(theirs) == STEPS
    assert ours[:20] == pytest.approx(theirs[:20], rel=tolerance)
    end = statistics.mean(ours[-20:]), statistics.mean(theirs[-20:])
    assert end[0] == pytest.approx(end[1], rel=0.5, abs=0.01)


def test_training_with_fused_optimizers(make: Make, capsys: Captured) -> None:
    program = make("ddp", "ckpt", "log")
    with torch.device(DEVICE):
        optimizer = next(
            kind() for kind in vars(program.module).values() if hasattr(kind, "param_groups")
        ).make_optimizer()

    ours = program()

    assert all(group["fused"] for group in optimizer.param_groups)
    assert accuracy(capsys) > (0.5 if REHEARSED else 0.93)
    agree(ours, program("--device=cpu"), 1e-3)


@pytest.mark.parametrize(
    ("option", "tolerance"),
    [("--precision=bf16", 0.05), ("--precision=fp16", 0.02), ("--tf32", 0.01)],
)
def test_precisions(option: str, tolerance: float, make: Make, capsys: Captured) -> None:
    """bf16, fp16 with gradient scaling, TF32."""
    program = make("ddp", "ckpt", "log")

    ours = program(option)

    assert accuracy(capsys) > (0.5 if REHEARSED else 0.93)
    agree(ours, program(), tolerance)


@pytest.mark.parametrize("mode", ["default", "reduce-overhead"][: 1 if REHEARSED else 2])
@pytest.mark.parametrize("accumulate", [1, 2][: 1 if REHEARSED else 2])
def test_compiled(mode: str, accumulate: int, make: Make) -> None:
    """Inductor's code, and CUDA graphs of it."""
    program = make("ddp", "ckpt", "log")
    options = ("--compile", f"--compile-mode={mode}", f"--accumulate={accumulate}")

    agree(program(*options), program(), 1e-3)


def test_batches_from_the_host(make: Make) -> None:
    """Pinned and asynchronous, they are the same batches."""
    program = make("ddp", "ckpt", "log")

    assert program("--data-on=host") == program("--data-on=device")


def test_batches_from_the_disk(make: Make, tmp_path: Path) -> None:
    program = make("ddp", "log", "stream")
    x = np.random.default_rng(0).normal(size=(600, 64))
    for name, values in (("x", x), ("digit", x[:, :10].argmax(1))):
        np.save(tmp_path / f"{name}.npy", values)

    ours = program(f"--data={tmp_path}", "--steps=20")

    there = make("ddp", "ckpt", "log")
    np.savez(tmp_path / "xy.npz", x=x, digit=x[:, :10].argmax(1))
    expected = there(f"--data={tmp_path / 'xy.npz'}", "--steps=20")
    assert ours == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_resumed_bit_by_bit(precision: str, make: Make, tmp_path: Path) -> None:
    """Random numbers of CUDA, the scaler and the fused optimizer's state are in a checkpoint."""
    program = make("ddp", "ckpt", "log")
    options = (f"--precision={precision}", "--schedule=constant")
    states = (*options, f"--checkpoint={tmp_path / 'c'}")

    program(*states, "--steps=10")
    again = program(*states, "--steps=20", "--resume")

    assert again == program(*options, "--steps=20")
    tensors = load_file(tmp_path / "c" / "step-00000020" / "00000.safetensors")
    assert ("rng.cuda" in tensors) == (DEVICE == "cuda")


def test_a_checkpoint_of_the_gpu_goes_on_without(make: Make, tmp_path: Path) -> None:
    program = make("ddp", "ckpt", "log")
    states = (f"--checkpoint={tmp_path / 'c'}", "--schedule=constant")
    program(*states, "--steps=10")

    ours = program(*states, "--steps=20", "--resume", "--device=cpu")

    assert ours == pytest.approx(program("--steps=20", states[1]), rel=1e-3)


@pytest.mark.parametrize("way", ["ddp", "fsdp"])
def test_as_many_processes_as_devices(way: str, make: Make, tmp_path: Path) -> None:
    """By torchrun, over NCCL: the losses of one process."""
    count = 2 if REHEARSED else torch.cuda.device_count()
    program = make(way, "ckpt", "log")
    log = tmp_path / "log.jsonl"
    command = (sys.executable, "-m", "torch.distributed.run", "--standalone")
    options = ("--steps=20", "--schedule=constant", f"--checkpoint={tmp_path / 'c'}")
    whole = (
        f"--nproc-per-node={count}",
        "--",
        str(program.path),
        *program.arguments(log, *options),
    )

    done = subprocess.run([*command, *whole], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert losses(log) == pytest.approx(program(*options[:2]), rel=1e-4)


def test_time_and_memory_of_a_step(tmp_path: Path, capsys: Captured) -> None:
    """Prints a table; nothing is asserted of times, which depend on who else uses the machine."""
    widths, modes, rounds = (1024, 4096, 16384), ["eager", "compiled"], 5
    if REHEARSED:
        widths, modes, rounds = (32, 64, 128), ["eager"], 3
    name = "the CPU" if DEVICE == "cpu" else torch.cuda.get_device_name()
    lines = [
        f"a step of 128 rows, Adam, μP, on {name}, torch {torch.__version__}",
        "| width | | | emitted | by hand | mup | emitted / by hand | memory | by hand | mup |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for width in widths:
        for mode in modes:
            for precision in ("fp32", "bf16"):
                try:
                    rows = compare(width, "adam", "mup", mode, rounds, tmp_path, DEVICE, precision)
                except torch.OutOfMemoryError:
                    lines.append(f"| {width} | {mode} | {precision} | does not fit |")
                    continue
                found = {row.label: row for row in rows}
                rows = [found[label] for label in ("emitted", "twin", "mup") if label in found]
                own, twin = rows[:2]
                times = [f"{row.time:.3f} ms" for row in rows]
                sizes = [f"{row.memory / 1e6:.1f} MB" if row.memory else "-" for row in rows]
                low, middle, high = twin.ratios
                ratio = f"{middle:.3f} [{low:.3f}, {high:.3f}]"
                blank = ["-"] * (3 - len(rows))
                cells = [str(width), mode, precision, *times, *blank, ratio, *sizes, *blank]
                lines.append(f"| {' | '.join(cells)} |")
                assert mode == "compiled" or own.memory <= 1.001 * twin.memory
    with capsys.disabled():
        print("", *lines, sep="\n")  # noqa: T201 - it is what the test is for
    assert len(lines) == 3 + len(widths) * len(modes) * 2
