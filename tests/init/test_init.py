"""``richc init``: from a data file to a model that passes its check and trains."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from richc.cli.main import cli
from richc.pipeline import analyse

OPTIMIZERS = ("adam", "adamw", "sgd", "lion", "signsgd", "adafactor", "muon")
#: Labels of 40 rows -> outputs and loss that the file has for them.
LABELS: dict[str, tuple[Callable[[int], object], int, str]] = {
    "words": (lambda i: "abc"[i % 3], 3, "cross_entropy"),
    "from 0": (lambda i: i % 4, 4, "cross_entropy"),
    "from 1": (lambda i: i % 2 + 1, 2, "cross_entropy"),
    "two values": (lambda i: -1 if i % 2 else 1, 2, "cross_entropy"),
    "numbers": (lambda i: i / 7, 1, "mse"),
    "integers": (lambda i: i * i % 17 + 20, 1, "mse"),
    "few rows a class": (lambda i: i % 13, 1, "mse"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def write_table(path: Path, labels: str, *, named: bool = True, inputs: int = 3) -> None:
    label, _, _ = LABELS[labels]
    numbers = np.random.default_rng(0).normal(size=(40, inputs)).round(4)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        if named:
            rows.writerow([*(f"x{i}" for i in range(inputs)), "wanted"])
        rows.writerows([*row, label(i)] for i, row in enumerate(numbers.tolist()))


def lines_of(path: Path) -> Iterator[str]:
    """Statements, without comments."""
    for line in path.read_text(encoding="utf-8").splitlines():
        statement = line.partition("#")[0].strip()
        if statement:
            yield statement


def assert_starts(path: Path) -> None:
    """It passes its check without a finding, and is laid out."""
    result = analyse(path.read_text(encoding="utf-8"))
    assert [] == list(result.diagnostics)
    assert [True] == [model.passes for model in result.models]
    run("fmt", "--check", str(path))


def next_command(result: Result) -> list[str]:
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("next: richc ")]
    return shlex.split(line.removeprefix("next: richc "))


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("named", [True, False])
def test_labels_decide_outputs_and_loss(labels: str, named: bool, folder: Path) -> None:
    write_table(folder / "a.csv", labels, named=named)
    run("init", "a.csv")

    _, outputs, loss = LABELS[labels]
    found = list(lines_of(folder / "a.rich"))
    assert {"input 3", f"head: dense -> {outputs}", f"loss {loss}"} <= set(found)
    assert ("target = wanted" in found[-3]) is named
    assert_starts(folder / "a.rich")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stem=st.text(st.characters(codec="utf-8", exclude_characters='/\0"'), min_size=1, max_size=8),
    labels=st.sampled_from(tuple(LABELS)),
    named=st.booleans(),
    inputs=st.integers(1, 5),
    optimizer=st.sampled_from((None, *OPTIMIZERS)),
    depth=st.none() | st.integers(1, 1000),
    loss=st.sampled_from((None, "mse")),
)
def test_every_choice_passes(
    stem: str,
    labels: str,
    named: bool,
    inputs: int,
    optimizer: str | None,
    depth: int | None,
    loss: str | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("choice")
    data = folder / f"{stem}.csv"
    write_table(data, labels, named=named, inputs=inputs)
    out = folder / "out.rich"
    chosen = {"--optimizer": optimizer, "--depth": depth, "--loss": loss}
    options = [f"{name}={value}" for name, value in chosen.items() if value is not None]
    if not stem.isprintable():
        assert "a .rich file cannot hold" in run("init", str(data), "-o", str(out), code=2).stderr
        return

    run("init", str(data), "-o", str(out), *options)

    assert_starts(out)
    found = list(lines_of(out))
    assert f"optimizer {optimizer or 'adamw'} " in "\n".join(found)
    assert (f"depth L = {depth}, base L0 = 4" in found) is (depth is not None)


def test_arrays(folder: Path) -> None:
    numbers = torch.randn(60, 2, 3, generator=torch.Generator().manual_seed(0))
    classes = torch.arange(60) % 3
    np.savez(folder / "a.npz", x=numbers.numpy(), y=classes.numpy())
    torch.save({"images": numbers, "labels": numbers[:, 0, :2]}, folder / "b.pt")
    save_file({"x": numbers, "y": classes, "z": classes.clone()}, str(folder / "c.safetensors"))
    run("init", "a.npz")
    run("init", "b.pt")
    run("init", "c.safetensors", "--target", "z", "--ignore", "y")

    assert {"input 6", "head: dense -> 3", "loss cross_entropy"} <= set(lines_of(folder / "a.rich"))
    assert {"input 6", "head: dense -> 2", "loss mse"} <= set(lines_of(folder / "b.rich"))
    assert "target = z" in (folder / "c.rich").read_text()
    for name in "abc":
        assert_starts(folder / f"{name}.rich")


@pytest.mark.slow
def test_the_command_that_it_prints_trains(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Options included, which the language has no words for."""
    write_table(folder / "my table.csv", "words", inputs=4)
    with (folder / "my table.csv").open("a", encoding="utf-8") as file:
        file.write(",1,1,1,a\n")
    (folder / "sub").mkdir()
    result = run("init", "my table.csv", "--ignore", "x3", "-o", "sub/net.rich")
    command = next_command(result)
    run(*command, "--steps", "3", "-q")

    assert command == ["train", "sub/net.rich", "--ignore", "x3", "--missing", "drop"]
    assert "train loss" in capfd.readouterr().out


