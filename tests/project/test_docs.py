"""What README and docs show is what richc prints, and every file that they name is there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shown import Shell, Shown, commands, unprinted

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

#: They train, or write for others to read; tests/measured, and tests of their own, run those.
_LONG = ("train", "verify", "transfer", "scale", "report", "compile")


def shown(page: Path) -> Iterator[Shown]:
    """The commands of a page whose files are in the repository, and that take no training."""
    for one in commands(page.read_text(encoding="utf-8")):
        program, *arguments = one.command.split()
        files = [word for word in arguments if word.endswith(".rich")]
        if program == "richc" and arguments[0] not in _LONG and all(map(_is_there, files)):
            yield one


def _is_there(pattern: str) -> bool:
    return any(ROOT.glob(pattern))


CASES = [(page, one) for page in PAGES for one in shown(page)]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    folder = tmp_path_factory.mktemp("shown")
    shutil.copytree(ROOT / "examples", folder / "examples")
    return Shell(folder, folder / "bin")


@pytest.mark.parametrize(("page", "one"), CASES, ids=lambda case: getattr(case, "command", None))
def test_commands_print_what_is_shown(page: Path, one: Shown, shell: Shell) -> None:
    done = shell.run(one.command)

    assert done.code in (0, 1), done.output
    missing = unprinted(one.lines, done.output)
    assert missing is None, f"{page.name} shows {missing!r}, and this is printed:\n{done.output}"


def test_more_than_one_page_shows_something() -> None:
    assert 1 < len({page for page, _ in CASES})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_pages_name_is_there(page: Path) -> None:
    """Links, and paths of the repository in plain words: `richc/…`, `tests/…`."""
    text = page.read_text(encoding="utf-8")
    links = [page.parent / link for link in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", text)]
    named = re.findall(r"(?<![\w/.∂-])(?:richc|tests|docs|grammar|examples|\.ci)/[\w./*-]*\w", text)
    # Names in capitals stand for others.
    paths = [ROOT / path for path in named if not re.search(r"[A-Z]{4}", path)]

    assert [] == [str(path) for path in links + paths if not _exists(path)]


def _exists(path: Path) -> bool:
    return any(path.parent.glob(path.name))
