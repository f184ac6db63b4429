"""Schedules multiply all rates alike, and ``check_ratios`` finds those that do not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

import richc
from tests.emit.tables import MODEL, Captured, Load, ReadModel, write
from tests.emit.test_training import OPTIMIZERS, model_text

STEPS = 20
Schedule = Callable[[torch.optim.Optimizer], Any]


def power(step: int, rate: float) -> float:
    return rate**step


#: Schedulers of torch with which the ratios between layers stay, and what breaks them.
KEEPING: dict[str, Schedule] = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda step: 0.9**step),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda _: 0.9),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 3),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [4, 9]),
    "ConstantLR": lr_scheduler.ConstantLR,
    "LinearLR": lr_scheduler.LinearLR,
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.8),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 30),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 7),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=2, eps=0.0),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o), lr_scheduler.CosineAnnealingLR(o, 15)], [5]
    ),
    "OneCycleLR of lists": lambda o: lr_scheduler.OneCycleLR(
        o, [10 * group["lr"] for group in o.param_groups], STEPS
    ),
}
BREAKING: dict[str, Schedule] = {
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.1, STEPS),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 1e-4, 1e-2, cycle_momentum=False),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=1e-4),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(
        o, 7, eta_min=1e-4
    ),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0, min_lr=1e-3),
    # Its default eps leaves small rates alone, and so those of some layers first.
    "ReduceLROnPlateau, eps": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0),
    "LambdaLR of lists": lambda o: lr_scheduler.LambdaLR(
        o, [partial(power, rate=1 - 0.1 * i) for i in range(len(o.param_groups))]
    ),
}


@pytest.fixture(scope="module")
def module() -> ModuleType:
    """Adam at a width where the layers' rates are far apart."""
    text = model_text("adam").replace("width n = 32", "width n = 256")
    made = ModuleType("emitted")
    exec(richc.compile(text, allow_violations=True, module_only=True), made.__dict__)
    return made


@pytest.fixture(scope="module")
def program() -> ModuleType:
    """What trains it."""
    made = ModuleType("emitted")
    text = richc.compile(model_text("adam"), allow_violations=True, features=["options"])
    exec(text, made.__dict__)
    return made


def course(module: ModuleType, schedule: Schedule) -> tuple[list[float], str]:
    """Over a run: how far apart the groups' shares of their rates are, and the first complaint."""
    model = module.NetUnderTest()
    optimizer = model.make_optimizer()
    wanted = [group["lr"] for group in model.param_groups()]
    scheduler = schedule(optimizer)
    spreads, complaint = [], ""
    for _ in range(STEPS):
        rates = [group["lr"] for group in optimizer.param_groups]
        shares = [rate / full for rate, full in zip(rates, wanted, strict=True)]
        spreads.append(max(shares) / min(shares))
        try:
            module.check_ratios(model, optimizer)
        except ValueError as error:
            complaint = complaint or str(error)
        optimizer.step()
        with warnings.catch_warnings():
            # SequentialLR passes an argument that torch deprecates.
            warnings.simplefilter("ignore", UserWarning)
            if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
                scheduler.step(1.0)
            else:
                scheduler.step()
    return spreads, complaint


@pytest.mark.parametrize("name", KEEPING)
def test_schedulers_that_keep_the_ratios(name: str, module: ModuleType) -> None:
    spreads, complaint = course(module, KEEPING[name])

    assert max(spreads) == pytest.approx(1, abs=1e-6)
    assert complaint == ""


@pytest.mark.parametrize("name", BREAKING)
def test_schedulers_that_break_them(name: str, module: ModuleType) -> None:
    """As measured: layers end up at several times the rate, relative to others, that is right."""
    spreads, complaint = course(module, BREAKING[name])

    assert max(spreads) > 2
    assert "broke the ratios between layers" in complaint


