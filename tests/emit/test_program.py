"""The emitted program's command line: runs, reports, saved weights, refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import richc
from tests.emit.tables import MODEL, Captured, Load, ReadModel, final, split_of, table, write

# ---- the run ---------------------------------------------------------------------------------


def test_same_seed_same_losses(classifier: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    data = str(write(tmp_path, "csv"))
    outputs = []
    for seed in ("1", "1", "2"):
        assert classifier.main(["--data", data, "--seed", seed]) == 0
        outputs.append(capsys.readouterr())

    assert outputs[0].out == outputs[1].out != outputs[2].out
    assert outputs[0].err.count("step ") == 10
    assert "left" in outputs[0].err


def test_progress_in_place(classifier: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    classifier.main(["--data", str(write(tmp_path, "csv")), "--progress"])

    shown = capsys.readouterr().err

    assert shown.startswith("\rstep ")
    assert shown.count("\n") == 1
    assert "step 20/20" in shown


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_schedules_and_precisions(
    schedule: str, precision: str, classifier: ModuleType, tmp_path: Path, capsys: Captured
) -> None:
    arguments = ["--data", str(write(tmp_path, "csv")), "--quiet", "--steps=100"]

    code = classifier.main([*arguments, "--schedule", schedule, "--precision", precision])

    assert code == 0
    assert final(capsys)["accuracy"] > 0.8


def test_schedule_keeps_ratios(classifier: ModuleType) -> None:
    factors = [
        [classifier.share_of_rate(schedule, step, 10) for step in range(10)]
        for schedule in ("cosine", "linear")
    ]

    for shares in factors:
        assert shares[0] == 1.0
        assert shares == sorted(shares, reverse=True)
        assert shares[-1] > 0


def test_width_richness_gamma_and_lr(
    classifier: ModuleType, tmp_path: Path, capsys: Captured
) -> None:
    path, saved = write(tmp_path, "csv"), tmp_path / "w.safetensors"
    arguments = ["--width=8", "--richness=1/4", "--gamma=2", "--lr=3e-2", "--save", str(saved)]

    assert classifier.main(["--data", str(path), *arguments]) == 0

    assert load_file(saved)["embed.weight"].shape == (8, 3)
    with saved.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    told = header["__metadata__"]
    assert (told["width"], told["richness"], told["gamma"]) == ("8", "0.25", "2.0")


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_saved_weights(suffix: str, classifier: ModuleType, tmp_path: Path) -> None:
    data, saved = str(write(tmp_path, "csv")), tmp_path / f"w{suffix}"
    assert classifier.main(["--data", data, "--quiet", "--save", str(saved)]) == 0

    state = load_file(saved) if suffix != ".pt" else torch.load(saved, weights_only=True)["model"]

    model = classifier.Iris()
    model.load_state_dict(state)
    split = split_of(classifier, Path(data))
    assert classifier.evaluate(model, split.train_x, split.train_y, "fp32")[1] > 0.3
    assert sorted(p.name for p in tmp_path.glob("*w*")) == [saved.name]
    # For the same eyes as any file of its writer's, also by way of a library that hides its own.
    assert saved.stat().st_mode == Path(data).stat().st_mode


def test_divergence(classifier: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    """A loss of nan is found out at the next report, said, and told by the exit code."""
    x, y = table()
    np.savez(tmp_path / "d.npz", x=x, y=y)

    code = classifier.main(["--data", str(tmp_path / "d.npz"), "--lr=1e38", "--steps=100"])

    shown = capsys.readouterr()
    assert code == 1
    assert "diverged" in shown.err
    assert shown.out.startswith("train loss nan")


def page(load_text: Callable[[str], ModuleType]) -> ModuleType:
    """The program without any feature."""
    return load_text(richc.compile(MODEL.format(name="m", outputs=3, loss="mse", train="")))


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_a_page_that_diverges(
    quiet: list[str], load_text: Callable[[str], ModuleType], tmp_path: Path, capsys: Captured
) -> None:
    """It stops where that is seen, and says where."""
    data = ["--data", str(write(tmp_path, "csv")), "--lr=1e38", "--steps=100", *quiet]

    assert page(load_text).main(data) == 1

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: the loss diverged (seen after step 10)\n"


@pytest.mark.parametrize("name", ["w.safetensors", "no/such/w.pt"])
def test_a_page_says_before_it_trains_that_it_cannot_save(
    name: str, load_text: Callable[[str], ModuleType], tmp_path: Path, capsys: Captured
) -> None:
    save = f"--save={tmp_path / name}"

    assert page(load_text).main(["--data", str(write(tmp_path, "csv")), save]) == 2

    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert shown.err.startswith(f"error: --save {tmp_path / name}: ")


def test_regression(regressor: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    """Targets are standardised, so a loss is 1 - R^2 up to the split."""
    x, _ = table()
    path = tmp_path / "line.npz"
    np.savez(path, x=x, y=1e6 + 1e5 * x[:, 0])

    assert regressor.main(["--data", str(path), "--steps=300", "--quiet"]) == 0

    found = final(capsys)
    assert found["R^2"] > 0.95
    assert found["train"] == pytest.approx(1 - found["R^2"], abs=1e-3)


@pytest.mark.parametrize("outputs", [2, 3])
def test_mse_of_vectors_and_of_classes(
    outputs: int, load: Load, read_model: ReadModel, tmp_path: Path, capsys: Captured
) -> None:
    """Two target columns; or one label a row, one-hot over three outputs."""
    module = load(read_model(MODEL.format(name="m", outputs=outputs, loss="mse", train="")))
    path = tmp_path / "t.csv"
    x, y = table()
    header = "a,b,c,u,v\n" if outputs == 2 else "a,b,c,u\n"
    rows = [[*r, r[0], r[1]] if outputs == 2 else [*r, k] for r, k in zip(x, y, strict=True)]
    path.write_text(header + "\n".join(",".join(map(str, row)) for row in rows))
    target = "u,v" if outputs == 2 else "u"

    assert module.main(["--data", str(path), "--target", target, "--quiet", "--steps=200"]) == 0

    assert final(capsys)["R^2"] > 0.5


@pytest.mark.parametrize("features", [(), ("options",)])
def test_an_interrupt_is_a_line(
    features: tuple[str, ...],
    load_text: Callable[[str], ModuleType],
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = MODEL.format(name="iris", outputs=3, loss="cross_entropy", train="")
    module = load_text(richc.compile(text, features=features))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "train", interrupt)

    assert module.main(["--data", str(write(tmp_path, "csv"))]) == 130

    assert capsys.readouterr().err == "interrupted\n"


# ---- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "--data"),
        (["--target=nope"], "no column 'nope'"),
        (["--target=7"], "no column '7'"),
        (["--save=w.txt"], "--save"),
        (["--save=/no/such/folder/w.pt"], "--save"),
        (["--device=cuda"], "not available"),
        (["--width=9000000000"], ""),
    ],
)
def test_bad_usage(
    arguments: list[str], word: str, classifier: ModuleType, tmp_path: Path, capsys: Captured
) -> None:
    if "--device=cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    data = ["--data", str(write(tmp_path, "csv"))] if arguments else []

    assert classifier.main([*data, "--quiet", *arguments]) == 2

    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert shown.count("\n") == 1
    assert word in shown


@pytest.mark.parametrize(
    "argument",
    [
        "--width=0",
        "--steps=x",
        "--richness=1/0",
        "--gamma=nan",
        "--gamma=0",
        "--lr=-1",
        "--seed=-1",
        "--nope",
        "--lr=1e999",
    ],
)
def test_argparse_refuses(argument: str, classifier: ModuleType, capsys: Captured) -> None:
    """A value that an option cannot have in one line, an option that there is not in argparse's."""
    try:
        code = classifier.main([argument])
    except SystemExit as error:
        code = error.code

    shown = capsys.readouterr().err
    assert code == 2
    assert argument.partition("=")[0] in shown
    assert argument == "--nope" or (shown.count("\n") == 1 and shown.startswith("error: "))


