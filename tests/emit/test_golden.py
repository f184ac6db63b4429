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


@pytest.mark.parametrize("name", MODELS)
def test_same_bytes_in_another_process(name: str) -> None:
    """Not even the hash seed shows."""
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_golden; "
        f"sys.stdout.buffer.write(test_golden.emitted({name!r}).encode())"
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

    assert runs == {emitted(name).encode()}


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


@pytest.mark.parametrize("name", MODELS)
def test_imports_torch_numpy_and_the_standard_library_only(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.py"
    text = emitted(name, FEATURES if name == WHOLE else ())
    path.write_text(text, encoding="utf-8")
    imported = {
        line.split()[1].split(".")[0]
        for line in text.splitlines()
        if line.startswith(("import ", "from "))
    }

    assert imported <= {*sys.stdlib_module_names, "torch", "numpy"}
    subprocess.run([sys.executable, "-W", "error", "-I", str(path), "--help"], check=True)


def test_the_default_is_a_page(examples: Path) -> None:
    """Lines as `wc -l` counts them, with the header of a file that was compiled from a file."""
    text = (examples / "digits_mup_sgd.rich").read_text(encoding="utf-8")
    chosen = choose(analyse(text), None, allow_violations=False)
    origin = Origin("examples/digits_mup_sgd.rich", "0" * 64)

    assert program(chosen, origin=origin).count("\n") <= 300
    assert program(chosen, origin=origin, module_only=True).count("\n") <= 160
