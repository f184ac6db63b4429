"""The feature ``ckpt``: a run that was interrupted goes on as if it had not been."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.emit.tables import MODEL, Captured, Load, ReadModel, write
from tests.emit.test_training import OPTIMIZERS

TEXT = MODEL.format(name="net", outputs=3, loss="cross_entropy", train="")
Program = Callable[..., ModuleType]


@pytest.fixture
def program(load: Load, read_model: ReadModel) -> Program:
    """A program with checkpoints and a log, of the text after replacements."""

    def made(*replaced: tuple[str, str]) -> ModuleType:
        text = TEXT
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        return load(read_model(text)._replace(features=("ckpt", "log")))

    return made


def interrupt(module: ModuleType, step: int, number: int) -> Callable[[], None]:
    """Have the program signal itself when it asks for the batch of a step; undone by a call."""
    original = module.Trainer.batch
    calls = 0

    def fetch(trainer: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == step:
            os.kill(os.getpid(), number)
        return original(trainer)

    module.Trainer.batch = fetch
    return lambda: setattr(module.Trainer, "batch", original)


def lines(path: Path) -> list[dict[str, Any]]:
    """The steps of a log."""
    read = [json.loads(line) for line in path.read_text().splitlines()]
    return [line for line in read if "step" in line]


class Runs:
    """Runs of a module in a folder, with checkpoints there."""

    def __init__(self, module: ModuleType, folder: Path) -> None:
        self.module, self.folder, self.log = module, folder, folder / "log.jsonl"
        self.data = write(folder, "csv")

    def __call__(self, *arguments: str) -> int:
        common = ("--quiet", "--data", str(self.data), "--log", str(self.log), "--log-every=1")
        return int(self.module.main([*common, "--checkpoint", str(self.folder / "c"), *arguments]))

    def states(self) -> list[int]:
        return [int(path.name[5:]) for path in sorted((self.folder / "c").glob("step-*"))]


# ---- interrupted and resumed -----------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_ends(number: int, program: Program, tmp_path: Path) -> None:
    module = program()
    run = Runs(module, tmp_path)
    interrupt(module, 7, number)
    before = signal.getsignal(number)

    code = run("--every=1000")

    assert code == 128 + number
    assert run.states() == [7]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_losses_are_those_of_an_uninterrupted_run(
    optimizer: str, precision: str, program: Program, tmp_path: Path, capsys: Captured
) -> None:
    """Bit for bit, through schedule and epochs; the data's order and the scaler go on, too."""
    options = f"optimizer {optimizer} {{ {OPTIMIZERS[optimizer]} }}"
    module = program(("optimizer adam { lr = 0.1 }", options))
    arguments = ("--schedule=cosine", "--warmup=0.25", "--every=4", f"--precision={precision}")
    whole, broken = (Runs(module, tmp_path / name) for name in made(tmp_path, "whole", "broken"))
    assert whole(*arguments) == 0
    expected = capsys.readouterr().out

    undo = interrupt(module, 9, signal.SIGTERM)
    assert broken(*arguments) == 143
    undo()
    assert broken(*arguments, "--resume") == 0

    assert expected == capsys.readouterr().out
    assert lines(whole.log) == lines(broken.log)
    assert [line["step"] for line in lines(broken.log)] == list(range(1, 21))


def made(folder: Path, *names: str) -> tuple[str, ...]:
    for name in names:
        (folder / name).mkdir()
    return names


def test_the_newest_states_are_kept(program: Program, tmp_path: Path) -> None:
    run = Runs(program(), tmp_path)
    (tmp_path / "c" / ".step-00000003.draft").mkdir(parents=True)

    assert run("--every=3", "--keep=3") == 0

    assert run.states() == [15, 18, 20]
    assert len(list((tmp_path / "c").iterdir())) == 3


def test_resuming_nothing_is_a_beginning(program: Program, tmp_path: Path) -> None:
    run = Runs(program(), tmp_path)

    assert run("--resume") == 0

    assert len(lines(run.log)) == 20


def test_more_steps_than_at_first(program: Program, tmp_path: Path) -> None:
    run = Runs(program(), tmp_path)
    assert run() == 0

    assert run("--resume", "--steps=30") == 0

    assert [line["step"] for line in lines(run.log)] == list(range(1, 31))


def test_a_state_that_diverged_is_not_kept(program: Program, tmp_path: Path) -> None:
    run = Runs(program(), tmp_path)

    assert run("--lr=1e38", "--every=2", "--steps=8") == 1

    assert run.states() == []


