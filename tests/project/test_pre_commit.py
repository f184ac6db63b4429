"""The commit hooks, run by pre-commit itself on a repository of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

GOOD = """\
model good {
  width n = 256
  parameterization mup
  input 16
  h1: dense -> n
  tanh
  out: dense -> 10
  optimizer sgd
}
"""
BAD = GOOD.replace("dense -> n", "dense -> n { lr = 1 / n }").replace("good", "bad")
UGLY = GOOD.replace("  input 16", "     input    16")


class Repository:
    """A git repository with our hooks."""

    def __init__(self, folder: Path, hooks: list[dict[str, Any]], cache: Path) -> None:
        self.folder = folder
        binaries = cache / "bin"
        binaries.mkdir()
        script = binaries / "richc"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m richc "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PRE_COMMIT"))}
        self._environment = outside | {
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "PRE_COMMIT_HOME": str(cache / "pre-commit"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "NO_COLOR": "1",
        }
        # `language: python` would have pip fetch what richc needs; all else is as it is published.
        local = [hook | {"language": "system"} for hook in hooks]
        config = yaml.safe_dump({"repos": [{"repo": "local", "hooks": local}]})
        self.git("init", "--quiet")
        self.git("config", "user.name", "Nobody")
        self.git("config", "user.email", "nobody@example.com")
        self.write(".pre-commit-config.yaml", config)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )

    def git(self, *arguments: str) -> None:
        done = self.run("git", *arguments)
        assert done.returncode == 0, done.stderr

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")
        self.git("add", name)

    def hook(self, name: str, *files: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "pre_commit", "run", name, "--files", *files)


@pytest.fixture(scope="module")
def hooks(root: Path) -> list[dict[str, Any]]:
    text = (root / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    loaded: list[dict[str, Any]] = yaml.safe_load(text)
    return loaded


@pytest.fixture
def repository(
    hooks: list[dict[str, Any]], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Repository:
    return Repository(tmp_path, hooks, tmp_path_factory.mktemp("cache"))


def test_pre_commit_takes_our_hooks(root: Path) -> None:
    command = ["validate-manifest", str(root / ".pre-commit-hooks.yaml")]
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", *command], capture_output=True, text=True
    )

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_a_good_file_passes(repository: Repository) -> None:
    repository.write("good.rich", GOOD)

    done = repository.hook("richc-check", "good.rich")

    assert (0, True) == (done.returncode, "Passed" in done.stdout), done.stdout


def test_a_bad_file_fails_and_says_why(repository: Repository) -> None:
    repository.write("good.rich", GOOD)
    repository.write("bad.rich", BAD)

    done = repository.hook("richc-check", "good.rich", "bad.rich")

    assert 1 == done.returncode
    assert "Failed" in done.stdout
    assert "error[R301]" in done.stdout
    assert "--> bad.rich:5:25" in done.stdout
    assert "2 files, 2 models: 1 error" in done.stdout


def test_other_files_are_none_of_its_business(repository: Repository) -> None:
    repository.write("bad.rich.txt", BAD)

    done = repository.hook("richc-check", "bad.rich.txt")

    assert (0, True) == (done.returncode, "no files to check" in done.stdout), done.stdout


def test_a_suppressed_fault_passes(repository: Repository) -> None:
    repository.write("bad.rich", f"# richc: ignore[R301] -- a baseline\n{BAD}")

    assert 0 == repository.hook("richc-check", "bad.rich").returncode


def test_an_ugly_file_is_laid_out(repository: Repository) -> None:
    repository.write("ugly.rich", UGLY)

    first = repository.hook("richc-fmt", "ugly.rich")
    second = repository.hook("richc-fmt", "ugly.rich")

    assert (1, True) == (first.returncode, "files were modified by this hook" in first.stdout)
    assert 0 == second.returncode, second.stdout
    assert GOOD == (repository.folder / "ugly.rich").read_text(encoding="utf-8")


def test_no_commit_with_a_fault(repository: Repository) -> None:
    """As a user meets it: the hook is installed, and git asks it."""
    install = repository.run(sys.executable, "-m", "pre_commit", "install")
    assert install.returncode == 0, install.stderr
    repository.write("net.rich", BAD)

    refused = repository.run("git", "commit", "-m", "A fault")
    repository.write("net.rich", GOOD)
    accepted = repository.run("git", "commit", "-m", "No fault")

    assert 1 == refused.returncode
    assert "error[R301]" in refused.stdout + refused.stderr
    assert 0 == accepted.returncode, accepted.stderr
