"""``richc train``: the cache, the child process, and the whole way from a file to a loss."""

from __future__ import annotations

import os
import re
import runpy
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file

from richc.cli.main import cli
from richc.emit import MARKER
from richc.lab import train
from richc.lab.train import TrainError, cache_folder, run_program

PRINTS = f"{MARKER}test\nimport sys\nprint(*sys.argv[1:])\nsys.exit(int(sys.argv[1]))\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "richc"


def test_arguments_and_exit_code(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = run_program(PRINTS, "net", ["7", "--x=y z"], richc_version="1.0")

    assert code == 7
    assert capfd.readouterr().out == "7 --x=y z\n"


def test_cache_is_private_and_reused(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_program(PRINTS, "net", ["0"], richc_version="1.0")
    (path,) = cache.rglob("*.py")
    first = path.stat().st_mtime_ns
    run_program(PRINTS, "net", ["0"], richc_version="1.0")
    reused = path.stat().st_mtime_ns
    path.write_text("tampered")
    run_program(PRINTS, "net", ["0"], richc_version="1.0")

    assert path.name == "net.py"
    assert path.parts[-3] == "1.0"
    assert len(path.parts[-2]) == 64
    assert reused == first
    assert path.read_text() == PRINTS
    for folder in (cache, path.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_cache_to_write_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert run_program(PRINTS, "net", ["0"], richc_version="1.0") == 0


def test_relative_cache_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")

    assert cache_folder() == Path.home() / ".cache" / "richc"


def test_names_of_modules(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A model called `json` does not hide the module of that name from its program."""
    code = run_program(f"{MARKER}\nimport json\njson.dumps(1)\n", "json", [], richc_version="1.0")

    assert code == 0


def test_from_another_thread(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    codes: list[int] = []
    thread = threading.Thread(
        target=lambda: codes.append(run_program(PRINTS, "net", ["3"], richc_version="1.0"))
    )
    thread.start()
    thread.join()

    assert codes == [3]


SLEEPER = f"""{MARKER}
import sys, time
print("ready", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


@pytest.mark.parametrize(
    ("number", "whole_group", "code", "words"),
    [
        (signal.SIGINT, True, 130, "interrupted"),
        (signal.SIGINT, False, 130, "interrupted"),
        (signal.SIGTERM, False, 128 + signal.SIGTERM, ""),
    ],
)
def test_signals(
    number: signal.Signals, whole_group: bool, code: int, words: str, tmp_path: Path
) -> None:
    """Ctrl-C, which a terminal sends to parent and child alike, and signals to the parent alone."""
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys
            from richc.lab import train
            train._PATIENCE_S = 0.2
            sys.exit(train.run_program({SLEEPER!r}, "net", [], richc_version="1.0"))
            """
        )
    )
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    # The child says so a moment before it sleeps.
    time.sleep(0.1)

    if whole_group:
        os.killpg(parent.pid, number)
    else:
        parent.send_signal(number)
    out, err = parent.communicate(timeout=30)

    assert (parent.returncode, out.strip(), err) == (code, words, "")


def test_without_torch(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "find_spec", lambda _name: None)

    with pytest.raises(TrainError, match=r"richc\[torch\]"):
        run_program(PRINTS, "net", [], richc_version="1.0")


# ---- the command -----------------------------------------------------------------------------

SPEC = """
model net {
  width n = 16
  parameterization mup
  input 2
  a: dense -> n
  tanh
  b: dense -> 2
  optimizer adam { lr = 0.1 }
  loss cross_entropy
  train { data = "d.csv", target = "kind", steps = 30, batch = 16, seed = 3 }
}
"""


@pytest.fixture
def spec(tmp_path: Path, cache: Path) -> Path:
    rows = [f"{i % 7 - 3},{i % 5},{int(i % 7 > 3)}" for i in range(70)]
    (tmp_path / "d.csv").write_text("x,y,kind\n" + "\n".join(rows) + "\n")
    path = tmp_path / "net.rich"
    path.write_text(SPEC)
    return path


def test_from_file_to_loss(spec: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Data beside the file, options and what follows `--` reach the program."""
    saved = tmp_path / "w.safetensors"
    arguments = ["--width=8", "--richness=1/4", "--steps=12", "--seed=1", "--save", str(saved)]

    result = CliRunner().invoke(cli, ["train", str(spec), *arguments, "--", "--schedule", "cosine"])

    shown = capfd.readouterr()
    assert result.exit_code == 0
    assert shown.out.startswith("train loss ")
    assert shown.out.count("\n") == 1
    assert "step 12/12" in shown.err
    assert saved.exists()


@pytest.mark.usefixtures("at_hand")
def test_what_is_told(spec: Path, tmp_path: Path) -> None:
    """Of what is trained, not of what is declared; and what is left of it."""
    arguments = ["--width=8", "--richness=1/4", "--lr=0.5", "--", "--steps=12"]
    saved = tmp_path / "w.pt"

    told = CliRunner().invoke(cli, ["train", str(spec), *arguments]).stderr
    kept = CliRunner().invoke(cli, ["train", str(spec), f"--save={saved}", *arguments]).stderr
    quiet = CliRunner().invoke(cli, ["train", str(spec), "-q", *arguments]).stderr

    # The program's own lines are between them.
    assert [line for line in told.splitlines() if not line.startswith("step ")] == [
        "net: r = 1/4, STP gauge: lazy in the limit, Δh ~ n^-1/4",
        "  n = 8, r = 1/4: 2 layers, 32 parameters",
        "  Adam, rates: a 0.2973, b 0.0625",
        "  12 steps of 16 rows of d.csv",
        "  loss: cross-entropy, nats",
        "saved: nothing (--save FILE.safetensors keeps the weights)",
        f"next: is the learning rate best at every width? richc transfer {spec}",
    ]
    assert f"saved: the weights, in {saved}; not the optimizer's state (--checkpoint)" in kept
    assert quiet == ""


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs run in this process, which has torch already: the tests above are about another."""

    def run(text: str, name: str, arguments: Sequence[str], *, richc_version: str) -> int:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        with train._program_file(text, name, richc_version) as path:
            try:
                runpy.run_path(str(path), run_name="__main__")
            except SystemExit as left:
                if isinstance(left.code, str):
                    sys.stderr.write(f"{left.code}\n")
                    return 1
                return left.code or 0
        return 0

    monkeypatch.setattr(train, "run_program", run)


@pytest.mark.usefixtures("at_hand")
def test_epochs(spec: Path) -> None:
    """So many steps as have full batches; at the end of each, what is held out is tried."""
    epochs = CliRunner().invoke(cli, ["train", str(spec), "--batch=5", "--epochs=3"])
    count = int(re.findall(r"step \d+/(\d+)", epochs.stderr)[0])
    steps = CliRunner().invoke(cli, ["train", str(spec), "--batch=5", f"--steps={count}"])

    assert "  3 epochs, in batches of 5 rows of d.csv" in epochs.stderr.splitlines()
    rows = len((spec.parent / "d.csv").read_text().splitlines())
    assert count == 3 * ((rows - max(2, rows // 5)) // 5)
    assert epochs.stdout == steps.stdout
    held_out = re.findall(
        r"^step (\d+)/.*  held-out loss (\S+) accuracy (\S+)  ", epochs.stderr, re.MULTILINE
    )
    assert [str(count * i // 3) for i in (1, 2, 3)] == [step for step, *_ in held_out]
    last_loss, last_score = re.findall(r"held-out loss (\S+) accuracy (\S+)", epochs.stdout)[0]
    assert (f"{float(last_loss):.4g}", last_score) == held_out[-1][1:]


@pytest.mark.usefixtures("at_hand")
def test_exit_codes(spec: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for arguments, code, word in (
        (["--data", str(tmp_path / "none.csv")], 2, "No such file"),
        (["--target", "color"], 2, "color"),
        (["--steps", "0"], 2, "steps"),
        (["--steps", "9", "--epochs", "1"], 2, "--epochs and --steps"),
        (["--", "--epochs", "x"], 2, "epochs"),
        (["--", "--zzyzx"], 2, "`--zzyzx`; `richc train FILE -- --help` lists them"),
        (["--", "--epcohs", "3"], 2, "`--epcohs`; did you mean `--epochs`?"),
        (["--", "--checkpiont=run"], 2, "did you mean `--checkpoint`?"),
        (["--model", "other"], 2, "other"),
        (["--quiet", "--lr", "1e38"], 1, "diverged"),
    ):
        result = CliRunner().invoke(cli, ["train", str(spec), *arguments])

        assert result.exit_code == code, arguments
        assert word in result.stderr + capfd.readouterr().err


@pytest.mark.usefixtures("at_hand")
def test_violations(spec: Path, capfd: pytest.CaptureFixture[str]) -> None:
    spec.write_text(SPEC.replace("lr = 0.1", "lr = 0.1 * n"))

    refused = CliRunner().invoke(cli, ["train", str(spec)])
    allowed = CliRunner().invoke(cli, ["train", str(spec), "--allow-violations", "--quiet"])

    assert refused.exit_code == 1
    assert "error[R" in refused.stderr
    assert allowed.exit_code in (0, 1)
    assert (allowed.stdout + capfd.readouterr().out).startswith("train loss ")


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--richness", "2"], 1),
        (["--", "--richness", "2"], 1),
        (["--", "--rich=4/2"], 1),
        (["--richness", "1/4", "--", "--richness", "2"], 1),
        (["--richness", "2", "--", "--richness", "1/4"], 0),
        (["--richness", "1/4", "--width", "24", "--gamma", "2"], 0),
        (["--richness", "2", "--allow-violations"], 0),
        (["--richness", "two"], 2),
    ],
)
def test_it_is_checked_as_it_is_trained(options: list[str], code: int, spec: Path) -> None:
    spec.write_text(SPEC.replace("  loss", "  require mup\n  loss"))

    found = CliRunner().invoke(cli, ["train", str(spec), "--steps=2", "--quiet", *options])

    assert code == found.exit_code
    assert ("error[R103]: each update of `a` makes its representation explode" in found.stderr) == (
        code == 1
    )
    assert "fix available" not in found.stderr


@pytest.mark.usefixtures("at_hand")
def test_a_file_that_fails_as_declared_but_not_as_it_is_trained(spec: Path) -> None:
    written = (
        ("parameterization mup", "richness r = 2"),
        ("a: dense -> n", "a: dense -> n { std = 1, lr = alpha / sqrt(n) }"),
        ("b: dense -> 2", "b: dense -> 2 { std = 1 / (alpha * sqrt(n)), lr = 1 / n }"),
    )
    text = SPEC
    for before, after in written:
        text = text.replace(before, after)
    spec.write_text(text)

    codes = [
        CliRunner().invoke(cli, ["train", str(spec), "-q", "--steps=2", *options]).exit_code
        for options in ([], ["--richness", "1/2"])
    ]

    assert [1, 0] == codes


@pytest.mark.usefixtures("at_hand")
def test_an_interval_is_what_may_be_trained_at(spec: Path) -> None:
    spec.write_text(SPEC.replace("mup", "rich\n  richness r = 1/2 in [1/4, 1/2]"))

    codes = [
        CliRunner().invoke(cli, ["train", str(spec), "-q", "--steps=2", "--richness", r]).exit_code
        for r in ("1/4", "0")
    ]

    assert [0, 2] == codes


def test_command_without_torch(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "find_spec", lambda _name: None)

    result = CliRunner().invoke(cli, ["train", str(spec)])

    assert result.exit_code == 2
    assert 'pip install "richc[torch]"' in result.stderr


@pytest.mark.usefixtures("at_hand", "cache")
def test_the_depth_that_is_trained_at(examples: Path, tmp_path: Path) -> None:
    """It is told with the parameters that it makes, which are those that are saved."""
    saved = tmp_path / "weights.safetensors"
    arguments = ["--depth", "3", "--width", "32", "--steps", "2", "--save", str(saved)]

    deep = CliRunner().invoke(cli, ["train", str(examples / "resmlp_muon_adamw.rich"), *arguments])
    chain = CliRunner().invoke(cli, ["train", str(examples / "digits_ntp.rich"), "--depth", "3"])

    count = sum(tensor.numel() for tensor in load_file(saved).values())
    assert f"n = 32, L = 3: 6 layers, {count:,} parameters" in deep.stderr
    assert chain.exit_code == 2
    assert chain.stderr.endswith("declares no depth (--depth)\n")
