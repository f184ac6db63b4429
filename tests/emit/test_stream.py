"""The feature ``stream``: data that stays on the disk trains as it does in memory."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.emit.tables import MODEL, Captured, Load, ReadModel, Split, table

TEXT = MODEL.format(name="net", outputs=3, loss="cross_entropy", train="")
REGRESSION = MODEL.format(name="line", outputs=1, loss="mse", train="")
PIECE = 7

Shards = Callable[[Path, str], Path]


@pytest.fixture
def memory(load: Load, read_model: ReadModel) -> ModuleType:
    return load(read_model(TEXT)._replace(features=("log",)))


@pytest.fixture
def stream(load: Load, read_model: ReadModel) -> ModuleType:
    return load(read_model(TEXT)._replace(features=("ckpt", "log", "monitor", "stream")))


def losses(module: ModuleType, data: Path, *arguments: str) -> list[dict[str, Any]]:
    """Step, loss and accuracy of every step."""
    log = data.parent / "log.jsonl"
    log.unlink(missing_ok=True)
    common = ("--quiet", "--log-every=1", "--log", str(log), "--data", str(data))
    assert module.main([*common, *arguments]) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if "loss" in line]


def mapped(folder: Path, kind: str) -> Path:
    """The table as one file or as a folder of ``.npy``."""
    x, y = table()
    path = folder / f"data.{kind}"
    if kind == "npy":
        path = folder / "arrays"
        path.mkdir()
        np.save(path / "x.npy", x)
        np.save(path / "labels.npy", y.astype("u1"))
    elif kind == "pt":
        torch.save({"features": torch.tensor(x).view(-1, 1, 3), "y": torch.tensor(y)}, path)
    elif kind == "npz":
        np.savez(path, x=x, y=y)
    else:
        save_file({"x": torch.tensor(x), "y": torch.tensor(y)}, path)
    return path


def shards(folder: Path, kind: str, *, words: bool = False, lists: bool = False) -> Path:
    """The table as a folder of two files, in pieces of seven rows."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    x, y = table()
    columns: dict[str, Any] = {"abc"[i]: x[:, i] for i in range(3)}
    if lists:
        columns = {"x": pa.FixedSizeListArray.from_arrays(x.ravel(), 3)}
    kinds = np.array(["low", "middle", "high"])[y] if words else y
    whole = pa.table({**columns, "kind": kinds})
    path = folder / "shards"
    path.mkdir()
    for number, part in enumerate((whole.slice(0, 28), whole.slice(28))):
        name = path / f"part-{number}.{kind}"
        if kind == "parquet":
            pq.write_table(part, name, row_group_size=PIECE)
        else:
            with pa.ipc.new_file(str(name), part.schema) as writer:
                writer.write_table(part, max_chunksize=PIECE)
    (path / "_SUCCESS").touch()
    return path


