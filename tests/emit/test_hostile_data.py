"""Data from a stranger: nothing in it runs, and little of it cannot fill the memory."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import pickle
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import richc
from tests.emit.tables import MODEL, Captured, chosen, split_of

LoadText = Callable[[str], ModuleType]
MB = 1 << 20
SPEC = MODEL.format(name="iris", outputs=3, loss="cross_entropy", train="")


class Payload:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, ("raise SystemExit('unpickled!')",))


def npy(descr: str, shape: str, content: bytes = b"", order: str = "False") -> bytes:
    """A .npy file with a header that says whatever it is told to."""
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def npz(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def safetensors(path: Path, header: str, content: bytes = b"", size: int | None = None) -> None:
    text = header.encode()
    path.write_bytes((len(text) if size is None else size).to_bytes(8, "little") + text + content)


def refused(module: ModuleType, path: Path, captured: Captured) -> str:
    """The one line with which the program refuses the file."""
    assert module.main(["--data", str(path), "--quiet"]) == 2
    shown = captured.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"error: {path}: "), shown.err
    assert shown.err.count("\n") == 1
    assert len(shown.err) < 1000
    return str(shown.err)


# ---- headers that lie ------------------------------------------------------------------------

Y = npy("'<i8'", "(2,)", bytes(16))


@pytest.mark.parametrize(
    "x",
    [
        npy("'<f4'", "(2, 3)", bytes(23)),
        npy("'<f4'", f"({2**62}, 3)"),
        npy("'<f4'", f"(0, {10**30})"),
        npy("'<f4'", f"({2**63}, 0, 5)"),
        npy("'<f4'", "(-2, -3)", bytes(24)),
        npy("'<f4'", "(1e400, 3)", bytes(24)),
        npy("'<f4'", "'23'", bytes(24)),
        npy("'<f4'", "(2, 3)" + " " * 20_000),
        npy("'<U0'", f"({10**15},)"),
        npy("'<U" + "9" * 5000 + "'", "(2,)"),
        npy("'<U-1'", "(2,)"),
        npy("'|O'", "(2, 3)", pickle.dumps([Payload()])),
        npy("[('a', '<f4')]", "(2, 3)", bytes(24)),
        npy("__import__('os').abort()", "(2, 3)", bytes(24)),
        npy("'<f4'", "(2, 3)", bytes(24), order="().__class__"),
        npy("'<f4'", "(" * 4000),
        npy("'<f4'", "(2" + "*9" * 3000 + ",)"),
        b"\x93NUMPY\x09\x00" + b"\xff" * 4 + bytes(50),
        b"\x93NUMPY",
        b"",
    ],
    ids=range(20),
)
def test_npy(x: bytes, classifier: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    npz(tmp_path / "d.npz", x=x, y=Y)
    npz(tmp_path / "labels.npz", x=npy("'<f4'", "(2, 3)", bytes(24)), y=x)

    refused(classifier, tmp_path / "d.npz", capsys)
    refused(classifier, tmp_path / "labels.npz", capsys)


def entry(**changes: Any) -> str:
    return json.dumps({"x": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} | changes})


@pytest.mark.parametrize(
    "header",
    [
        entry(data_offsets=[0, 2**63]),
        entry(data_offsets=[-24, 0]),
        entry(data_offsets=[24, 0]),
        entry(data_offsets=[1e308, 24]),
        entry(data_offsets=[0]),
        entry(data_offsets=["0", "x"]),
        entry(shape=[2**62, 0], data_offsets=[0, 0]),
        entry(shape=[10**40, 0], data_offsets=[0, 0]),
        entry(shape=[-2, -3]),
        entry(shape=[2, 3, 1e999]),
        entry(shape=None),
        entry(dtype=["F32"]),
        entry(dtype="I128"),
        json.dumps({"x": None}),
        '{"x": {"shape": [Infinity, NaN]}}',
        '{"x": ' + "9" * 5000 + "}",
        "[" * 90_000,
        "null",
        "[]",
        "",
    ],
    ids=range(20),
)
def test_safetensors(header: str, classifier: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    safetensors(tmp_path / "d.safetensors", header, bytes(24))

    refused(classifier, tmp_path / "d.safetensors", capsys)


@pytest.mark.parametrize("size", [2**63, 2**64 - 1, 100_000_001, 99_000_000, 0])
def test_safetensors_header_size(
    size: int, classifier: ModuleType, tmp_path: Path, capsys: Captured
) -> None:
    safetensors(tmp_path / "d.safetensors", entry(), bytes(24), size=size)

    refused(classifier, tmp_path / "d.safetensors", capsys)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.integers(0, 400),
    change=st.binary(min_size=1, max_size=6),
    kind=st.sampled_from(["npz", "safetensors", "csv.gz", "pt"]),
)
def test_damage(at: int, change: bytes, kind: str, classifier: ModuleType, damaged: Path) -> None:
    """Wherever a valid file is overwritten, it is read or refused: no other error."""
    content = (damaged / f"good.{kind}").read_bytes()
    at %= len(content)
    path = damaged / f"bad.{kind}"
    path.write_bytes(content[:at] + change + content[at + len(change) :])

    with contextlib.suppress(ValueError):
        classifier.load(chosen(path))


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damaged")
    x, y = np.zeros((4, 3), "f4"), np.arange(4)
    np.savez(folder / "good.npz", x=x, y=y)
    torch.save({"x": torch.tensor(x), "y": torch.tensor(y)}, folder / "good.pt")
    header = json.dumps(
        {
            "x": {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 48]},
            "y": {"dtype": "I64", "shape": [4], "data_offsets": [48, 80]},
        }
    )
    safetensors(folder / "good.safetensors", header, x.tobytes() + y.tobytes())
    (folder / "good.csv.gz").write_bytes(gzip.compress(b"1,2,3,0\n" * 9))
    return folder


# ---- pickles ---------------------------------------------------------------------------------


def strange_tensors() -> dict[str, Any]:
    """What torch loads without running anything, but nobody can train on."""
    x = torch.zeros(2, 3)
    return {
        "expanded": torch.zeros(1).expand(1 << 40, 3),
        "meta": torch.zeros(2, 3, device="meta"),
        "sparse": x.to_sparse(),
        "complex": x * 1j,
        "scalar": torch.tensor(1.0),
        "numbers": [1.0, 2.0],
    }


@pytest.mark.parametrize("kind", sorted(strange_tensors()))
@pytest.mark.parametrize("place", ["x", "y"])
def test_pt(
    kind: str, place: str, classifier: ModuleType, tmp_path: Path, capsys: Captured
) -> None:
    good = {"x": torch.zeros(2, 3), "y": torch.tensor([0, 1])}
    torch.save(good | {place: strange_tensors()[kind]}, tmp_path / "d.pt")

    refused(classifier, tmp_path / "d.pt", capsys)


def test_pt_names(classifier: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    """Only words are names; long ones and escapes are not repeated to the terminal."""
    tensors = {"\x1b[31m" * 1000: torch.zeros(2, 3), 7: torch.zeros(2), ("y",): torch.zeros(2)}
    torch.save(tensors, tmp_path / "d.pt")

    assert refused(classifier, tmp_path / "d.pt", capsys).rstrip("\n").isprintable()


@pytest.mark.parametrize("name", ["d.pt", "d.npz", "d.safetensors", "d.csv", "d.csv.gz"])
def test_pickles_by_any_name(
    name: str, classifier: ModuleType, tmp_path: Path, capsys: Captured
) -> None:
    for number, protocol in enumerate((0, 2, 5)):
        path = tmp_path / f"{number}_{name}"
        path.write_bytes(pickle.dumps({"x": Payload(), "y": Payload()}, protocol))
        refused(classifier, path, capsys)


# ---- little that becomes much ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["npz", "csv.gz"])
def test_bombs(
    kind: str,
    classifier: ModuleType,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Zeros that are all there, but packed a thousandfold; the limit is lowered, not the file."""
    path, rows = tmp_path / f"d.{kind}", 600_000
    if kind == "npz":
        npz(path, x=npy("'<f4'", f"({rows}, 3)", bytes(12 * rows)), y=Y)
    else:
        path.write_bytes(gzip.compress(b"0,0,0,1\n" * rows))
    assert 4 * MB < classifier.UNPACKED_BYTES <= 1024 * MB
    monkeypatch.setattr(classifier, "UNPACKED_BYTES", 4 * MB)

    assert "unpacks to" in refused(classifier, path, capsys)


