"""Emitted programs, byte for byte.

``RICHC_UPDATE_GOLDEN=1 pytest tests/emit/test_golden.py`` writes the files anew; their diff is then
what to review.  One holds the whole program, the others the module alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from richc.compilation import choose, program
from richc.emit.program import Origin
from richc.pipeline import analyse
from richc.words import FEATURES

GOLDEN = Path(__file__).parent / "golden"
MODELS = sorted(path.stem for path in GOLDEN.glob("*.rich"))
WHOLE = "digits"


def emitted(name: str, features: tuple[str, ...] = (), *, module_only: bool = False) -> str:
    text = (GOLDEN / f"{name}.rich").read_text(encoding="utf-8")
    chosen = choose(analyse(text), None, allow_violations=True)
    return program(chosen, features, module_only=module_only)


@pytest.mark.parametrize("name", MODELS)
def test_golden(name: str) -> None:
    actual = emitted(name) if name == WHOLE else emitted(name, module_only=True)
    path = GOLDEN / f"{name}.py.txt"
    if os.environ.get("RICHC_UPDATE_GOLDEN"):
        path.write_text(actual, encoding="utf-8")

    expected = path.read_text(encoding="utf-8")

    assert actual == expected


def test_same_bytes_in_another_process() -> None:
    """Not even the hash seed shows."""
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_golden; "
        f"sys.stdout.buffer.write(''.join(map(test_golden.emitted, {MODELS!r})).encode())"
    )

    runs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert runs == {"".join(map(emitted, MODELS)).encode()}


@pytest.mark.parametrize(
    ("name", "features"),
    [*((name, ()) for name in MODELS), *((WHOLE, (f,)) for f in FEATURES), ("adam", FEATURES)],
)
def test_lint(name: str, features: tuple[str, ...], tmp_path: Path) -> None:
    """Clean and formatted under ruff's own defaults, so that users need no exceptions."""
    path = tmp_path / f"{name}.py"
    path.write_text(emitted(name, features), encoding="utf-8")
    options = ["--isolated", "--no-cache", "--line-length=100", str(path)]

    for command in (["check", "--extend-select=E501"], ["format", "--check"]):
        run = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *options], capture_output=True, text=True
        )
        assert run.returncode == 0, run.stdout


#: Runs each program of its arguments for its help, as `python PROGRAM --help` does.
HELP = """
import runpy, sys
programs = sys.argv[1:]
for program in programs:
    sys.argv = [program, "--help"]
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as left:
        assert left.code in (None, 0), program
"""


def test_imports_torch_numpy_and_the_standard_library_only(tmp_path: Path) -> None:
    for name in MODELS:
        text = emitted(name, FEATURES if name == WHOLE else ())
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        imported = {
            line.split()[1].split(".")[0]
            for line in text.splitlines()
            if line.startswith(("import ", "from "))
        }

        assert imported <= {*sys.stdlib_module_names, "torch", "numpy"}
    command = [sys.executable, "-W", "error", "-I", "-c", HELP, *map(str, tmp_path.glob("*.py"))]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (0, len(MODELS)) == (run.returncode, run.stdout.count("usage: ")), run.stderr


def test_the_default_is_a_page(examples: Path) -> None:
    """Lines as `wc -l` counts them, with the header of a file that was compiled from a file."""
    text = (examples / "digits_mup_sgd.rich").read_text(encoding="utf-8")
    chosen = choose(analyse(text), None, allow_violations=False)
    origin = Origin("examples/digits_mup_sgd.rich", "0" * 64)

    assert program(chosen, origin=origin).count("\n") <= 300
    assert program(chosen, origin=origin, module_only=True).count("\n") <= 160
    six = [name for name in FEATURES if name != "options"]
    assert program(chosen, origin=origin, features=six).count("\n") < 900
