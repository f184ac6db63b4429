"""What is in the program only when the file or the command line asks for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

import richc
from richc.cli.main import cli
from richc.emit.features import FEATURES
from richc.words import FEATURES as NAMES
from richc.words import OPTIMIZERS
from tests.emit.tables import MODEL, write

SPEC = MODEL.format(name="iris", outputs=3, loss="cross_entropy", train="")


def compiled(*arguments: str, text: str = SPEC) -> Result:
    return CliRunner().invoke(cli, ["compile", "-", *arguments], input=text)


def with_statement(names: str) -> str:
    return SPEC.replace("loss cross_entropy", f"loss cross_entropy\n  with {names}")


def test_the_table_and_the_language_have_the_same_features() -> None:
    assert list(NAMES) == list(FEATURES)


@pytest.mark.parametrize("feature", NAMES)
def test_each_has_its_options(feature: str) -> None:
    options = FEATURES[feature].options
    # Pieces of a batch, which fsdp can wait for, are of the options.
    plain, rich = compiled().stdout, compiled("--with", f"{feature},options").stdout

    assert all(f'"{option}"' in rich and f'"{option}"' not in plain for option in options)
    assert len(plain) < len(rich)


def test_file_and_command_line_add_up() -> None:
    text = with_statement(NAMES[0])
    everything = ",".join(NAMES)

    assert compiled("--with", everything).stdout == compiled("--with", everything, text=text).stdout
    assert compiled(text=text).stdout == compiled("--with", NAMES[0]).stdout
    assert compiled(text=with_statement(", ".join(NAMES))).stdout == richc.compile(
        SPEC, features=NAMES
    )
    options = [word for name in reversed(NAMES) for word in ("--with", name)]
    assert compiled(*options).stdout == compiled("--with", everything).stdout


@pytest.mark.parametrize(("name", "guess"), [("logs", "log"), ("Log", "log"), ("xyz", None)])
def test_unknown_names(name: str, guess: str | None) -> None:
    on_command_line = compiled("--with", f"log,{name}")
    in_file = compiled(text=with_statement(f"log, {name}"))

    assert (2, 1) == (on_command_line.exit_code, in_file.exit_code)
    for shown in (on_command_line.stderr, in_file.stderr):
        assert f"`{name}`" in shown
        assert ("did you mean" in shown) == (guess is not None)
        assert guess is None or f"did you mean `{guess}`?" in shown
    with pytest.raises(richc.RichError, match=f"`{name}`"):
        richc.compile(SPEC, features=[name])


def test_no_region_is_left_open() -> None:
    lean = tuple(name for name in NAMES if name != "options")
    for features in ((), *((name,) for name in NAMES), lean, NAMES):
        text = richc.compile(SPEC, features=features)

        assert "# keep if" not in text
        assert "\n    # end" not in text
        compile(text, "program.py", "exec")


@pytest.mark.parametrize("feature", [name for name in NAMES if name not in ("options", "stream")])
def test_a_feature_changes_no_training(
    feature: str,
    load_text: Callable[[str], ModuleType],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Bit for bit, of one process; streamed data are in batches of another order."""
    arguments = ["--quiet", f"--data={write(tmp_path, 'csv')}", "--steps=20", "--batch=16"]

    shown = []
    for features in ((), (feature,)):
        assert load_text(richc.compile(SPEC, features=features)).main(arguments) == 0
        shown.append(capsys.readouterr().out)

    assert shown[0].startswith("train loss")
    assert shown[0] == shown[1]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_sharded_program_trains_with_every_optimizer(
    optimizer: str,
    load_text: Callable[[str], ModuleType],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also those of which torch has no fused kernel for shards, without the options."""
    arguments = ["--quiet", f"--data={write(tmp_path, 'csv')}", "--steps=5"]
    shape = ", shape_factor = original" if optimizer == "muon" else ""
    text = SPEC.replace("adam { lr = 0.1", f"{optimizer} {{ lr = 0.01{shape}")
    text = text.replace("{ bias { std = 1 } }", "")

    shown = []
    for features in ((), ("fsdp",)):
        assert load_text(richc.compile(text, features=features)).main(arguments) == 0
        shown.append(capsys.readouterr().out)

    assert shown[0].startswith("train loss")
    assert shown[0] == shown[1]


def test_a_run_without_options_is_resumed(
    load_text: Callable[[str], ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bit for bit, with momenta, and only by a program that has as much to go on with."""
    data = write(tmp_path, "csv")
    module = load_text(richc.compile(SPEC, features=["ckpt"]))

    def run(folder: str, *arguments: str) -> str:
        kept = f"--checkpoint={tmp_path / folder}"
        common = ["--quiet", f"--data={data}", "--batch=16", kept]
        assert module.main([*common, *arguments]) == 0
        return capsys.readouterr().out

    whole = run("whole", "--steps=20")
    run("twice", "--steps=7")

    assert run("twice", "--steps=20", "--resume") == whole

    other = load_text(richc.compile(SPEC, features=["ckpt", "options"]))
    kept = f"--checkpoint={tmp_path / 'twice'}"
    assert other.main(["--quiet", f"--data={data}", "--batch=16", kept, "--resume"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_train_brings_what_its_arguments_need(tmp_path: Path) -> None:
    spec, log = tmp_path / "iris.rich", tmp_path / "log.jsonl"
    spec.write_text(SPEC)
    data = write(tmp_path, "csv")
    command = [sys.executable, "-m", "richc", "train", str(spec), "--data", str(data), "-q"]

    run = subprocess.run([*command, "--", f"--log={log}"], capture_output=True, text=True)

    assert (0, "") == (run.returncode, run.stderr)
    assert log.read_text().count("\n") == 3