#: How often the program is killed; by hand more often than in CI.
KILLS = int(os.environ.get("RICHC_KILLS", "12"))
KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
import torch
import torch.distributed.checkpoint
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
import program
folder, kills, every = Path(sys.argv[1]), int(sys.argv[2]), 2
log, states = folder / "log.jsonl", folder / "c"
data = ["--quiet", "--data", str(folder / "data.csv"), "--log-every=1"]
arguments = [*data, "--log", str(log), "--checkpoint", str(states), f"--every={every}", "--resume"]

def forked(arguments):
    child = os.fork()
    if child == 0:
        sys.stderr = open(os.devnull, "w")
        os._exit(program.main(arguments))
    return child

def last():
    steps = [int(path.name[5:]) for path in states.glob("step-*")]
    whole = [line for line in log.read_bytes().split(b"\\n")[:-1]] if log.exists() else []
    return max(steps, default=0), max((json.loads(l).get("step", 0) for l in whole), default=0)

# What is imported late is imported here, not in each of the forks.
warm = ["--checkpoint", str(folder / "warm"), f"--every={every}"]
assert program.main([*data, *warm, "--steps=2"]) == 0
assert program.main([*data, *warm, "--steps=4", "--resume"]) == 0

random.seed(0)
turn = kept = 0
while turn < kills or kept <= 10:
    # A busy machine may not come to a state in any of those turns: what is added gets longer.
    longest = 0.4 * 1.5 ** max(0, turn - kills)
    assert longest < 60, ("no progress", kept)
    turn += 1
    child = forked([*arguments, "--steps=1000000"])
    time.sleep(random.uniform(0.04, longest))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    newest, logged = last()
    assert kept <= newest <= logged <= newest + every, (kept, newest, logged)
    kept = newest