def test_groups_of_another_model(module: ModuleType) -> None:
    model = module.NetUnderTest()
    one_rate = torch.optim.Adam(model.parameters())
    swapped = model.make_optimizer()
    first, second = swapped.param_groups[:2]
    first["lr"], second["lr"] = second["lr"], first["lr"]

    for optimizer in (one_rate, swapped):
        with pytest.raises(ValueError, match=r"the groups are|broke the ratios"):
            module.check_ratios(model, optimizer)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_program_s_own_optimizers(
    optimizer: str, load_module: Load, read_model: ReadModel
) -> None:
    program = load_module(read_model(model_text(optimizer)))
    model = program.NetUnderTest(128)

    program.check_ratios(model, model.make_optimizer())
    program.check_ratios(model, model.make_optimizer(3.0))


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
@pytest.mark.parametrize("warmup", [0, 1, 5])
def test_course_of_the_rate(
    schedule: str, warmup: int, module: ModuleType, program: ModuleType
) -> None:
    model = module.NetUnderTest(64)
    optimizer = model.make_optimizer()
    full = [group["lr"] for group in optimizer.param_groups]
    scheduler = lr_scheduler.LambdaLR(
        optimizer, lambda step: program.share_of_rate(schedule, step, STEPS, warmup)
    )
    shares = []
    for _ in range(STEPS):
        module.check_ratios(model, optimizer)
        shares.append(optimizer.param_groups[0]["lr"] / full[0])
        optimizer.step()
        scheduler.step()

    rise, rest = shares[:warmup], shares[warmup:]
    assert rise == sorted(rise)
    assert all(0 < share < 1 for share in rise)
    assert rest[0] == pytest.approx(1)
    if schedule == "constant":
        assert rest == [1.0] * len(rest)
    else:
        assert rest == sorted(rest, reverse=True)
        assert 0 < rest[-1] < 0.1


@pytest.mark.parametrize(
    ("written", "arguments", "expected"),
    [
        ("warmup = 4", [], [0.2, 0.4, 0.6, 0.8, 1, 1]),
        ("warmup = 0.25", [], [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1]),
        ("warmup = 1/10", [], [1 / 3, 2 / 3, 1, 1, 1, 1]),
        ("seed = 0", ["--warmup=2"], [1 / 3, 2 / 3, 1, 1, 1, 1]),
        ("warmup = 4", ["--warmup=0"], [1, 1, 1, 1, 1, 1]),
        ("schedule = linear", ["--warmup=2", "--steps=6"], [1 / 3, 2 / 3, 1, 0.75, 0.5, 0.25]),
    ],
)
def test_from_file_and_command_line(
    written: str,
    arguments: list[str],
    expected: list[float],
    load: Load,
    read_model: ReadModel,
    tmp_path: Path,
) -> None:
    text = MODEL.format(name="net", outputs=3, loss="cross_entropy", train=f", {written}")
    program = load(read_model(text))
    rates: list[float] = []
    original = program.Trainer.step

    def step(trainer: Any) -> Any:
        rates.append(trainer.optimizer.param_groups[0]["lr"])
        return original(trainer)

    program.Trainer.step = step
    data = ["--quiet", "--data", str(write(tmp_path, "csv"))]

    assert program.main([*data, *arguments]) == 0

    assert [rate / 0.1 for rate in rates[:6]] == pytest.approx(expected)


@pytest.mark.parametrize("value", ["-1", "1.5", '"10"', "(1, 2)", "fast", "1e16"])
def test_warmups_that_are_none(value: str, capsys: Captured) -> None:
    text = MODEL.format(name="net", outputs=3, loss="mse", train=f", warmup = {value}")

    with pytest.raises(richc.RichError, match=r"warmup|R0"):
        richc.compile(text)


@pytest.mark.parametrize("value", ["-1", "1.5", "x", "nan"])
def test_warmups_that_the_program_refuses(
    value: str, program: ModuleType, capsys: Captured
) -> None:
    assert program.main([f"--warmup={value}"]) == 2

    shown = capsys.readouterr().err
    assert shown.startswith("error: --warmup")
    assert shown.count("\n") == 1
