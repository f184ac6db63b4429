"""pyproject.toml, the licence and the commit hook say what is so."""

from __future__ import annotations

import hashlib
import importlib
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

import richc

# Of https://www.apache.org/licenses/LICENSE-2.0.txt
_APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


@pytest.fixture(scope="module")
def pyproject(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def hooks(root: Path) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load(
        (root / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    )
    return loaded


def test_one_version(pyproject: dict[str, Any]) -> None:
    assert pyproject["project"]["version"] == richc.__version__
    assert pyproject["project"]["version"] == metadata.version("richc"), "reinstall: pip install -e"


def test_version_option(pyproject: dict[str, Any]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "richc", "--version"], capture_output=True, text=True, check=True
    )

    assert pyproject["project"]["version"] in run.stdout.split()


def test_script_exists(pyproject: dict[str, Any]) -> None:
    module, _, function = pyproject["project"]["scripts"]["richc"].partition(":")

    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("name", ["lark", "hatchling"])
def test_requirements_of_the_build(name: str, pyproject: dict[str, Any]) -> None:
    """What builds a wheel is what the tests build with, and make the same tables with."""
    dev = pyproject["project"]["optional-dependencies"]["dev"]

    built_with = [line for line in pyproject["build-system"]["requires"] if line.startswith(name)]

    assert len(built_with) == 1
    assert built_with == [line for line in dev if line.startswith(name)]


def test_what_a_user_installs(pyproject: dict[str, Any]) -> None:
    names = [re.split(r"[^\w-]", line)[0] for line in pyproject["project"]["dependencies"]]

    assert names == ["click", "pydantic"]


def test_torch_is_an_extra(pyproject: dict[str, Any]) -> None:
    assert pyproject["project"]["optional-dependencies"]["torch"] == ["torch>=2.9", "numpy"]


def test_every_ruff_exception_has_a_reason(root: Path) -> None:
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    ignored = re.findall(r'^  "[A-Z]+\d+",.*$', text.partition("\nignore = [")[2], re.MULTILINE)

    assert ignored
    assert [line for line in ignored if "#" not in line] == []


def test_licence_is_apache_2(root: Path, pyproject: dict[str, Any]) -> None:
    assert pyproject["project"]["license"] == "Apache-2.0"
    assert hashlib.sha256((root / "LICENSE").read_bytes()).hexdigest() == _APACHE_2


@pytest.mark.parametrize(("at", "name"), [(0, "check"), (1, "fmt")])
def test_commit_hook(
    at: int, name: str, hooks: list[dict[str, Any]], pyproject: dict[str, Any]
) -> None:
    assert len(hooks) == 2
    hook = hooks[at]

    assert hook["id"] == f"richc-{name}"
    assert hook["language"] == "python"
    assert hook.get("pass_filenames", True)
    assert re.search(hook["files"], "models/digits.rich")
    assert not re.search(hook["files"], "models/digits.rich.bak")
    program, *arguments = shlex.split(hook["entry"])
    assert program in pyproject["project"]["scripts"]
    assert arguments == [name]


@pytest.mark.parametrize("at", [0, 1])
def test_commit_hook_runs(
    at: int, hooks: list[dict[str, Any]], examples: Path, tmp_path: Path
) -> None:
    examples = Path(shutil.copytree(examples, tmp_path / "examples"))
    _, *arguments = shlex.split(hooks[at]["entry"])
    files = [str(path) for path in sorted(examples.glob("*.rich")) if "fails" not in path.name]
    assert files

    run = subprocess.run(
        [sys.executable, "-m", "richc", *arguments, *files], capture_output=True, text=True
    )

    assert run.returncode == 0, run.stdout + run.stderr


def test_readme_has_the_test_command_that_ci_runs(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")

    block = re.search(r"<!-- test-command -->\s*```\w*\n(.*?)```", readme, re.DOTALL)

    assert block is not None
    assert "pytest" in block[1]


def test_the_lock_file_has_what_development_asks_for(root: Path, pyproject: dict[str, Any]) -> None:
    """And the torch of README's commands."""
    lines = (root / "requirements-dev.lock").read_text(encoding="utf-8").splitlines()
    locked = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {(r.name, str(r.specifier).removeprefix("==")) for r in locked}
    project = pyproject["project"]
    extras = project["optional-dependencies"].values()
    asked = [Requirement(line) for line in sum(extras, project["dependencies"])]
    outside = [r for r in asked if r.name != "richc"]

    unmet = [
        str(r)
        for r in outside
        if not any(name == r.name and version in r.specifier for name, version in versions)
    ]
    assert len(outside) > 20
    assert unmet == []
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert {f"torch=={dict(versions)['torch']}"} == set(re.findall(r"torch==[\d.]+", readme))


def test_workflows_run_what_is_there(root: Path) -> None:
    folder = root / ".github" / "workflows"
    jobs = {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
        for path in folder.glob("*.yml")
    }
    run = "\n".join(
        step.get("run", "")
        for of_file in jobs.values()
        for job in of_file.values()
        for step in job["steps"]
    )
    named = re.findall(r"(?:tests|\.ci)/[\w./]+", run)

    assert {"ci", "docs", "nightly"} == set(jobs)
    assert "bash .ci/run" in run
    assert "mkdocs build --strict" in run
    assert [] == [path for path in named if not (root / path).exists()]


def test_ci_is_valid_bash(root: Path) -> None:
    subprocess.run(["bash", "-n", str(root / ".ci" / "run")], check=True)