end = kept + 3
assert os.waitpid(forked([*arguments, f"--steps={end}"]), 0)[1] == 0
plain = [*data, "--log", str(folder / "whole.jsonl"), f"--steps={end}"]
assert os.waitpid(forked(plain), 0)[1] == 0
"""


def test_a_run_that_broke_before_its_first_state(program: Program, tmp_path: Path) -> None:
    """Its lines are taken back, those of other runs in the file are not."""
    module = program()
    run = Runs(module, tmp_path)
    run.log.write_text('no JSON\n{"run": "mine", "options": {}}\n{"step": 90}\n')

    with pytest.raises(RuntimeError, match="power cut"):
        broken(module, 5, lambda: run("--every=1000", "--resume"))
    assert len(run.log.read_text().splitlines()) == 3 + 1 + 4
    assert run("--resume") == 0

    assert run.log.read_text().startswith('no JSON\n{"run": "mine"')
    steps = [json.loads(line).get("step") for line in run.log.read_text().splitlines()[1:]]
    assert steps == [None, 90, None, *range(1, 21)]


def broken(module: ModuleType, step: int, run: Callable[[], int]) -> None:
    """Have a run fail at a step."""
    original = module.Trainer.step

    def fail(trainer: Any) -> Any:
        if trainer.taken == step - 1:
            module.Trainer.step = original
            raise RuntimeError("power cut")
        return original(trainer)

    module.Trainer.step = fail
    run()


@pytest.mark.parametrize("optimizer", ["lion", "sgd", "adafactor"])
def test_overflows_from_the_first_step(optimizer: str, program: Program, tmp_path: Path) -> None:
    """An optimizer that has not taken a step is saved and resumed, too."""
    options = f"optimizer {optimizer} {{ {OPTIMIZERS[optimizer]} }}"
    module = program(("optimizer adam { lr = 0.1 }", options))
    run = Runs(module, tmp_path)
    original = module.Trainer.step

    def overflow(trainer: Any) -> Any:
        trainer.scaler.scale(torch.zeros(()))
        trainer.scaler.update(2.0**24)
        return original(trainer)

    module.Trainer.step = overflow
    assert run("--precision=fp16", "--every=1", "--steps=2") == 0
    module.Trainer.step = original

    assert run("--precision=fp16", "--resume", "--steps=30") == 0
    losses = [line["loss"] for line in lines(run.log)]
    assert losses[0] != losses[-1] < 2


def test_saving_changes_nothing(program: Program, tmp_path: Path) -> None:
    """Even where the optimizer has no state yet, since the first steps overflowed."""
    module = program()
    rare, often = (Runs(module, tmp_path / name) for name in made(tmp_path, "rare", "often"))
    original = module.Trainer.step

    def overflow(trainer: Any) -> Any:
        if trainer.taken < 2:
            trainer.scaler.scale(torch.zeros(()))
            trainer.scaler.update(2.0**24)
        return original(trainer)

    module.Trainer.step = overflow
    assert rare("--precision=fp16", "--every=1000") == 0
    assert often("--precision=fp16", "--every=1") == 0

    assert lines(rare.log) == lines(often.log)


def test_a_full_disk(
    program: Program, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = program()
    run = Runs(module, tmp_path)
    assert run("--steps=4") == 0

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    assert run("--steps=8", "--resume") == 2

    assert capsys.readouterr().err.splitlines()[-1].endswith("No space left on device")
    assert run.states() == [4]


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
def test_a_disk_that_fills(program: Program, tmp_path: Path, capsys: Captured) -> None:
    """As above, where it is the system that refuses: what there was stays."""
    import resource

    run = Runs(program(), tmp_path)
    assert run("--steps=4") == 0
    before = run.log.read_bytes()
    room, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    arguments = ("--steps=8", "--resume")

    for every, option in ((1, f"--log {run.log}"), (100, "--checkpoint")):
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 1, most))
        try:
            code = run(*arguments, f"--log-every={every}")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
        begun, error = capsys.readouterr().err.splitlines()
        assert (code, begun) == (2, "going on from step 4")
        assert error.startswith(f"error: {option}")
        assert "File too large" in error
        assert run.states() == [4]
        assert run.log.read_bytes().startswith(before)

    assert run("--steps=8", "--resume") == 0
    assert [line["step"] for line in lines(run.log)] == list(range(1, 9))


def test_two_runs_in_one_folder(program: Program, tmp_path: Path, capsys: Captured) -> None:
    """The second is refused while the first one runs, and not after."""
    module = program()
    run = Runs(module, tmp_path)
    original = module.Trainer.batch
    codes = []

    def fetch(trainer: Any) -> Any:
        module.Trainer.batch = original
        codes.append(run("--resume", "--every=1", "--log-every=100"))
        return original(trainer)

    module.Trainer.batch = fetch
    codes.append(run("--every=5"))

    assert codes == [2, 0]
    assert "another run" in capsys.readouterr().err
    assert run.states() == [15, 20]
    assert len(lines(run.log)) == 20
    assert run("--resume", "--steps=21") == 0


def test_changes_are_counted_from_the_beginning(
    load_text: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    import richc

    module = load_text(richc.compile(TEXT, features=["ckpt", "log", "monitor"]))
    whole, twice = (Runs(module, tmp_path / name) for name in made(tmp_path, "whole", "twice"))

    assert whole("--monitor=4") == 0
    assert twice("--monitor=4", "--steps=10") == 0
    assert twice("--monitor=4", "--resume") == 0

    assert lines(whole.log) == lines(twice.log)
    assert lines(whole.log)[-1]["monitor"]["head"]["dh"] > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")
def test_killed_at_any_moment(read_model: ReadModel, tmp_path: Path) -> None:
    """Nothing but the steps since the last state is lost, and what was lost is made up for."""
    from richc.emit import emit_program

    model = read_model(TEXT)._replace(features=("ckpt", "log"))
    (tmp_path / "program.py").write_text(emit_program(model, summary="", richc_version="0.1.0"))
    write(tmp_path, "csv")
    command = [sys.executable, "-c", KILLER, str(tmp_path), str(KILLS)]

    run = subprocess.run(command, capture_output=True, text=True)

    assert run.returncode == 0, run.stderr
    assert lines(tmp_path / "whole.jsonl") == lines(tmp_path / "log.jsonl")


# ---- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replaced", "arguments", "words"),
    [
        (None, ["--width=32"], ["groups", "embed.weight", "[16, 3]", "[32, 3]"]),
        (
            None,
            ["--lr=0.2"],
            ["groups", "'lr' is 0.1 there, but", "'lr' is 0.2 here"],
        ),
        (None, ["--batch=9"], ["order", "batches of 8", "batches of 9"]),
        (None, ["--seed=1"], ["order", "seed 0", "seed 1"]),
        (("lr = 0.1", "lr = 0.1, betas = (0.9, 0.99)"), [], ["groups", "'betas'"]),
        (("mup", "ntp"), [], ["groups", "'lr'"]),
        (("std = 1 }", "std = 2 }"), [], ["spec"]),
        (("tanh", "relu"), [], ["spec"]),
        (("head", "tail"), [], ["groups 'head'", "but groups 'tail'"]),
        (("embed: dense -> n {", "embed: dense -> n { decay = 0.1,"), [], ["groups 'embed"]),
    ],
)
def test_another_model_is_refused(
    replaced: tuple[str, str] | None,
    arguments: list[str],
    words: list[str],
    program: Program,
    tmp_path: Path,
    capsys: Captured,
) -> None:
    def kept() -> list[Path]:
        """What is there beside the programs and what Python made of them."""
        found = sorted(tmp_path.rglob("*"))
        return [p for p in found if "program" not in p.name and p.name != "__pycache__"]

    assert Runs(program(), tmp_path)("--steps=4") == 0
    before = kept()

    code = Runs(program(*([] if replaced is None else [replaced])), tmp_path)(
        "--resume", *arguments
    )

    shown = capsys.readouterr().err.splitlines()
    assert code == 2
    assert len(shown) == 1
    assert all(word in shown[0] for word in ("not of this model", *words)), shown
    assert kept() == before


def test_layout_alone_is_no_other_model(program: Program, tmp_path: Path) -> None:
    assert Runs(program(), tmp_path)("--steps=4") == 0

    changed = program(("steps = 20", "steps = 6"), ("n = 16", "m = 16"), ("-> n", "-> m"))

    assert Runs(changed, tmp_path)("--resume") == 0


class Payload:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, ("raise SystemExit('unpickled!')",))


def edited(change: Callable[[Any], Any]) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        path = folder / "state.json"
        path.write_text(json.dumps(change(json.loads(path.read_text()))))

    return edit


def swap_groups(state: Any) -> Any:
    """What torch's own load_state_dict would take without a word."""
    lines = [line for line in state if line.startswith("groups")]
    names = list(dict.fromkeys(line.split()[1] for line in lines))
    assert len(names) == 2
    swapped = sorted(lines, key=lambda line: -names.index(line.split()[1]))
    at = state.index(lines[0])
    state[at : at + len(lines)] = swapped
    return state


