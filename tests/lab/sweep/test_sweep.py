"""A sweep's trainings are those of `richc train`, and no result is lost or made twice."""

from __future__ import annotations

import math
import random
import threading
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from richc.calculus.drift import Drift, rate_drift
from richc.lab.growth import Growth
from richc.lab.program import Program
from richc.lab.sweep import engines, grid, optimum
from richc.lab.sweep.plan import tasks
from richc.lab.sweep.runs import GAMMA, INIT, LR, MOMENTUM, Job, Point, Run, Task
from richc.lab.sweep.stack import Worker
from richc.lab.sweep.store import Store, StoreProblem, describe
from richc.lab.sweep.transfer import TransferSettings, predict, prepare, transfer
from richc.pipeline import analyse

DIGITS = Path("examples/digits.csv.gz").absolute()
OPTIMIZERS = ("sgd", "adam", "adamw", "lion", "signsgd", "adafactor", "muon")


#: What an optimizer needs to be said.
OPTIONS = {"muon": ", shape_factor = spectral"}
BIASES = {"adafactor": "bias { std = 1 }"}


def model(optimizer: str = "adam", parameterization: str = "mup") -> str:
    return f"""model small {{
  width n = 16
  parameterization {parameterization}
  input 64
  embed: dense -> n {{ {BIASES.get(optimizer, "bias")} }}
  relu
  body: dense -> n
  relu
  head: dense -> 10
  optimizer {optimizer} {{ lr = 0.01{OPTIONS.get(optimizer, "")} }}
  loss cross_entropy
  train {{ target = digit, steps = 6, batch = 32 }}
}}"""


def job_of(text: str, parameter: str = LR) -> Job:
    (result,) = analyse(text).models
    return prepare(result, TransferSettings(parameter=parameter, data=DIGITS, target="digit"))


def alone(job: Job, point: Point) -> float:
    """The training loss of the same training in the plainest loop."""
    program = Program(job.program, job.spec, job.over)
    module = program.module
    data = program.split(job.path, "digit", point.seed)
    gamma = {"gamma": point.value} if job.parameter == GAMMA else {}
    torch.manual_seed(point.seed)
    network = program.build(point.width, **gamma)
    optimizer = network.make_optimizer(point.value if job.parameter == LR else None)  # type: ignore[operator]
    options = module.parse([f"--data={job.path}", f"--batch={job.batch}", f"--seed={point.seed}"])
    trainer = module.Trainer(network, data.train_x, data.train_y, options)
    for _ in range(job.steps):
        x, y = trainer.batch()
        optimizer.zero_grad()
        module.loss_of(network(x), y).backward()
        optimizer.step()
    loss, _ = module.evaluate(network, data.train_x, data.train_y, "fp32")
    return float(loss)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_stacked_trainings_are_single_ones(optimizer: str) -> None:
    job = job_of(model(optimizer))
    points = tuple(Point(16, value, seed) for value in (0.01, 0.02) for seed in (0, 3))
    runs = Worker(job).train(Task(points))

    assert set(points) == {run.point for run in runs}
    for run in runs:
        assert run.train_loss == pytest.approx(alone(job, run.point), rel=2e-3)


#: Two optimizers, of which one treats whole matrices.
BLOCKS = """model small {
  width n = 16, base n0 = 16
  depth L = 2, base L0 = 2
  input 64
  embed: dense -> n { std = 1 / sqrt(fan_in), lr = 1 }
  blocks: repeat L {
    mlp: residual {
      scale = L0 / L
      rmsnorm { gain { lr = 1 } }
      up: dense -> n { std = 1 / sqrt(fan_in), lr = 1, optimizer = muon }
      relu
      down: dense -> n { std = 1 / sqrt(fan_in), lr = 1, optimizer = muon }
    }
  }
  head: dense -> 10 { std = sqrt(n0) / n, lr = n0 / n }
  optimizer adam { lr = 0.01 }
  optimizer muon { lr = 0.02, shape_factor = spectral }
  loss cross_entropy
  train { target = digit, steps = 6, batch = 32 }
}"""


@pytest.mark.parametrize("optimizers", [1, 2])
def test_a_sweep_over_depths_trains_deeper_networks(optimizers: int) -> None:
    text = BLOCKS
    if optimizers == 1:
        text = text.replace(", optimizer = muon", "").replace("  optimizer muon", "  # muon")
    (result,) = analyse(text).models
    settings = TransferSettings(over=Growth.DEPTH, data=DIGITS, target="digit")
    job = prepare(result, settings)
    for depth in (1, 3):
        points = tuple(Point(depth, value, seed) for value in (0.01, 0.02) for seed in (0, 3))
        for run in Worker(job).train(Task(points)):
            assert run.train_loss == pytest.approx(alone(job, run.point), rel=2e-3)
    assert "depth" == describe(job, "digest")["over"]


