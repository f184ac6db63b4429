"""The features ``ddp`` and ``fsdp``: two processes do what one does.

torchrun starts twice in this file: importing torch is most of what such a run costs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from richc.emit import emit_program
from richc.pipeline import analyse
from tests.emit.on_ranks import imported, precise_muon
from tests.emit.test_deep import FACTORED, SEVERAL
from tests.emit.test_training import OPTIMIZERS, model_text

WAYS = ("ddp", "fsdp")
#: Networks with blocks, and two optimizers side by side.
MIXED = {
    f"muon_beside_{name}": text.replace("input 3", "input 6")
    for name, text in (("adamw", SEVERAL), ("adafactor", FACTORED))
}
TRAINED_BY = [*OPTIMIZERS, *MIXED]

#: Losses of two processes and of one, relative: sums of fp32 in another order.
TOLERANCE = 5e-6


def torchrun(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run([*command, "--", *map(str, arguments)], capture_output=True, text=True)


class Run(NamedTuple):
    """One run of a program, and where its log, weights and checkpoints are."""

    program: Path
    out: Path
    arguments: tuple[str, ...]
    #: Which step of process 1 a signal comes in; 0: none.
    signal: int = 0

    def all(self) -> list[str]:
        return [
            *("--quiet", "--log-every=1", f"--log={self.out}.jsonl"),
            *(f"--save={self.out}.safetensors", f"--checkpoint={self.out}", *self.arguments),
        ]

    def steps(self) -> list[dict[str, Any]]:
        text = self.out.with_suffix(".jsonl").read_text()
        read = [json.loads(line) for line in text.splitlines()]
        return [line for line in read if "step" in line]

    def states(self) -> list[int]:
        return sorted(int(path.name[5:]) for path in self.out.glob("step-*"))

    def groups(self) -> Any:
        """Knobs of every group, and shapes by name of parameter, of the newest checkpoint."""
        newest = max(self.out.glob("step-*"))
        lines = json.loads((newest / "state.json").read_text())
        return [line for line in lines if line.startswith("groups")]


class Made(NamedTuple):
    """Runs of one process and of two, by name, and the exit codes of the latter."""

    alone: dict[str, Run]
    together: dict[str, Run]
    codes: dict[str, int]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All runs.

    Widths, batches and pieces do not divide by the number of processes.
    """
    folder = tmp_path_factory.mktemp("ranks")
    data = folder / "data.npz"
    x = np.random.default_rng(0).normal(size=(61, 6))
    y = np.digitize(x[:, 0], [-0.4, 0.4])
    np.savez(data, x=x, y=y)
    common = (f"--data={data}", "--width=9", "--batch=11", "--accumulate=2")

    torch.save({"x": torch.tensor(x), "y": torch.tensor(y)}, folder / "data.pt")

    def program(optimizer: str, way: str, *others: str, lean: bool = False) -> Path:
        path = folder / f"{optimizer}_{'_'.join([way, *others])}{'_lean' * lean}.py"
        frozen = "frozen" if optimizer == "sgd" else ""
        source = MIXED.get(optimizer) or model_text(optimizer, "scaled-bias", frozen)
        model = analyse(source).models[0].spec
        features = (way, "ckpt", "log", "monitor", *others, *(() if lean else ("options",)))
        text = emit_program(model, summary="", features=features, richc_version="0")
        # Statistics from several blocks, although there are few rows.
        path.write_text(text.replace("BLOCK = 1 << 16", "BLOCK = 8"))
        return path

    def run(name: str, optimizer: str, way: str, *arguments: str, signal: int = 0) -> Run:
        return Run(program(optimizer, way), folder / name, (*common, *arguments), signal)

    def alone(run: Run) -> Run:
        with precise_muon():
            assert imported(str(run.program)).main(run.all()) == 0
        return run

    short = ("--steps=6", "--schedule=cosine", "--warmup=2", "--monitor=3")
    first = {o: alone(run(f"{o}-alone", o, "ddp", *short)) for o in TRAINED_BY}
    others = {f"{o}-{w}": run(f"{o}-{w}", o, w, *short) for o in TRAINED_BY for w in WAYS}
    others |= {
        "copies": run("copies", "adam", "fsdp", *short, "--shard-over=1", "--sync-pieces"),
        "bf16-fsdp": run("bf16-fsdp", "adam", "fsdp", *short, "--precision=bf16"),
        "bf16-ddp": run("bf16-ddp", "adam", "ddp", *short, "--precision=bf16"),
        "stopped": run("stopped", "adam", "ddp", "--steps=20", signal=4),
    }
    for way in WAYS:
        mapped = (*common, *short, f"--data={folder / 'data.pt'}")
        others[f"stream-{way}"] = Run(program("adam", way, "stream"), folder / f"s-{way}", mapped)
    # Without the options: whole batches, no schedule.
    table = folder / "data.parquet"
    columns = {**dict(zip("abcdef", x.T, strict=True)), "kind": y}
    pq.write_table(pa.table(columns), table, row_group_size=7)
    where = (f"--data={table}", f"--save={folder / 'lean.pt'}")
    plain = (*where, "--width=9", "--batch=11", "--steps=6", "--monitor=3")
    for way in WAYS:
        lean = program("adam", way, "stream", lean=True)
        first[f"lean-{way}"] = alone(Run(lean, folder / f"lean-alone-{way}", plain))
        others[f"lean-{way}"] = Run(lean, folder / f"lean-{way}", plain)
    # Checkpoints change hands: 3 steps, then 3 more by the other number of processes.
    first["through"] = alone(run("through", "muon", "fsdp", "--steps=6"))
    for way in WAYS:
        alone(run(f"1-{way}", "muon", way, "--steps=3"))
        others[f"1-{way}"] = run(f"1-{way}", "muon", way, "--steps=6", "--resume")
        others[f"2-{way}"] = run(f"2-{way}", "muon", way, "--steps=3")

    cases = [
        {"program": str(r.program), "arguments": r.all(), "signal_on_rank_1": r.signal}
        for r in others.values()
    ]
    listed, codes = folder / "cases.json", folder / "codes.json"
    listed.write_text(json.dumps(cases))
    done = torchrun(Path(__file__).with_name("on_ranks.py"), listed, codes)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    assert done.stdout.count("train loss") == len(cases) - 1

    for way in WAYS:
        first[f"2-{way}"] = alone(run(f"2-{way}", "muon", way, "--steps=6", "--resume"))
    return Made(first, others, dict(zip(others, json.loads(codes.read_text()), strict=True)))