def pipe(folder: Path) -> None:
    """To read it would wait for ever."""
    (folder / "state.json").unlink()
    os.mkfifo(folder / "state.json")


OLDER = {"format": 2, "groups": {"head": {"shapes": {}}}, "taken": 4, "files": {}, "sum": "0"}


def rename(folder: Path) -> None:
    path = folder / "00000.safetensors"
    tensors = load_file(path)
    tensors["model.other"] = tensors.pop("model.head.weight")
    save_file(tensors, path)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "groups swapped": (edited(swap_groups), "there, but groups 'embed"),
    "an older format": (edited(lambda _: OLDER), "format there, but format is 4 here"),
    "nothing known": (edited(lambda _: {}), "damaged"),
    "a list": (edited(lambda _: []), "damaged"),
    "no files": (edited(lambda s: [line for line in s if "safetensors" not in line]), "damaged"),
    "no groups": (
        edited(lambda s: [line for line in s if "groups" not in line]),
        "but groups",
    ),
    "a pipe": (pipe, "more than files"),
    "not JSON": (lambda f: (f / "state.json").write_text("{"), "damaged"),
    "a pickle": (lambda f: (f / "state.json").write_bytes(pickle.dumps(Payload())), "damaged"),
    "no file": (lambda f: (f / "00000.safetensors").unlink(), ""),
    "half a file": (lambda f: os.truncate(f / "00000.safetensors", 900), "safetensors"),
    "pickled weights": (
        lambda f: (f / "00000.safetensors").write_bytes(pickle.dumps(Payload())),
        "safetensors",
    ),
    "other weights": (rename, "damaged"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_refused(damage: str, program: Program, tmp_path: Path, capsys: Captured) -> None:
    """One line for the user, and nothing is ever unpickled."""
    run = Runs(program(), tmp_path)
    assert run("--steps=4") == 0
    change, word = DAMAGE[damage]
    (tmp_path / "c" / "step-00000004" / ".metadata").write_bytes(pickle.dumps(Payload()))
    change(tmp_path / "c" / "step-00000004")

    code = run("--resume")

    shown = capsys.readouterr().err.splitlines()
    assert (code, len(shown)) == (2, 1)
    assert "step-00000004" in shown[0]
    assert word in shown[0]


def test_nothing_is_unpickled(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Runs(program(), tmp_path)
    assert run("--steps=4") == 0

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("unpickled")

    for where, names in ((pickle, ("load", "loads", "Unpickler")), (torch, ("load",))):
        for name in names:
            monkeypatch.setattr(where, name, refuse)

    assert run("--resume") == 0


def places(value: Any, *keys: Any) -> Iterator[tuple[Any, ...]]:
    """The keys that lead to each value of nested dictionaries and lists."""
    yield keys
    pairs = enumerate(value if isinstance(value, list) else ())
    for key, inner in value.items() if isinstance(value, dict) else pairs:
        yield from places(inner, *keys, key)


def test_whatever_is_changed_is_refused(program: Program, tmp_path: Path, capsys: Captured) -> None:
    """Every value of state.json, by one of another type, out of range, or gone; and the sum, too.

    Where the sum is made to fit, a step that cannot be is refused nevertheless.
    """
    module = program()
    run = Runs(module, tmp_path)
    assert run("--steps=4") == 0
    path = tmp_path / "c" / "step-00000004" / "state.json"
    content = path.read_text()

    def refused(state: Any) -> None:
        path.write_text(json.dumps(state))
        assert run("--resume") == 2, state
        (shown,) = capsys.readouterr().err.splitlines()
        assert "step-00000004" in shown

    absurd: list[Any] = [None, "", -1, 10**30, 1.5, float("nan"), [], {}, True]
    for number, (*outer, last) in enumerate(list(places(json.loads(content)))[1:]):
        state = json.loads(content)
        holder = state
        for key in outer:
            holder = holder[key]
        if number % 2 or holder[last] == absurd[number % len(absurd)]:
            del holder[last]
        else:
            holder[last] = absurd[number % len(absurd)]
        refused(state)
    tensors = load_file(path.with_name("00000.safetensors"))
    for value in (-1, 5, 2**62):  # not 0 and 3: as if steps had been skipped
        save_file(tensors | {"scheduled": torch.tensor(value)}, path.with_name("00000.safetensors"))
        digest = hashlib.sha256(path.with_name("00000.safetensors").read_bytes()).hexdigest()
        refused([*json.loads(content)[:-1], f"00000.safetensors is {digest}"])
    save_file(tensors, path.with_name("00000.safetensors"))
    path.write_text(content)
    for step in (0, 3, 5):
        path.parent.rename(path.parent.with_name(f"step-{step:08}"))
        assert run("--resume") == 2
        assert f"step-00000004 there, but state is step-{step:08} here" in capsys.readouterr().err
        path.parent.with_name(f"step-{step:08}").rename(path.parent)
    assert run("--resume") == 0


def test_every_byte_of_the_tensors_counts(
    program: Program, tmp_path: Path, capsys: Captured
) -> None:
    run = Runs(program(), tmp_path)
    assert run("--steps=4") == 0
    path = tmp_path / "c" / "step-00000004" / "00000.safetensors"
    content = path.read_bytes()

    for at in range(0, len(content), len(content) // 20):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert run("--resume") == 2
        assert "there, but 00000.safetensors is" in capsys.readouterr().err
    path.write_bytes(content)
    path.with_name("x.safetensors").write_bytes(content)
    assert run("--resume") == 2
    assert "nothing there, but x.safetensors" in capsys.readouterr().err


def test_a_run_is_not_overwritten(program: Program, tmp_path: Path, capsys: Captured) -> None:
    run = Runs(program(), tmp_path)
    assert run() == 0

    assert run() == 2

    assert "--resume" in capsys.readouterr().err
    assert run.states() == [20]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["--resume"], "--checkpoint"), (["--checkpoint", "/proc/no"], "/proc/no")],
)
def test_bad_usage(
    arguments: list[str], word: str, program: Program, tmp_path: Path, capsys: Captured
) -> None:
    data = str(write(tmp_path, "csv"))

    assert program().main(["--quiet", "--data", data, *arguments]) == 2

    assert word in capsys.readouterr().err


def test_without_safetensors(
    program: Program, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said at the start, not at the first state."""
    run = Runs(program(), tmp_path)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)

    assert run() == 2

    (shown,) = capsys.readouterr().err.splitlines()
    assert "safetensors" in shown
    assert not run.log.exists()