@pytest.mark.parametrize(
    ("change", "low"),
    [
        (("relu", "gelu"), Fraction(0)),
        (("scale = L0 / L", ""), -Fraction(1, 2)),
    ],
)
def test_the_best_rate_is_predicted_over_depths(change: tuple[str, str], low: Fraction) -> None:
    text = BLOCKS.replace("lr = 1, optimizer = muon", "lr = n0 / n")
    text = text.replace("  optimizer muon", "  # muon").replace("  head", "  rmsnorm\n  head")
    assert change[0] in text
    (result,) = analyse(text.replace(*change)).models
    job = prepare(result, TransferSettings(over=Growth.DEPTH, data=DIGITS, target="digit"))
    assert predict(result, job) == Drift(low, low)


def test_gamma_is_the_networks_own() -> None:
    job = job_of(model("sgd"), GAMMA)
    points = [Point(16, value, 1) for value in (0.5, 2.0)]
    for task in tasks(job, points, workers=1):
        for run in Worker(job).train(task):
            assert run.train_loss == pytest.approx(alone(job, run.point), rel=1e-3)


def test_init_and_momentum_matter() -> None:
    for parameter, values in ((INIT, (0.5, 1.0)), (MOMENTUM, (0.0, 0.9))):
        job = job_of(model("sgd"), parameter)
        runs = Worker(job).train(Task(tuple(Point(16, value, 0) for value in values)))
        assert 2 == len({run.train_loss for run in runs})


def test_a_diverged_training_has_no_loss() -> None:
    job = job_of(model("sgd"))
    (run,) = Worker(job).train(Task((Point(16, 1e30, 0),)))
    assert (None, math.inf) == (run.train_loss, run.loss)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_what_diverged_is_kept_too(loss: str, tmp_path: Path) -> None:
    """JSON has no infinity, and R^2 goes to minus infinity."""
    job = job_of(model("sgd").replace("cross_entropy", loss).replace("steps = 6", "steps = 40"))
    points = [Point(16, value, 0) for value in (1.0, 30.0, 1e3, 1e30)]
    runs = Worker(job).train(Task(tuple(points)))
    path = tmp_path / "runs.jsonl"
    with Store(path, describe(job, "digest")) as store:
        store.add(runs)
    with Store(path, describe(job, "digest")) as store:
        assert {run.point: run for run in runs} == store.runs
    assert math.isfinite(optimum.measure(runs, LR, loss, 10).untrained)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "muon"])
def test_the_others_go_on_when_some_diverge(optimizer: str) -> None:
    text = model(optimizer).replace("batch = 32", "batch = 32, schedule = cosine")
    text = text.replace("lr = 0.01", "lr = 0.01, momentum = 0.9") if optimizer == "sgd" else text
    scheduled = job_of(text)
    job = scheduled._replace(schedule="constant")
    good = [Point(16, 0.01, 3), Point(16, 0.02, 0), Point(16, 0.02, 3)]
    bad = [Point(16, 1e30, 0), Point(16, 1e32, 7), Point(16, 1e34, 3)]
    runs = {run.point: run for run in Worker(job).train(Task((*good, *bad)))}
    apart = {run.point: run for run in Worker(scheduled).train(Task(tuple(good)))}
    mixed = {run.point: run for run in Worker(scheduled).train(Task((*bad, *good)))}

    assert {*good, *bad} == set(runs)
    assert all(runs[point].train_loss is None for point in bad)
    for point in good:
        assert runs[point].train_loss == pytest.approx(alone(job, point), rel=2e-3)
        assert mixed[point].train_loss == pytest.approx(apart[point].train_loss, rel=1e-4)


def result_of(point: Point) -> Run:
    return Run(point, 1.0 / point.width, 0.5, 0.9, 0.8)


def test_what_interrupts_a_sweep_loses_nothing(tmp_path: Path) -> None:
    job = job_of(model())
    head = describe(job, "digest")
    points = [Point(n, v, s) for n in (4, 8) for v in (0.1, 0.2) for s in range(5)]
    path = tmp_path / "runs.jsonl"
    choice = random.Random(7)
    done: set[Point] = set()
    while len(done) < len(points):
        with Store(path, head) as store:
            assert done == set(store.runs)
            todo = [p for p in points if p not in store.runs][: choice.randint(1, 4)]
            store.add(result_of(p) for p in todo)
            done |= set(todo)
        if choice.random() < 0.5:
            # Killed while it wrote the next.
            with path.open("ab") as file:
                file.write(b'{"width": 4, "val')
    assert len(points) + 1 == len(path.read_text().splitlines()[: len(points) + 1])
    with Store(path, head) as store:
        assert {p: result_of(p) for p in points} == store.runs


