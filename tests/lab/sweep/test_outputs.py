"""Where `richc transfer` keeps results, and what is said where it cannot."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from richc.cli.main import cli
from richc.lab.sweep import parquet
from richc.lab.sweep.parquet import write_parquet
from richc.lab.sweep.runs import Point, Run
from richc.lab.sweep.store import Store, StoreProblem
from tests.lab.sweep.command import EXAMPLE, begin

SWEEP = ("--widths", "8,16", "--seeds", "1", "--steps", "2", "--workers", "1", "-q")
TINY = (*SWEEP, "--values", "0.1,0.2,0.4")
COLUMNS = "width value seed train_loss test_loss train_score test_score".split()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["transfer", EXAMPLE, *arguments])


def refused(found: Result) -> str:
    """The one line that is said."""
    assert (2, "") == (found.exit_code, found.stdout)
    line = found.stderr.splitlines()[-1]
    assert f"{line}\n" == found.stderr
    return line.removeprefix("error: ")


def test_a_table_holds_every_result(tmp_path: Path) -> None:
    table, lines = tmp_path / "runs.parquet", tmp_path / "runs.jsonl"
    assert 4 == run(*TINY, "--parquet", str(table), "-o", str(lines)).exit_code

    head, *rows = map(json.loads, lines.read_text().splitlines())
    found = pq.read_table(table)
    assert [*COLUMNS] == found.column_names
    assert [*("int64", "double", "int64"), *["double"] * 4] == [str(t) for t in found.schema.types]
    assert sorted(map(str, rows)) == sorted(map(str, found.to_pylist()))
    assert [0.1, 0.2, 0.4] == sorted({row["value"] for row in rows})
    del head["richc"]
    assert head == json.loads(found.schema.metadata[b"richc_transfer"])
    # It is ours: the next sweep may replace it.
    assert 4 == run(*TINY, "--parquet", str(table)).exit_code


def test_a_table_of_nothing_but_failures_has_types(tmp_path: Path) -> None:
    path = tmp_path / "runs.parquet"
    write_parquet(path, [Run(Point(8, 0.1, 0), None, None, 0.1, 0.1)], {})
    assert ["double"] * 2 == [str(t) for t in pq.read_table(path).schema.types[3:5]]


def test_a_regression_that_diverges_is_kept(tmp_path: Path) -> None:
    """Its R^2 is no number, which JSON does not have."""
    rows = [f"{i % 7 - 3},{i % 5},{i % 7}" for i in range(60)]
    (tmp_path / "d.csv").write_text("x,y,z\n" + "\n".join(rows) + "\n")
    (tmp_path / "net.rich").write_text("""model net {
      width n = 16
      parameterization mup
      input 2
      a: dense -> n
      relu
      b: dense -> 1
      optimizer sgd { lr = 0.1 }
      loss mse
      train { data = "d.csv", target = "z", steps = 30, batch = 16 }
    }""")
    output, table = tmp_path / "runs.jsonl", tmp_path / "runs.parquet"
    arguments = ["transfer", str(tmp_path / "net.rich"), "--widths", "8,16", "--seeds", "1"]
    arguments += ["--values", "0.01,0.1,1e18", "--workers", "1", "-o", str(output)]
    found = CliRunner().invoke(cli, [*arguments, "--parquet", str(table)])
    assert 4 == found.exit_code
    runs = [json.loads(line) for line in output.read_text().splitlines()[1:]]
    diverged = [run for run in runs if run["value"] == 1e18]
    assert [(None, None)] * 2 == [(run["train_loss"], run["test_score"]) for run in diverged]
    assert sorted(map(str, runs)) == sorted(map(str, pq.read_table(table).to_pylist()))
    assert "6 of them from before" in CliRunner().invoke(cli, arguments).stdout


def test_the_table_of_another_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    path.write_bytes(b"mine")
    line = refused(run(*TINY, "--parquet", str(path)))
    assert f"--parquet: {path}: richc did not write this file (--force overwrites it)" == line
    assert b"mine" == path.read_bytes()

    assert 4 == run(*TINY, "--parquet", str(path), "--force").exit_code
    assert 6 == pq.read_table(path).num_rows


def test_a_table_that_cannot_be_written_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "runs.jsonl"
    arguments = (*TINY, "-o", str(output), "--parquet")
    assert "no is not a folder" in refused(run(*arguments, "no/runs.parquet"))
    assert f"{tmp_path}: is a folder" in refused(run(*arguments, str(tmp_path)))
    assert "the same file" in refused(run(*arguments, str(output)))
    monkeypatch.setattr(parquet, "find_spec", lambda _name: None)
    assert 'pip install "richc[parquet]"' in refused(run(*arguments, str(tmp_path / "a.parquet")))
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--values", "0.1,0.2,0.4", "--count", "4"), "--values and --count: one of the two"),
        (("--values", "0.1,0.2,0.4", "--lr", "0.1"), "--lr has nothing to say"),
        (("--values", "0.1,0.2,0.1"), "three or more"),
        (("--values", "0.1,a,0.2"), "'0.1,a,0.2' is not a list of numbers"),
        (("--values", "0,0.1,0.2"), "0 is not positive"),
        (("--values", "-1,0.1,0.2"), "-1 is not in the range"),
        (("--values", "0.1,0.2,nan"), "nan is not in the range"),
        (("--values", "0,0.5,1", "--param", "momentum"), "a momentum is below 1"),
        (("--lr", "inf"), "inf is not in the range"),
        (("--lr", "0"), "0 is not in the range"),
        (("--lr", "1e300"), "1e300 is not in the range"),
    ],
)
def test_values_that_cannot_be_tried(arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(run(*SWEEP, *arguments))


def test_values_and_their_middle(tmp_path: Path) -> None:
    output = tmp_path / "runs.jsonl"
    tried = {}
    for name, arguments in {
        "momentum": ("--param", "momentum", "--values", "0,0.5,0.9"),
        "lr": ("--lr", "0.3", "--count", "4"),
    }.items():
        assert 4 == run(*SWEEP, *arguments, "-o", str(output), "--force").exit_code
        rows = map(json.loads, output.read_text().splitlines()[1:])
        tried[name] = {row["value"] for row in rows}
    assert {0.0, 0.5, 0.9} == tried["momentum"]
    assert {0.3 * 2**k for k in (-2, -1, 0, 1)} <= tried["lr"]


def test_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "--device cuda: this PyTorch" in refused(run(*TINY, "--device", "cuda"))


def test_force_empties_no_file_of_the_same_sweep(tmp_path: Path) -> None:
    path, head = tmp_path / "runs.jsonl", {"richc_transfer": 1, "steps": 2}
    one = Run(Point(8, 0.1, 0), 1.0, 1.0, 0.5, 0.5)
    with Store(path, head) as store:
        store.add([one])
    with Store(path, head, force=True) as store:
        assert {one.point: one} == store.runs
    with Store(path, head | {"steps": 3}, force=True) as store:
        assert {} == store.runs
    assert 1 == len(path.read_text().splitlines())


def test_a_first_line_that_was_cut_off_is_written_again(tmp_path: Path) -> None:
    path, head = tmp_path / "runs.jsonl", {"richc_transfer": 1, "steps": 2}
    path.write_text('{"richc_transfer": 1, "st')
    with Store(path, head):
        pass
    assert '"steps": 2' in path.read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_that_may_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.touch(0o400)
    with pytest.raises(StoreProblem, match=r"runs.jsonl: Permission denied"):
        Store(path, {"richc_transfer": 1})


def test_what_is_no_file() -> None:
    with pytest.raises(StoreProblem, match="/dev/null: is not a regular file"):
        Store(Path("/dev/null"), {"richc_transfer": 1})


def test_a_full_disk(tmp_path: Path) -> None:
    """Beyond a limit, which a file meets as it would the end of the disk."""
    output = tmp_path / "runs.jsonl"
    process = begin(*TINY, "-o", str(output))
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
    text, errors = process.communicate(timeout=60)
    assert (2, "", f"error: {output}: File too large\n") == (process.returncode, text, errors)
    # What was cut off is done again.
    again = run(*TINY, "-o", str(output))
    assert (4, "", 7) == (again.exit_code, again.stderr, len(output.read_text().splitlines()))
