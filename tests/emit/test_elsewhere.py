"""The examples that use a compiled module elsewhere: in one's own loop, Lightning, Accelerate."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import richc

LIBRARIES = {"own": "torch", "lightning": "lightning", "accelerate": "accelerate"}


@pytest.fixture(scope="module")
def folder(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples as in the checkout, and the network they import."""
    copy = tmp_path_factory.mktemp("elsewhere") / "examples"
    shutil.copytree(examples / "elsewhere", copy / "elsewhere")
    shutil.copy(examples / "digits.csv.gz", copy)
    text = (examples / "digits_mup_adam.rich").read_text(encoding="utf-8")
    (copy / "elsewhere" / "digits.py").write_text(
        richc.compile(text, module_only=True), encoding="utf-8"
    )
    return copy / "elsewhere"


@pytest.mark.slow
@pytest.mark.parametrize("kind", LIBRARIES)
def test_examples_learn(kind: str, folder: Path) -> None:
    pytest.importorskip(LIBRARIES[kind])

    run = subprocess.run(
        [sys.executable, str(folder / f"{kind}_loop.py"), "48"],
        capture_output=True,
        text=True,
        cwd=folder.parent,
    )

    assert run.returncode == 0, run.stderr
    found = re.search(r"^width 48: ([\d.]+)% of the test images$", run.stdout, re.MULTILINE)
    assert found is not None, run.stdout
    assert float(found[1]) > 93


def test_every_example_is_run(examples: Path) -> None:
    loops = {path.stem.removesuffix("_loop") for path in (examples / "elsewhere").glob("*_loop.py")}

    assert loops == set(LIBRARIES)