def test_a_store_is_of_one_sweep(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    head = describe(job_of(model()), "digest")
    with (
        Store(path, head),
        pytest.raises(StoreProblem, match="another sweep is writing"),
        Store(path, head),
    ):
        pass
    with pytest.raises(StoreProblem, match="another steps"):
        Store(path, head | {"steps": 7})
    other = tmp_path / "mine.txt"
    other.write_text("mine\n")
    with pytest.raises(StoreProblem, match="did not write"):
        Store(other, head)
    assert "mine\n" == other.read_text()


def test_processes_find_what_one_finds() -> None:
    job = job_of(model())
    todo = tasks(job, [Point(n, 0.01, s) for n in (8, 16) for s in (0, 1)], workers=2)
    one = {run.point: run.loss for runs in engines.Here(job).run(todo) for run in runs}
    before = set(threading.enumerate())
    with closing(engines.Processes(job, 2)) as several:
        two = {run.point: run.loss for runs in several.run(todo) for run in runs}
    # A thread that still closed its pipes while Python exits would end in a traceback.
    assert set(threading.enumerate()) <= before
    assert one == pytest.approx(two, rel=1e-4)


def test_a_transfer_resumes(tmp_path: Path) -> None:
    (result,) = analyse(model()).models
    settings = TransferSettings(
        widths=(8, 16), values=(0.005, 0.01, 0.02), seeds=1, data=DIGITS, target="digit", workers=1
    )
    job = prepare(result, settings)
    with Store(tmp_path / "runs.jsonl", describe(job, "digest")) as store:
        first = transfer(result, settings, job, store)
        again = transfer(result, settings, job, store)
    assert (0, 6, first.runs) == (first.kept, again.kept, again.runs)


@pytest.mark.parametrize("drift", [0.0, -1.0, -0.5])
def test_a_drift_is_found(drift: float) -> None:
    noise = random.Random(1)
    values = grid.values(LR, 0.1, 16)
    runs = []
    for n in (64, 128, 256, 512):
        for seed in range(3):
            best = math.log2(0.03) + drift * math.log2(n / 64) + noise.gauss(0, 0.1)
            for v in values:
                loss = 0.1 * 2.0 ** ((math.log2(v) - best) ** 2 / 4)
                runs.append(Run(Point(n, v, seed), loss, loss, 0.5, 0.5))
    found = optimum.measure(runs, LR, "cross_entropy", 10)
    assert abs(found.drift - drift) < max(0.08, found.half_width)
    assert (drift == 0.0) is found.carries_over
    assert found.agrees(Drift(Fraction(drift), Fraction(drift))) is True
    assert found.agrees(Drift(Fraction(1), Fraction(1))) is False


def bending(power: float) -> optimum.MeasuredOptimum:
    """Of a best rate that begins to go as n^power where networks are wider than 256."""
    runs = []
    for n in (64, 128, 256, 512, 1024, 2048):
        best = 0.1 / (1.0 + (n / 256) ** -power)
        for v in grid.values(LR, 0.1, 16):
            loss = 0.1 * 2.0 ** ((math.log2(v / best)) ** 2 / 4)
            runs += [Run(Point(n, v, seed), loss, loss, 0.5, 0.5) for seed in range(2)]
    return optimum.measure(runs, LR, "cross_entropy", 10)


def test_a_drift_that_bends_towards_the_predicted_one() -> None:
    found = bending(-1.0)
    assert -0.8 < found.drift < -0.4
    assert found.carries_over is False
    assert (None, True) == (
        found.agrees(Drift(Fraction(-1), Fraction(-1))),
        found.approaches(Drift(Fraction(-1), Fraction(-1))),
    )
    # Beyond what is predicted, or another way.
    assert found.agrees(Drift(Fraction(0), Fraction(0))) is False
    assert found.agrees(Drift(Fraction(1), Fraction(1))) is False


@pytest.mark.parametrize(
    ("optimizer", "parameterization", "low", "high"),
    [
        *((optimizer, "mup", "0", "0") for optimizer in OPTIMIZERS),
        ("sgd", "standard", "-1", "-1/2"),
        ("adam", "standard", "-3/2", "-1"),
        ("sgd", "ntp", "0", "1/2"),
    ],
)
def test_predicted_drifts(optimizer: str, parameterization: str, low: str, high: str) -> None:
    (result,) = analyse(model(optimizer, parameterization)).models
    found = rate_drift(result.context.network, forgives_outputs=True)
    assert Drift(Fraction(low), Fraction(high)) == found


@pytest.mark.parametrize(
    ("optimizer", "loss", "low", "high"),
    [
        ("sgd", "mse", "-1", "-1"),
        ("sgd", "cross_entropy", "-1", "-1/2"),
        ("adam", "mse", "-3/2", "-1"),
        ("adam", "cross_entropy", "-3/2", "-1"),
    ],
)
def test_where_outputs_that_grow_are_forgiven(
    optimizer: str, loss: str, low: str, high: str
) -> None:
    text = model(optimizer, "standard").replace("cross_entropy", loss)
    (result,) = analyse(text).models
    assert Drift(Fraction(low), Fraction(high)) == predict(result, job_of(text))
