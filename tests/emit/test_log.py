"""The features ``log`` and ``monitor``: what a run tells of itself."""

from __future__ import annotations

import builtins
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import richc
from tests.emit.tables import MODEL, Captured, Load, ReadModel, write

TEXT = MODEL.format(name="net", outputs=3, loss="cross_entropy", train="")

#: Beside the options, which read the arrays of these tests.
MONITORED = ("log", "monitor", "options")


@pytest.fixture
def program(load: Load, read_model: ReadModel) -> ModuleType:
    return load(read_model(TEXT)._replace(features=("log",)))


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# ---- log -------------------------------------------------------------------------------------


def test_lines(program: ModuleType, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    data = ["--quiet", "--data", str(write(tmp_path, "csv"))]

    assert program.main([*data, "--log", str(log), "--log-every=5", "--schedule=linear"]) == 0

    head, *lines = read(log)
    assert (head["run"], head["options"]["width"]) == ("net", 16)
    assert [line["step"] for line in lines] == [5, 10, 15, 20]
    assert all(0 < line["loss"] < 3 and 0 <= line["accuracy"] <= 1 for line in lines)
    rates = [line["lr"]["head"] for line in lines]
    assert rates == sorted(rates, reverse=True)


def test_appended(program: ModuleType, tmp_path: Path) -> None:
    """What is there stays; the torn line that a killed run left does not."""
    log = tmp_path / "log.jsonl"
    log.write_text('{"mine": 1}\n{"step": 7, "lo')
    data = ["--quiet", "--data", str(write(tmp_path, "csv"))]

    for _ in range(2):
        assert program.main([*data, "--log", str(log), "--log-every=10"]) == 0

    lines = read(log)
    assert lines[0] == {"mine": 1}
    assert [line.get("step") for line in lines[1:]] == [None, 10, 20, None, 10, 20]


RUN = '{"run": "net", "options": {"checkpoint": "c"}}\n'
OTHERS = {
    "notes": "three lessons\nof a year",
    "a line of notes": "three lessons",
    "whole notes": "three lessons\n",
    "a table": "step,loss\n1,0.5\n",
    "JSON": '{"step": 1}',
    "lines of JSON": '{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.4}\n',
    "other runs": '{"run": 1}\n{"step": 1}\n',
    "notes at its end": RUN + '{"step": 1}\nto be read',
    "numbers": "[1]\n7\nnull\n",
    "no text": "\0" * 3_000_000,
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_log_is_left_as_it_is(
    name: str, program: ModuleType, tmp_path: Path, capsys: Captured
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(OTHERS[name])
    data = ["--quiet", "--data", str(write(tmp_path, "csv"))]

    assert program.main([*data, "--log", str(log)]) == 2

    assert log.read_text() == OTHERS[name]
    (shown,) = capsys.readouterr().err.splitlines()
    assert shown.startswith(f"error: --log {log}: not a log")


@pytest.mark.parametrize("torn", ["", "{", '{"ru', '{"run": "net", "opt', RUN + '{"step": 3, "lo'])
def test_what_a_killed_run_left_is_a_log(torn: str, program: ModuleType, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(torn)
    data = ["--quiet", "--data", str(write(tmp_path, "csv"))]

    assert program.main([*data, "--log", str(log)]) == 0

    assert [line.get("step") for line in read(log)][-3:] == [None, 10, 20]


def test_a_line_that_is_whole_but_for_its_end(program: ModuleType, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(RUN + '{"step": 3}')
    data = ["--quiet", "--data", str(write(tmp_path, "csv"))]

    assert program.main([*data, "--log", str(log)]) == 0

    assert [line.get("step") for line in read(log)] == [None, 3, None, 10, 20]


@pytest.mark.parametrize(
    "line", ['{"step": "x"}', '{"step": -1e999}', '{"run": 3, "options": 4}', "words", "[[1]]"]
)
def test_lines_that_somebody_changed(
    line: str,
    load: Load,
    read_model: ReadModel,
    tmp_path: Path,
    capsys: Captured,
) -> None:
    """A resumed run takes its own lines back, or says that it would lose others."""
    module = load(read_model(TEXT)._replace(features=("ckpt", "log")))
    log = tmp_path / "log.jsonl"
    data = ["--quiet", "--data", str(write(tmp_path, "csv")), "--log-every=1", f"--log={log}"]
    data += ["--checkpoint", str(tmp_path / "c"), "--resume"]
    assert module.main([*data, "--steps=4"]) == 0
    lines = log.read_text().splitlines()
    log.write_text("\n".join([*lines[:2], line, *lines[2:]]) + "\n")

    assert module.main([*data, "--steps=6"]) == 0
    content = log.read_text() + f'{{"step": 7}}\n{line}\n'
    log.write_text(content)

    assert module.main([*data, "--steps=8"]) == 2
    assert "mixed with others" in capsys.readouterr().err
    assert log.read_text() == content


@pytest.mark.parametrize("device", ["/dev/full", "/dev/zero", "/dev/null"])
def test_devices(device: str, program: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    if not Path(device).exists():
        pytest.skip(f"there is no {device}")

    data = str(write(tmp_path, "csv"))
    assert program.main(["--quiet", "--data", data, "--log", device]) == 2

    assert capsys.readouterr().err == f"error: --log {device}: not a file\n"


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_weights_on_a_full_disk(
    name: str, program: ModuleType, tmp_path: Path, capsys: Captured
) -> None:
    """What stood under that name stays."""
    import resource

    (tmp_path / name).write_text("mine")
    data = ["--quiet", "--data", str(write(tmp_path, "csv"))]
    room, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, most))
    try:
        code = program.main([*data, "--save", str(tmp_path / name)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))

    (shown,) = capsys.readouterr().err.splitlines()
    assert code == 2
    assert shown.startswith(f"error: --save {tmp_path / name}: ")
    assert (tmp_path / name).read_text() == "mine"
    assert {path.name for path in tmp_path.glob(f"*{name}*")} == {name}


def test_tensorboard_on_a_full_disk(
    program: ModuleType, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its writer fails: in a thread of its own, and then at every call."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    class Writer:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def add_scalar(self, *_: Any) -> None:
            thread = threading.Thread(target=self.close)
            thread.start()
            thread.join()
            self.close()

        def close(self) -> None:
            raise OSError(28, "No space left on device")

    module = ModuleType("torch.utils.tensorboard")
    vars(module)["SummaryWriter"] = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    data = ["--quiet", "--data", str(write(tmp_path, "csv"))]

    assert program.main([*data, "--tensorboard", "board"]) == 2

    assert capsys.readouterr().err == "error: --tensorboard board: No space left on device\n"


def test_tensorboard(program: ModuleType, tmp_path: Path, capsys: Captured) -> None:
    """Its own writer writes; a file where the folder should be is refused."""
    pytest.importorskip("tensorboard")
    data = ["--quiet", "--data", str(write(tmp_path, "csv"))]

    assert program.main([*data, "--tensorboard", str(tmp_path / "board")]) == 0
    assert program.main([*data, "--tensorboard", str(tmp_path / "data.csv")]) == 2

    assert len(list((tmp_path / "board").iterdir())) == 1
    (shown,) = capsys.readouterr().err.splitlines()
    assert shown.startswith("error: --tensorboard")


@pytest.mark.parametrize("option", ["--log=/no/such/folder/x.jsonl", "--tensorboard=board"])
def test_refusals(
    option: str,
    program: ModuleType,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if "tensorboard" in name:
            raise ImportError(name)
        return original(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)

    assert program.main(["--quiet", "--data", str(write(tmp_path, "csv")), option]) == 2

    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert option.partition("=")[0] in shown


# ---- monitor ---------------------------------------------------------------------------------

NET = """
model net {{
  width n = 128, base n0 = 64
  parameterization {point}
  input 8
  embed: dense -> n
  {activation}
  body[2]: dense -> n {body}
  {activation}
  head: dense -> 3
  optimizer {optimizer}
  loss cross_entropy
  train {{ batch = 32, seed = 3 }}
}}
"""
Monitored = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def monitored(load_text: Callable[[str], ModuleType], tmp_path: Path) -> Monitored:
    """The rows of a monitored run, step by step."""
    import numpy as np

    random = np.random.default_rng(1)
    x = random.normal(size=(400, 8))
    np.savez(tmp_path / "d.npz", x=x, y=(x[:, :3]).argmax(1))

    def run(text: str, *arguments: str, log: str = "log.jsonl") -> list[dict[str, Any]]:
        module = load_text(richc.compile(text, features=MONITORED, allow_violations=True))
        common = ["--quiet", "--data", str(tmp_path / "d.npz"), "--log", str(tmp_path / log)]
        assert module.main([*common, *arguments]) == 0
        return [line["monitor"] for line in read(tmp_path / log) if "monitor" in line]

    return run


@pytest.mark.parametrize(
    ("activation", "body"),
    [
        ("relu", ""),
        ("relu", "{ std = 1 / sqrt(n) }"),
        ("tanh", ""),
        ("gelu", "{ bias { std = 1 } }"),
        ("erf", ""),
        ("leaky_relu(0.3)", ""),
    ],
)
def test_sizes_at_the_beginning(activation: str, body: str, monitored: Monitored) -> None:
    text = NET.format(point="mup", activation=activation, body=body, optimizer="adam")

    (start, _) = monitored(text, "--width=1024", "--monitor=1", "--steps=1")

    assert list(start) == ["embed", "body.0", "body.1", "head"]
    for name, row in start.items():
        assert row["dh"] == 0
        # The read-out has three entries only.
        near = 0.6 if name == "head" else 0.2
        assert row["h"] == pytest.approx(row["h_predicted"], rel=near)


@pytest.mark.parametrize("point", ["mup", "ntp"])
@pytest.mark.parametrize("optimizer", ["sgd { lr = 0.2 }", "adam { lr = 3e-3 }"])
def test_changes_follow_the_exponents(
    point: str, optimizer: str, monitored: Monitored, tmp_path: Path
) -> None:
    """From a narrow run to a wide one; a rate that is not the specification's shows."""
    text = NET.format(point=point, activation="relu", body="", optimizer=optimizer)
    like = ("--monitor=10", "--steps=20", f"--monitor-like={tmp_path / 'narrow.jsonl'}")
    monitored(text, "--width=64", *like[:2], log="narrow.jsonl")

    wide = monitored(text, "--width=1024", *like)
    rate = 0.1 * float(optimizer.split()[4])
    other = monitored(text, "--width=1024", f"--lr={rate}", *like, log="other.jsonl")

    factors = [row["dh"] / row["dh_predicted"] for rows in wide[1:] for row in rows.values()]
    assert len(factors) == 8
    assert all(0.5 < factor < 2 for factor in factors), factors
    far = [row["dh"] / row["dh_predicted"] for row in other[1].values()]
    assert min(far) < 0.4, far


def test_no_prediction_for_another_richness(monitored: Monitored) -> None:
    text = NET.format(point="rich(r = 1/4)", activation="relu", body="", optimizer="sgd")

    rows = monitored(text, "--richness=0.4", "--monitor=1", "--steps=1")

    assert {row["h_predicted"] for table in rows for row in table.values()} == {None}


def test_the_table(
    load_text: Callable[[str], ModuleType], tmp_path: Path, capsys: Captured
) -> None:
    module = load_text(richc.compile(TEXT, features=MONITORED))

    code = module.main(["--data", str(write(tmp_path, "csv")), "--monitor=20"])

    shown = [line for line in capsys.readouterr().err.splitlines() if "left" not in line]
    assert code == 0
    assert [line.split()[0] for line in shown] == ["step", "embed", "head", "step", "embed", "head"]
    assert {len(line.split()) for line in shown if line.startswith(("embed", "head"))} == {5}


HEAD = '{"run": 1, "options": {"width": 8}}\n'
NO_LOGS = [
    "", "{", HEAD, "[1]", "7", "null", "\0", "\udc80", "[" * 100_000, '{"run": 1}',
    '{"run": 1, "options": 2}', '{"run": 1, "options": {"width": 1e999}}',
    '{"run": 1, "options": {"width": 0}}\n{"step": 5, "monitor": {"head": {"dh": 1.0}}}',
    *(HEAD + line for line in (
        '{"step": "x", "monitor": {}}', '{"monitor": {}}', '{"step": 5, "monitor": []}',
        '{"step": 5, "monitor": {"head": []}}', '{"step": 5, "monitor": {"head": {"dh": null}}}',
        '{"step": 5, "monitor": {"head": {"dh": "x"}}}', '{"step": 5, "monitor": {"head": {}}}',
    )),
]  # fmt: skip


@pytest.mark.parametrize("content", NO_LOGS, ids=range(len(NO_LOGS)))
def test_what_is_no_monitored_log(
    content: str, tmp_path: Path, capsys: Captured, load_text: Callable[[str], ModuleType]
) -> None:
    (tmp_path / "other.jsonl").write_text(content, errors="surrogateescape")
    module = load_text(richc.compile(TEXT, features=MONITORED))
    data = ["--quiet", "--data", str(write(tmp_path, "csv")), "--monitor=5"]

    assert module.main([*data, "--monitor-like", str(tmp_path / "other.jsonl")]) == 2

    assert capsys.readouterr().err.startswith("error: --monitor-like")
