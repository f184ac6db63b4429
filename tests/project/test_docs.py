"""What README and docs show is what richc prints, and every file that they name is there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shown import Shell, Shown, commands, unprinted, without_numbers

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

#: They train, or draw what was trained: their numbers are those of one machine.
_MEASURED = ("verify", "report")
#: Of programs, which tests of their own hold to more than one page can show.
_ELSEWHERE = ("audit", "train", "transfer", "scale", "compile")


def shown(page: Path, *, measured: bool) -> Iterator[Shown]:
    """The commands of a page whose files are in the repository."""
    for one in commands(page.read_text(encoding="utf-8")):
        program, *arguments = one.command.split()
        files = [word for word in arguments if word.endswith(".rich")]
        if program != "richc" or arguments[0] in _ELSEWHERE or not all(map(_is_there, files)):
            continue
        if (arguments[0] in _MEASURED) == measured:
            yield one


def _is_there(pattern: str) -> bool:
    return any(ROOT.glob(pattern))


CASES = [(page, one) for page in PAGES for one in shown(page, measured=False)]


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


@pytest.mark.measured
def test_measurements_print_what_is_shown(shell: Shell) -> None:
    """All of README's, in order: one draws what another has measured."""
    cases = list(shown(ROOT / "README.md", measured=True))
    assert 2 < len(cases)
    for one in cases:
        done = shell.run(one.command)
        missing = unprinted(one.lines, done.output, without_numbers)
        assert missing is None, f"README.md shows {missing!r}, and this is printed:\n{done.output}"


def test_more_than_one_page_shows_something() -> None:
    assert 1 < len({page for page, _ in CASES})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_pages_name_is_there(page: Path) -> None:
    """Links, and paths of the repository in plain words: `richc/…`, `tests/…`."""
    text = page.read_text(encoding="utf-8")
    links = [
        page.parent / link for link in re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", text)
    ]
    named = re.findall(r"(?<![\w/.∂-])(?:richc|tests|docs|grammar|examples|\.ci)/[\w./*-]*\w", text)
    # Names in capitals stand for others.
    paths = [ROOT / path for path in named if not re.search(r"[A-Z]{4}", path)]

    assert [] == [str(path) for path in links + paths if not _exists(path)]


def _exists(path: Path) -> bool:
    return any(path.parent.glob(path.name))


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_lines_are_no_longer_than_an_editor_is_wide(page: Path) -> None:
    """Rows of tables and what a program printed apart."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    prose = [line for line in text.splitlines() if not line.startswith("|")]

    assert [] == [line for line in prose if len(line) > 120]