def close(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> None:
    """The same numbers, summed in another order."""
    assert [line["step"] for line in one] == [line["step"] for line in two]
    assert [line["loss"] for line in one] == pytest.approx([line["loss"] for line in two], rel=5e-6)


# ---- as in memory ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["npy", "pt", "safetensors", "npz"])
def test_mapped_files(kind: str, memory: ModuleType, stream: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    expected = losses(memory, mapped(tmp_path / "memory", "npz"))

    close(expected, losses(stream, mapped(tmp_path, kind)))


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
@pytest.mark.parametrize("form", ["columns", "lists", "words"])
def test_shards(
    kind: str, form: str, memory: ModuleType, stream: ModuleType, tmp_path: Path
) -> None:
    """With a window of all chunks, an epoch is what it is in memory."""
    (tmp_path / "memory").mkdir()
    path = mapped(tmp_path / "memory", "npz")
    if form == "words":
        x, y = table()
        np.savez(path, x=x, y=np.array(["low", "middle", "high"])[y])
    expected = losses(memory, path)
    folder = shards(tmp_path, kind, words=form == "words", lists=form == "lists")

    close(expected, losses(stream, folder, "--window=10"))
    close(expected, losses(stream, folder / f"*.{kind}", "--window=10"))


def test_columns_that_are_left_out(stream: ModuleType, tmp_path: Path) -> None:
    """And labels as a dictionary of words, as pandas' categories are stored."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    expected = losses(stream, shards(tmp_path, "parquet", words=True), "--window=10")
    for path in (tmp_path / "shards").glob("*.parquet"):
        whole = pq.read_table(path)
        kinds = whole.column("kind").dictionary_encode()
        names = pa.array([f"row {i}" for i in range(len(whole))])
        whole = whole.drop_columns(["kind"]).append_column("name", names)
        pq.write_table(whole.append_column("kind", kinds), path, row_group_size=PIECE)

    assert losses(stream, tmp_path / "shards", "--window=10", "--ignore=name") == expected


def test_regression(load: Load, read_model: ReadModel, tmp_path: Path) -> None:
    model = read_model(REGRESSION)
    path = mapped(tmp_path, "npz")
    x, _ = table()
    np.savez(path, x=x, y=x[:, 0] + 3)
    torch.save({"x": torch.tensor(x), "y": torch.tensor(x[:, 0] + 3)}, tmp_path / "data.pt")
    features = (("log",), ("log", "stream"))

    one, two = (load(model._replace(features=names)) for names in features)

    close(losses(one, path), losses(two, tmp_path / "data.pt"))


# ---- the order of shards ---------------------------------------------------------------------


def test_an_epoch_goes_once_through_windows_of_chunks(stream: ModuleType, tmp_path: Path) -> None:
    options = stream.parse(["--data", str(shards(tmp_path, "parquet")), "--window=2"])
    data: Any = Split(*stream.load(options))
    options.batch = 1
    trainer = stream.Trainer(stream.Net(), data.train_x, data.train_y, options)

    epochs, orders = [], []
    for _ in range(2):
        rows = torch.cat([data.train_x.index[batch] for batch in trainer.left]).tolist()
        chunks = [row // PIECE for row in rows]
        for number in set(chunks):
            seen = [i for i, chunk in enumerate(chunks) if chunk == number]
            # Open for a while, with one more, and then no longer.
            assert seen[-1] - seen[0] < 2 * PIECE
        assert sum(a != b for a, b in itertools.pairwise(chunks)) > 2 * len(set(chunks))
        epochs.append(rows)
        order = list(dict.fromkeys(chunks))
        orders.append([set(order[i : i + 2]) for i in range(0, len(order), 2)])
        trainer.shuffle()

    assert orders[0] != orders[1]
    for epoch in epochs:
        assert sorted(epoch) == sorted(data.train_x.index.tolist())
    assert not set(epochs[0]) & set(data.test_x.index.tolist())


def test_resumed(stream: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    """The order of shards is part of what a checkpoint brings back: bit for bit."""
    data = shards(tmp_path, "parquet")
    arguments = ("--window=2", "--monitor=5")
    expected = losses(stream, data, *arguments)

    first = losses(stream, data, *arguments, "--steps=9", "--checkpoint", str(tmp_path / "c"))
    second = losses(stream, data, *arguments, "--resume", "--checkpoint", str(tmp_path / "c"))

    assert first + second == expected
    out = capsys.readouterr().out.splitlines()
    assert out[0] == out[2]
    assert "window" in refusal(stream, data, capsys, "--resume", f"--checkpoint={tmp_path / 'c'}")


def test_rows_that_are_reported_and_measured(stream: ModuleType, tmp_path: Path) -> None:
    data = mapped(tmp_path, "pt")
    split: Any = Split(*stream.load(stream.parse(["--data", str(data)])))

    x, y = split.train_x.some(split.train_y, 10)

    order = {int(row): label for row, label in zip(split.train_x.index, split.train_y, strict=True)}
    assert len(x) == len(y) == 10
    assert x.index.tolist() == sorted(x.index.tolist())
    assert [order[int(row)] for row in x.index] == y.tolist()


def test_statistics_of_some_rows(stream: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(3 * stream.BLOCK, 3, generator=random) * 2 + 1e6
    monkeypatch.setattr(stream, "BLOCK", 1000)
    train = torch.arange(len(x))

    whole, part = (stream.Rows([len(x)], lambda _: x) for _ in range(2))
    whole.standardise(train, None)
    part.standardise(train, 20_000)
    (mean, deviation), (some_mean, some) = ((rows.mean, rows.deviation) for rows in (whole, part))

    torch.testing.assert_close(mean, x.double().mean(0))
    torch.testing.assert_close(deviation, x.double().std(0, correction=0))
    assert not torch.equal(mean, some_mean)
    torch.testing.assert_close(some_mean, mean, rtol=0, atol=0.1)
    torch.testing.assert_close(some, deviation, rtol=0.05, atol=0)


@pytest.mark.parametrize("kind", ["npz", "pt", "npy", "csv"])
def test_rows_that_lack_a_value(
    kind: str, stream: ModuleType, tmp_path: Path, capsys: Captured
) -> None:
    """With ``--missing drop`` the run is that of the table without them, whatever the format."""
    x, y = table()
    paths = {}
    for name, lacking in (("whole", 0), ("holes", 2)):
        folder = tmp_path / name
        folder.mkdir()
        rows = np.vstack([x, np.full((lacking, 3), np.nan)])
        labels = np.append(y, [0] * lacking)
        paths[name] = folder if kind == "npy" else folder / f"d.{kind}"
        if kind == "npz":
            np.savez(paths[name], x=rows, y=labels)
        elif kind == "pt":
            torch.save({"x": torch.tensor(rows), "y": torch.tensor(labels)}, paths[name])
        elif kind == "npy":
            np.save(folder / "x.npy", rows)
            np.save(folder / "y.npy", labels)
        else:
            np.savetxt(paths[name], np.column_stack([rows, labels]), delimiter=",")

    assert " row 6" in refusal(stream, paths["holes"], capsys)
    expected = losses(stream, paths["whole"])
    capsys.readouterr()

    assert losses(stream, paths["holes"], "--missing=drop") == expected
    assert capsys.readouterr().err == "left out rows with missing or infinite values: 2\n"


# ---- refusals --------------------------------------------------------------------------------


def refusal(module: ModuleType, data: Path, captured: Captured, *arguments: str) -> str:
    assert module.main(["--quiet", "--data", str(data), *arguments]) == 2
    return captured.readouterr().err


def test_what_is_not_read(stream: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    x, y = table()
    empty, mixed = tmp_path / "empty", tmp_path / "mixed"
    for folder in (empty, mixed):
        folder.mkdir()
    np.save(mixed / "x.npy", x)
    (mixed / "y.csv").touch()
    x[17, 1] = np.inf
    torch.save({"x": torch.tensor(x), "y": torch.tensor(y)}, tmp_path / "infinite.pt")
    torch.save({"x": torch.tensor(x), "y": torch.tensor(y[1:])}, tmp_path / "short.pt")
    (tmp_path / "broken.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{]")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object))

    assert "no files" in refusal(stream, empty, capsys)
    assert "several kinds" in refusal(stream, mixed, capsys)
    assert "No such file" in refusal(stream, tmp_path / "missing.pt", capsys)
    assert "row 18 is not finite" in refusal(stream, tmp_path / "infinite.pt", capsys)
    assert "60 rows of features and 59 labels" in refusal(stream, tmp_path / "short.pt", capsys)
    assert "not a safetensors file" in refusal(stream, tmp_path / "broken.safetensors", capsys)
    assert "Python objects in dtype" in refusal(stream, tmp_path / "objects.npy", capsys)


def strange_tensors() -> dict[str, torch.Tensor]:
    """What torch loads without running anything, but nobody can train on."""
    x = torch.zeros(60, 3)
    return {
        "complex": x * 1j,
        "meta": torch.zeros(60, 3, device="meta"),
        "sparse": x.to_sparse(),
        "expanded": torch.zeros(1).expand(1 << 40, 3),
        "scalar": torch.tensor(1.0),
        "none": torch.zeros(0, 3),
        "no columns": torch.zeros(60, 0),
    }


@pytest.mark.parametrize("place", ["x", "y"])
@pytest.mark.parametrize("kind", sorted(strange_tensors()))
def test_tensors_that_nobody_can_train_on(
    kind: str, place: str, stream: ModuleType, tmp_path: Path, capsys: Captured
) -> None:
    x, y = table()
    good = {"x": torch.tensor(x), "y": torch.tensor(y)}
    torch.save(good | {place: strange_tensors()[kind]}, tmp_path / "d.pt")

    shown = refusal(stream, tmp_path / "d.pt", capsys)

    assert shown.startswith(f"error: {tmp_path / 'd.pt'}: ")
    assert shown.count("\n") == 1


@pytest.mark.filterwarnings("ignore:.*quantiz")
def test_quantised_tensors(stream: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    x, y = table()
    quantised = torch.quantize_per_tensor(torch.tensor(x).float(), 0.1, 0, torch.qint8)
    torch.save({"x": quantised, "y": torch.tensor(y)}, tmp_path / "d.pt")

    assert refusal(stream, tmp_path / "d.pt", capsys).count("\n") == 1


@pytest.mark.parametrize("kind", ["c16", "M8[D]", "S3", "U3", "f4,i4", "O", "0-d"])
def test_arrays_that_are_no_numbers(
    kind: str, stream: ModuleType, tmp_path: Path, capsys: Captured
) -> None:
    np.save(tmp_path / "x.npy", np.zeros(()) if kind == "0-d" else np.zeros((60, 3), kind))
    np.save(tmp_path / "y.npy", table()[1])

    assert refusal(stream, tmp_path, capsys).count("\n") == 1


def test_tensors_that_require_gradients(stream: ModuleType, tmp_path: Path) -> None:
    x, y = table()
    for name, wants in (("plain", False), ("wanting", True)):
        (tmp_path / name).mkdir()
        tensors = {"x": torch.tensor(x, requires_grad=wants), "y": torch.tensor(y)}
        torch.save(tensors, tmp_path / name / "d.pt")

    plain, wanting = (losses(stream, tmp_path / name / "d.pt") for name in ("plain", "wanting"))

    assert plain == wanting


def test_tables_without_features(stream: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"y": [0, 1, 2]}), tmp_path / "d.parquet")
    (tmp_path / "d.csv").write_text("y\n0\n1\n2\n")

    assert "no column holds features" in refusal(stream, tmp_path / "d.parquet", capsys)
    assert "0 features" in refusal(stream, tmp_path / "d.csv", capsys)


def test_shards_that_are_not_read(stream: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    for name, cells in (("words", ["a", "b"]), ("empty", [1.0, None])):
        pq.write_table(pa.table({"a": cells, "y": [0, 1]}), tmp_path / f"{name}.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")

    assert "array of real numbers" in refusal(stream, tmp_path / "words.parquet", capsys)
    assert "empty cells" in refusal(stream, tmp_path / "empty.parquet", capsys)
    assert "torn.parquet" in refusal(stream, tmp_path / "torn.parquet", capsys)


def test_without_pyarrow(
    stream: ModuleType, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").touch()

    assert "pyarrow" in refusal(stream, tmp_path / "a.parquet", capsys)
