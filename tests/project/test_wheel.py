"""A wheel, built by way of the sdist, stands alone; an editable one only prepares the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from richc.rules.pages import every
from richc.syntax import tables

pytestmark = pytest.mark.slow

_GRAMMAR = "richc/_grammar/rich.lark"
_TABLES = "richc/syntax/_tables.json"
_EXAMPLES = "richc/_examples/"

_GOOD = """\
model small {
  width n = 1024
  parameterization mup
  input 64
  embed: dense -> n
  relu
  body: dense -> n
  relu
  head: dense -> 10
  optimizer sgd { lr = 0.1 }
  loss mse
}
"""


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
    examples = [*source.glob("examples/*.rich"), source / "examples" / "digits.csv.gz"]
    copied = {f"{_EXAMPLES}{path.name}" for path in examples}
    assert names == expected | copied | {_GRAMMAR, _TABLES}
    assert "richc/py.typed" in names


def test_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folder = next(name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name)
        metadata = message_from_string(archive.read(f"{folder}/METADATA").decode())
        assert f"{folder}/licenses/LICENSE" in archive.namelist()

    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_all("Provides-Extra") == [
        *("dev", "docs", "lsp", "parquet", "plot", "ray", "report", "torch", "watch"),
    ]
    assert metadata["Description-Content-Type"] == "text/markdown"


def _run(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # -P: not from the current folder; PYTHONPATH goes before an editable install of richc.
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )


def test_installed_package_uses_its_own_files(installed: Path, tmp_path: Path) -> None:
    program = """
from richc.syntax import lalr, tables
print(lalr.__file__)
print(lalr.TABLES_PATH)
print(next(path for path in tables._GRAMMARS if "_grammar" in path))
"""
    run = _run(installed, tmp_path, "-c", program)

    assert run.returncode == 0, run.stderr
    for line in run.stdout.splitlines():
        assert Path(line).is_relative_to(installed)
        assert Path(line).exists()


@pytest.mark.parametrize(
    ("text", "code"), [(_GOOD, 0), (_GOOD.replace("input 64", "input )"), 1), ("model", 1)]
)
def test_installed_package_never_imports_lark(
    text: str, code: int, installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "some.rich").write_text(text, encoding="utf-8")
    # None in sys.modules makes `import lark` fail.
    program = """
import sys
sys.modules["lark"] = None
from richc.__main__ import main
main()
"""
    run = _run(installed, tmp_path, "-c", program, "check", "some.rich")

    assert run.returncode == code, run.stdout + run.stderr
    assert "Traceback" not in run.stderr


def test_installed_package_checks_and_compiles(
    installed: Path, examples: Path, tmp_path: Path
) -> None:
    example = next(path for path in sorted(examples.glob("*.rich")) if "fails" not in path.name)
    for arguments in (["check", "-q"], ["compile", "-o", "out.py"]):
        run = _run(installed, tmp_path, "-m", "richc", *arguments, str(example))
        assert run.returncode == 0, run.stdout + run.stderr
    compile((tmp_path / "out.py").read_text(encoding="utf-8"), "out.py", "exec")


def test_installed_package_has_its_pages(installed: Path, source: Path, tmp_path: Path) -> None:
    run = _run(installed, tmp_path, "-m", "richc", "explain", "R401")
    page = source / "richc" / "rules" / "negligible_update.md"
    assert (run.returncode, run.stdout) == (0, page.read_text(encoding="utf-8")), run.stderr

    run = _run(installed, tmp_path, "-m", "richc", "rules")
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 1 + len([*every()])


@pytest.fixture
def editable(source: Path, tmp_path: Path) -> Path:
    """A checkout that has been installed in place."""
    checkout = tmp_path / "checkout"
    shutil.copytree(source, checkout, ignore=shutil.ignore_patterns("_tables.json"))
    _build("editable", checkout, tmp_path / "editable")
    return checkout


def _build(kind: str, source: Path, out: Path) -> list[str]:
    """Build as pip does, and list what is in the result."""
    hook = {"editable": "build_editable", "wheel": "build_wheel", "sdist": "build_sdist"}[kind]
    program = f"import sys; from hatchling.build import {hook}; {hook}(sys.argv[1])"
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    out.mkdir()

    subprocess.run(
        [sys.executable, "-P", "-c", program, str(out)], cwd=source, env=environment, check=True
    )

    (built,) = out.iterdir()
    if kind == "sdist":
        with tarfile.open(built) as archive:
            return archive.getnames()
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


def test_editable_wheel_writes_tables_into_the_checkout(editable: Path, tmp_path: Path) -> None:
    grammar = (editable / "grammar" / "rich.lark").read_text(encoding="utf-8")
    stored = (editable / _TABLES).read_text(encoding="utf-8")
    assert stored == tables.dumps(tables.build(grammar))
    (built,) = (tmp_path / "editable").iterdir()
    with zipfile.ZipFile(built) as archive:
        assert not [name for name in archive.namelist() if name.startswith("richc/")]


def test_editable_wheel_compiles_the_checkout(editable: Path) -> None:
    modules = list((editable / "richc").rglob("*.py"))

    assert modules
    for module in modules:
        compiled = Path(cache_from_source(module))
        assert compiled.is_file()
        assert compiled.is_relative_to(editable)


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_compiled_modules_stay_in_the_checkout(kind: str, editable: Path, tmp_path: Path) -> None:
    names = _build(kind, editable, tmp_path / kind)

    assert [name for name in names if name.endswith("richc/pipeline.py")]
    assert [name for name in names if name.endswith(".pyc") or "__pycache__" in name] == []


def test_standard_wheel_compiles_nothing(source: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(source, checkout)

    _build("wheel", checkout, tmp_path / "dist")

    assert list((checkout / "richc").rglob("*.pyc")) == []


def test_editable_wheel_of_a_module_that_does_not_compile(source: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(source, checkout)
    (checkout / "richc" / "half_written.py").write_text("def", encoding="utf-8")

    _build("editable", checkout, tmp_path / "dist")

    assert Path(cache_from_source(checkout / "richc" / "pipeline.py")).is_file()