def test_without_data_it_is_about_digits(folder: Path, examples: Path) -> None:
    result = run("init")

    assert ["train", "digits.rich"] == next_command(result)
    assert "" == result.stdout
    assert (examples / "digits.csv.gz").read_bytes() == (folder / "digits.csv.gz").read_bytes()
    assert {"input 64", "head: dense -> 10"} <= set(lines_of(folder / "digits.rich"))
    assert_starts(folder / "digits.rich")


def test_to_standard_output(folder: Path) -> None:
    write_table(folder / "a.csv", "words")
    result = run("init", "a.csv", "-o", "-", "-q")

    assert [True] == [model.passes for model in analyse(result.stdout).models]
    assert not (folder / "a.rich").exists()


def passing(examples: Path) -> list[str]:
    return sorted(path.stem for path in examples.glob("*.rich") if "fails" not in path.stem)


def test_examples(folder: Path, examples: Path) -> None:
    for name in passing(examples):
        result = run("init", "--from", f"examples/{name}.rich", "-o", f"my_{name}.rich")
        text = (folder / f"my_{name}.rich").read_text()
        is_same = text == (examples / f"{name}.rich").read_text()

        assert is_same or f"my_{name}.rich" in text
        assert "examples/" not in text.replace("richc train examples/digits_sp", "")
        assert next_command(result)[1] == f"my_{name}.rich"
        assert [True] == [model.passes for model in analyse(text).models]


def test_nothing_is_lost(folder: Path) -> None:
    write_table(folder / "a.csv", "words")
    run("init", "a.csv")
    mine = folder / "a.rich"
    mine.write_text(mine.read_text() + "# mine\n", encoding="utf-8")
    kept = mine.read_text()

    assert "error: a.rich: " in run("init", "a.csv", code=2).stderr
    assert kept == mine.read_text()
    run("init", "a.csv", "--force")
    assert "# mine" not in mine.read_text()
    (folder / "digits.csv.gz").write_bytes(b"mine")
    assert "error: digits.csv.gz: " in run("init", code=2).stderr
    assert b"mine" == (folder / "digits.csv.gz").read_bytes()


WRONG = {
    "no file": (["missing.csv"], "missing.csv: No such file or directory"),
    "no such kind": (["a.xlsx"], "a.xlsx: the format is none of"),
    "a folder": (["sub"], "sub: not a file"),
    "one class": (["same.csv"], "same.csv: all labels are the same"),
    "too few": (["few.csv"], "few.csv: 2 rows are too few"),
    "no such column": (["a.csv", "--target", "nope"], "a.csv: there is no column 'nope'"),
    "nothing but labels": (["only.csv"], "only.csv: no column besides the labels"),
    "all missing": (["gaps.csv"], "gaps.csv: no rows without missing values"),
    "a depth that is no number": (["--depth", "1.5"], "--depth: '1.5' is not a valid integer\n"),
    "numbers as classes": (
        ["b.csv", "--loss", "cross_entropy"],
        "b.csv: class labels must be integers or words",
    ),
    "an example with data": (["a.csv", "--from", "holes"], "--from: an example is copied as it is"),
    "no such example": (["--from", "hole"], "did you mean `holes`?"),
    "no such optimizer": (["a.csv", "--optimizer", "adm"], "did you mean `adam`?"),
    "another name": (["a.csv", "-o", "a.txt"], "-o: a.txt: the name of a model's file ends in"),
    "no such folder": (["a.csv", "-o", "no/a.rich"], "no/a.rich: no is not a folder"),
}


@pytest.mark.parametrize("case", WRONG)
def test_errors_are_a_line(case: str, folder: Path) -> None:
    arguments, words = WRONG[case]
    (folder / "sub").mkdir()
    write_table(folder / "a.csv", "words")
    write_table(folder / "b.csv", "numbers")
    (folder / "a.xlsx").write_bytes(b"PK")
    (folder / "same.csv").write_text("x,y\n1,a\n2,a\n3,a\n4,a\n5,a\n", encoding="utf-8")
    (folder / "only.csv").write_text("y\n1\n2\n3\n4\n5\n", encoding="utf-8")
    (folder / "gaps.csv").write_text("x,y\n,1\n,2\n,3\n,4\n,5\n", encoding="utf-8")
    (folder / "few.csv").write_text("x,y\n1,a\n2,b\n", encoding="utf-8")
    result = run("init", *arguments, code=2)

    assert words in result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert 1 == len(errors)
    assert not list(folder.glob("*.rich"))


def test_words_in_any_script(folder: Path) -> None:
    kinds = ("größe", "猫", "\u202edog")
    rows = [f"{i},{kinds[i % 2]},{kinds[i % 3]}" for i in range(30)]
    (folder / "a.csv").write_text("\n".join(["x,цвет,y", *rows]), encoding="utf-8")
    told = run("init", "a.csv").stderr

    assert "column 'цвет' becomes inputs, one for each word: 2\n" in told
    # What turns the direction of a terminal's text is shown as its number.
    assert "classes 0, 1, ... are 'größe', '\\u202edog', '猫'\n" in told


def test_a_name_that_begins_with_a_dash(folder: Path) -> None:
    write_table(folder / "-x.csv", "words")
    told = run("init", "--", "-x.csv").stderr

    assert "next: richc train ./-x.rich\n" in told
    assert "richc init ./-x.csv" in (folder / "-x.rich").read_text(encoding="utf-8")
    run("check", "./-x.rich")
