"""Data of the emitted program: what it reads, what it makes of it, what it refuses."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from tests.emit.tables import (
    FORMATS,
    ROWS,
    Captured,
    chosen,
    csv_text,
    final,
    split_of,
    table,
    write,
)


@pytest.mark.parametrize("kind", FORMATS)
def test_formats(kind: str, classifier: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    code = classifier.main(["--data", str(write(tmp_path, kind)), "--steps=150", "--quiet"])

    assert code == 0
    assert final(capsys)["accuracy"] >= 0.9


def test_formats_hold_the_same_data(classifier: ModuleType, tmp_path: Path) -> None:
    splits = [
        split_of(classifier, write(tmp_path, kind))
        for kind in ("csv", "csv.gz", "npz", "pt", "pt:pair")
    ]

    for split in splits[1:]:
        for a, b in zip(split, splits[0], strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_tables(separator: str, classifier: ModuleType, tmp_path: Path) -> None:
    """Semicolons, tabs, a byte order mark, CRLF, blank lines, quoted cells, a named target."""
    path = tmp_path / "odd.csv"
    text = "\ufeff" + csv_text('"kind",b,c,a\n', separator).replace("\n", "\r\n\r\n")
    path.write_bytes(text.encode())

    x, labels, _ = classifier.read_csv(chosen(path, "a"))

    expected, kinds = table()
    torch.testing.assert_close(torch.tensor(x), torch.tensor(expected), rtol=1e-6, atol=1e-6)
    assert labels.tolist() == kinds.tolist()


def test_headers(classifier: ModuleType, tmp_path: Path) -> None:
    """Recognised by features that are words, or by a label that is one where the others are not."""
    path = tmp_path / "t.csv"
    body = "1,2,3,{}\n4,5,6,{}\n"
    for text, rows, words in (
        (body.format("cat", "dog"), 2, ["cat", "dog"]),
        ("a,b,c,d\n" + body.format("cat", "dog"), 2, ["cat", "dog"]),
        ("0,1,2,label\n" + body.format(0, 1), 2, [0.0, 1.0]),
        (body.format(0, 1), 2, [0.0, 1.0]),
    ):
        path.write_text(text)
        x, labels, _ = classifier.read_csv(chosen(path))

        assert len(x) == rows
        assert list(labels) == words


def test_two_columns_of_one_name(classifier: ModuleType, tmp_path: Path) -> None:
    """Both are features; which one is meant by their name cannot be said."""
    path = tmp_path / "t.csv"
    path.write_text("a,b,a,kind\n1,2,3,0\n4,5,6,1\n7,8,9,2\n1,2,4,1\n")

    x, labels, names = classifier.read_csv(chosen(path, "kind"))
    assert ["kind"] == names

    assert x.shape == (4, 3)
    assert labels.tolist() == [0, 1, 2, 1]
    with pytest.raises(ValueError, match="no column 'a' or two"):
        classifier.read_csv(chosen(path, "a"))


# ---- preparation -----------------------------------------------------------------------------


def test_standardised_with_training_rows(classifier: ModuleType, tmp_path: Path) -> None:
    split = split_of(classifier, write(tmp_path, "csv"))

    assert (len(split.train_x), len(split.test_x)) == (48, 12)
    torch.testing.assert_close(split.train_x[:, :2].mean(0), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(split.train_x[:, :2].std(0, correction=0), torch.ones(2))
    assert split.train_x[:, 2].abs().max() < 1e-6
    assert split.test_x[:, :2].mean(0).abs().max() > 1e-3


def test_split_follows_the_seed(classifier: ModuleType, tmp_path: Path) -> None:
    path = write(tmp_path, "csv")

    first, again, other = (split_of(classifier, path, seed) for seed in (0, 0, 1))

    assert torch.equal(first.test_y, again.test_y)
    assert not torch.equal(first.test_x, other.test_x)


def test_batches_are_full_and_cover_an_epoch(classifier: ModuleType) -> None:
    x = torch.arange(10.0)[:, None]

    def batches(size: int) -> Any:
        options = classifier.parse(["--data", "none", f"--batch={size}"])
        return classifier.Trainer(classifier.Iris(), x, x[:, 0], options)

    trainer = batches(4)
    epochs = [[trainer.batch()[1] for _ in range(2)] for _ in range(3)]

    assert all(len(batch) == 4 for epoch in epochs for batch in epoch)
    assert all(len(set(torch.cat(epoch).tolist())) == 8 for epoch in epochs)
    assert len(batches(64).batch()[0]) == 10


# ---- refusals --------------------------------------------------------------------------------


class Payload:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, ("raise SystemExit('unpickled!')",))


def bad_files(folder: Path) -> dict[str, str]:
    """Content that cannot be trained on -> a word of the message."""
    x, y = table()
    good = csv_text()
    texts = {
        "empty.csv": ("", "no rows"),
        "only_header.csv": ("a,b,c,kind\n", "no rows"),
        "one_row.csv": ("a,b,c,kind\n1,2,3,0\n", "too few"),
        "ragged.csv": (good + "1,2\n", "from 4 to 2 at row 62"),
        "word.csv": (good + "1,2,x\x1b[31m,0\n", "row 61, column 'c'"),
        "nan.csv": (good + "1,nan,3,0\n", "row 61"),
        "label_nan.csv": (good + "1,2,3,nan\n", "row 61"),
        "huge.csv": (good + "1,1e300,3,0\n", "row 61"),
        "fraction.csv": (good + "1,2,3,0.5\n", "integers"),
        "fourth_class.csv": (good + "1,2,3,9\n", "4 classes"),
        "one_class.csv": ("1,2,3,0\n" * 9, "1 classes"),
        "columns.csv": ("a,b,kind\n1,2,0\n3,4,1\n", "2 features"),
        "none.csv": ("kind\n0\n1\n", "0 features"),
        "text.npz": ("not a zip", "NumPy archive"),
        "text.pt": ("not a zip", "plain tensors"),
        "text.safetensors": ("not json at all", "safetensors"),
        "data.parquet": ("PAR1", "format"),
        "noformat": ("1,2,3,0", "format"),
        "not_gzip.csv.gz": (good, "gzip"),
    }
    found = {}
    for name, (text, word) in texts.items():
        (folder / name).write_text(text)
        found[name] = word
    (folder / "latin.csv").write_bytes("caf\u00e9,2,3,0\n".encode("latin-1"))
    (folder / "truncated.csv.gz").write_bytes(gzip.compress(good.encode())[:-20])
    (folder / "folder.csv").mkdir()
    np.savez(folder / "object.npz", x=x, y=np.array([Payload()] * ROWS))
    np.savez(folder / "rows.npz", x=x[:-1], y=y)
    np.savez(folder / "unnamed.npz", a=x, b=y)
    np.savez(folder / "no_features.npz", a=x, b=x, y=y)
    np.savez(folder / "complex.npz", x=x * 1j, y=y)
    (folder / "pickled.pt").write_bytes(pickle.dumps(Payload()))
    torch.save({"x": Payload(), "y": 1}, folder / "payload.pt")
    torch.save(torch.ones(3), folder / "tensor.pt")
    header = json.dumps({"x": {"dtype": "F32", "shape": [9, 3], "data_offsets": [0, 4000]}})
    lying = len(header).to_bytes(8, "little") + header.encode() + bytes(8)
    (folder / "lying.safetensors").write_bytes(lying)
    (folder / "long.safetensors").write_bytes(b"\xff" * 64)
    (folder / "nested.safetensors").write_bytes((100_000).to_bytes(8, "little") + b"[" * 100_000)
    return found | {
        "latin.csv": "utf-8",
        "truncated.csv.gz": "end-of-stream",
        "folder.csv": "directory",
        "missing.csv": "No such file",
        "object.npz": "Object arrays cannot be loaded",
        "rows.npz": "59 rows",
        "unnamed.npz": "--target",
        "no_features.npz": "call it 'x'",
        "complex.npz": "type",
        "pickled.pt": "plain tensors",
        "payload.pt": "plain tensors",
        "tensor.pt": "dictionary",
        "lying.safetensors": "safetensors",
        "long.safetensors": "safetensors",
        "nested.safetensors": "safetensors",
    }


def test_bad_data(classifier: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    """One line that names the file and the reason, exit code 2, nothing on stdout."""
    for name, word in bad_files(tmp_path).items():
        code = classifier.main(["--data", str(tmp_path / name), "--quiet"])

        shown = capsys.readouterr()
        assert code == 2, name
        assert shown.out == ""
        assert shown.err.startswith("error: "), name
        assert shown.err.count("\n") == 1, name
        assert word in shown.err, (name, shown.err)
        assert name in shown.err
        assert shown.err.rstrip("\n").isprintable()