def test_an_option_is_refused_by_its_own_name(
    load: Load, read_model: ReadModel, capsys: Captured
) -> None:
    text = """\
model two {
  width n = 8
  parameterization mup
  input 4
  embed: dense -> n
  relu
  body: dense -> n { optimizer = muon }
  relu
  head: dense -> 2
  optimizer adamw { lr = 0.01 }
  optimizer muon { lr = 0.02, shape_factor = spectral }
}
"""
    code = load(read_model(text)).main(["--muon-lr=abc"])

    shown = capsys.readouterr().err
    assert (2, 1) == (code, shown.count("\n"))
    assert "--muon-lr: " in shown


def test_data_beside_the_program(load: Load, read_model: ReadModel, tmp_path: Path) -> None:
    """The default path is relative to the program, wherever it is run from."""
    train = ', data = "data.csv", target = "kind"'
    text = MODEL.format(name="m", outputs=3, loss="cross_entropy", train=train)
    module = load(read_model(text))
    write(tmp_path, "csv")

    run = subprocess.run(
        [sys.executable, "-W", "error", str(module.__file__)],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.startswith("train loss ")
    assert run.stdout.count("\n") == 1


def test_weights_are_not_saved_through_a_link(classifier: ModuleType, tmp_path: Path) -> None:
    """Neither under the name asked for, nor under the draft's."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for name in ("w.pt", f".w.pt.{os.getpid()}", ".w.pt.tmp"):
        (tmp_path / name).symlink_to(precious)

    arguments = ["--quiet", "--data", str(write(tmp_path, "csv")), "--save"]
    assert classifier.main([*arguments, str(tmp_path / "w.pt")]) == 0

    assert precious.read_text() == "precious"
    assert torch.load(tmp_path / "w.pt", weights_only=True)["metadata"]["model"] == "iris"
