"""A wheel, built by way of the sdist, stands alone; an editable one adds only the tables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from richc.syntax import tables

pytestmark = pytest.mark.slow

_GRAMMAR = "richc/_grammar/rich.lark"
_TABLES = "richc/syntax/_tables.json"


@pytest.fixture(scope="module")
def source(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks or would track, so that a build cannot touch the checkout."""
    copy = tmp_path_factory.mktemp("source") / "richc"
    ignored = shutil.ignore_patterns(".*cache*", ".git", ".venv", "__pycache__", "_tables.json")
    shutil.copytree(root, copy, ignore=ignored)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    # Without isolation: what the build needs is in the development environment, and fetching it
    # again would need a network.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def test_contains_tables_and_grammar(wheel: Path, source: Path) -> None:
    grammar = (source / "grammar" / "rich.lark").read_text(encoding="utf-8")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(_GRAMMAR).decode() == grammar
        assert archive.read(_TABLES).decode() == tables.dumps(tables.build(grammar))


def test_contains_the_package_and_nothing_else(wheel: Path, source: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    in_source = (path for path in (source / "richc").rglob("*") if path.is_file())
    expected = {path.relative_to(source).as_posix() for path in in_source}
    assert names == expected | {_GRAMMAR, _TABLES}
    assert "richc/py.typed" in names


def test_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folder = next(name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name)
        metadata = message_from_string(archive.read(f"{folder}/METADATA").decode())
        assert f"{folder}/licenses/LICENSE" in archive.namelist()

    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_all("Provides-Extra") == ["dev", "torch"]
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_installed_package_uses_its_own_files(installed: Path, tmp_path: Path) -> None:
    program = """
import richc.syntax.tables as tables
assert tables.packaged() is not None
print(tables.__file__)
print(tables._INSTALLED_GRAMMAR)
tables.grammar_text()
tables.load()
"""
    # -P: not from the current folder; PYTHONPATH goes before an editable install of richc.
    run = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stderr
    for line in run.stdout.splitlines():
        assert Path(line).is_relative_to(installed)
        assert Path(line).exists()


def test_installed_package_checks_and_compiles(
    installed: Path, examples: Path, tmp_path: Path
) -> None:
    example = next(path for path in sorted(examples.glob("*.rich")) if "fails" not in path.name)
    environment = os.environ | {"PYTHONPATH": str(installed)}
    for arguments in (["check", "-q"], ["compile", "-o", "out.py"]):
        run = subprocess.run(
            [sys.executable, "-P", "-m", "richc", *arguments, str(example)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stdout + run.stderr
    compile((tmp_path / "out.py").read_text(encoding="utf-8"), "out.py", "exec")


def test_editable_wheel_writes_tables_into_the_checkout(source: Path, tmp_path: Path) -> None:
    stored = source / _TABLES
    stored.unlink(missing_ok=True)
    program = "import sys; from hatchling.build import build_editable; build_editable(sys.argv[1])"

    subprocess.run([sys.executable, "-P", "-c", program, str(tmp_path)], cwd=source, check=True)

    grammar = (source / "grammar" / "rich.lark").read_text(encoding="utf-8")
    assert stored.read_text(encoding="utf-8") == tables.dumps(tables.build(grammar))
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        assert not [name for name in archive.namelist() if name.startswith("richc/")]