def test_overlap(classifier: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    """A hundred thousand tensors that are all the same megabyte."""
    span = {"dtype": "F32", "shape": [MB // 4], "data_offsets": [0, MB]}
    header = json.dumps({f"t{i}": span for i in range(100_000)})
    safetensors(tmp_path / "d.safetensors", header, bytes(MB))

    assert "not a safetensors file" in refused(classifier, tmp_path / "d.safetensors", capsys)


@pytest.mark.parametrize("start", ["", "1,2,3,0\n", '1,2,"'])
def test_endless_lines(
    start: str, classifier: ModuleType, tmp_path: Path, capsys: Captured
) -> None:
    """No newline, or a quote that is never closed, for twenty megabytes that were a few bytes."""
    end = b"1\n" if start.endswith('"') else b"1"
    path = tmp_path / "d.csv.gz"
    path.write_bytes(gzip.compress(start.encode() + end * (20 * MB), compresslevel=1))

    assert re.search(
        "no rows of data|number of columns|out of bounds", refused(classifier, path, capsys)
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("feature", ["", "options", "stream"])
@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "pt", "npz", "npy", "safetensors"])
def test_a_pipe_that_nobody_writes_to(
    suffix: str, feature: str, tmp_path: Path, capsys: Captured, load_text: LoadText
) -> None:
    """To open it would wait for ever."""
    module = load_text(richc.compile(SPEC, features=[feature] if feature else []))
    path = tmp_path / f"d.{suffix}"
    os.mkfifo(path)

    assert re.search("a pipe, not a file|no file .csv", refused(module, path, capsys))


def test_a_bomb_of_one_line(
    tmp_path: Path, capsys: Captured, load_text: LoadText, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is too large, not empty."""
    module, path = load_text(richc.compile(SPEC)), tmp_path / "d.csv.gz"
    path.write_bytes(gzip.compress(b"0" * 5 * MB))
    monkeypatch.setattr(module, "UNPACKED_BYTES", 4 * MB)

    assert "unpacks to over" in refused(module, path, capsys)


@pytest.mark.parametrize(
    "text",
    [
        ",".join(["0"] * 5000) + "\n" + ",".join(["1"] * 5000) + "\n",
        "a,b,c,d\n" + "1,2,3,0\n" * 2000 + f"1,2,3,{'x' * MB}\n",
    ],
    ids=["wide", "a long cell"],
)
def test_tables_cost_what_they_hold(
    text: str,
    classifier: ModuleType,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not thousands of rows of the widest, nor every cell as long as the longest."""
    (tmp_path / "d.csv").write_text(text)
    # As much is asked for before it is known how much is there.
    monkeypatch.setattr(classifier, "UNPACKED_BYTES", 4 * MB)

    tracemalloc.start()
    refused(classifier, tmp_path / "d.csv", capsys)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 50 * MB


def test_zeros_are_no_bomb(classifier: ModuleType, tmp_path: Path) -> None:
    """What packs well is still data."""
    x, y = np.zeros((20_000, 3)), np.arange(20_000) % 3
    np.savez_compressed(tmp_path / "d.npz", x=x, y=y)
    stream = io.StringIO()
    np.savetxt(stream, np.column_stack([x, y]), delimiter=",", fmt="%d")
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(stream.getvalue().encode()))

    for name in ("d.npz", "d.csv.gz"):
        split = split_of(classifier, tmp_path / name)
        assert len(split.train_x) + len(split.test_x) == 20_000


# ---- words from the command line -------------------------------------------------------------


@pytest.mark.parametrize("target", ["--5", "9" * 5000, "-" * 50, "²", "١", "", "\x1b[31m", "0,,1"])
def test_targets(target: str, classifier: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "d.csv").write_text("1,2,3,0\n4,5,6,1\n")

    assert classifier.main(["--data", str(tmp_path / "d.csv"), f"--target={target}"]) == 2

    shown = capsys.readouterr().err
    assert "there is no column" in shown
    assert shown.rstrip("\n").isprintable()