def agree(one: Run, two: Run, tolerance: float = TOLERANCE) -> None:
    ours, theirs = one.steps(), two.steps()
    assert [line["step"] for line in ours] == [line["step"] for line in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.keys() == other.keys()
        assert mine.get("lr") == other.get("lr")
        if "loss" in mine:
            assert mine["loss"] == pytest.approx(other["loss"], rel=tolerance)
            if tolerance == TOLERANCE:
                assert mine["accuracy"] == other["accuracy"]
        for layer, sizes in mine.get("monitor", {}).items():
            expected = pytest.approx(sizes["dh"], rel=100 * tolerance, abs=1e-6)
            assert other["monitor"][layer]["dh"] == expected


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("optimizer", TRAINED_BY)
def test_the_losses_of_one_process(optimizer: str, way: str, made: Made) -> None:
    assert made.codes[f"{optimizer}-{way}"] == 0
    agree(made.alone[optimizer], made.together[f"{optimizer}-{way}"])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("optimizer", TRAINED_BY)
def test_groups_and_rates_are_intact(optimizer: str, way: str, made: Made) -> None:
    """As many groups, of the same parameters with the same rates, as of the unwrapped model."""
    assert made.alone[optimizer].groups() == made.together[f"{optimizer}-{way}"].groups()


@pytest.mark.parametrize("way", WAYS)
def test_a_seed_means_the_same_network(way: str, made: Made) -> None:
    """Bit for bit, as frozen layers show; saved whole by one process."""
    alone, two = (
        load_file(run.out.with_suffix(".safetensors"))
        for run in (made.alone["sgd"], made.together[f"sgd-{way}"])
    )

    assert alone.keys() == two.keys()
    frozen = [name for name in alone if name.startswith("body") and name.endswith("weight")]
    assert frozen
    assert all(torch.equal(alone[name], two[name]) for name in frozen)
    for name, weights in alone.items():
        torch.testing.assert_close(two[name], weights, rtol=1e-4, atol=1e-6)


def test_copies_of_shards_and_averages_per_piece(made: Made) -> None:
    assert made.codes["copies"] == 0
    agree(made.alone["adam"], made.together["copies"])


@pytest.mark.parametrize("way", WAYS)
def test_data_that_stays_on_the_disk(way: str, made: Made) -> None:
    """Each process reads its own rows; statistics are those of all."""
    assert made.codes[f"stream-{way}"] == 0
    agree(made.alone["adam"], made.together[f"stream-{way}"])


@pytest.mark.parametrize("way", WAYS)
def test_programs_without_options(way: str, made: Made) -> None:
    assert made.codes[f"lean-{way}"] == 0
    agree(made.alone[f"lean-{way}"], made.together[f"lean-{way}"])
    assert made.alone["lean-ddp"].steps()[:1] == made.alone["lean-fsdp"].steps()[:1]


@pytest.mark.parametrize("way", WAYS)
def test_bf16(way: str, made: Made) -> None:
    """Its products round to 3 digits; the schedule's steps and rates are those of fp32."""
    assert made.codes[f"bf16-{way}"] == 0
    agree(made.alone["adam"], made.together[f"bf16-{way}"], 0.02)


@pytest.mark.parametrize("way", WAYS)
def test_resumed_by_another_number_of_processes(way: str, made: Made) -> None:
    for name, runs in ((f"1-{way}", made.together), (f"2-{way}", made.alone)):
        agree(made.alone["through"], runs[name])
        assert runs[name].states() == [3, 6]


def test_checkpoints_hold_no_pickles(made: Made) -> None:
    names = {path.name for path in made.together["muon-fsdp"].out.glob("step-*/*")}

    assert names == {"state.json", "00000.safetensors", "00001.safetensors"}


def test_a_signal_to_one_stops_both_at_one_step(made: Made) -> None:
    assert made.codes["stopped"] == 143
    states = made.together["stopped"].states()
    assert len(states) == 1
    assert 4 <= states[0] <= 6


def test_the_first_error_is_the_only_message(tmp_path: Path, made: Made) -> None:
    """One process fails in the third step; the other waits for its gradients, and is ended."""
    run = made.alone["adam"]
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\n"
        "from tests.emit.on_ranks import imported\n"
        f"module = imported({str(run.program)!r})\n"
        "original, calls = module.Trainer.batch, 0\n"
        "def fetch(trainer):\n"
        "    global calls\n"
        "    calls += 1\n"
        "    if (calls, os.environ['RANK']) == (3, '1'):\n"
        "        raise ValueError('the disk is gone')\n"
        "    return original(trainer)\n"
        "module.Trainer.batch = fetch\n"
        f"sys.exit(module.main({run.arguments!r}))\n"
    )

    done = torchrun(script)

    assert done.returncode == 1
    assert done.stderr.count("error: ") == done.stderr.count("error: the disk is gone") == 1
    assert done.stderr.count("step 1/6") == 1
    assert "RuntimeError" not in done.stderr
    assert "train loss" not in done.stdout


@pytest.mark.parametrize("way", WAYS)
def test_one_process_needs_no_torchrun(
    way: str, made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    run: Callable[..., int] = imported(str(made.together[f"adam-{way}"].program)).main

    assert run([a for a in made.alone["adam"].all() if "checkpoint" not in a]) == 0

    assert capsys.readouterr().out.startswith("train loss")
