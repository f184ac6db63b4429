"""What pages show is what richc prints, and every file that they name is there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from richc.cli.main import COMMANDS
from richc.rules.pages import every, file_name
from tests.shown import Shell, Shown, commands, unprinted, without_numbers, written

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
#: What examples/tutorial/README.md shows is run by tests/measured/test_tutorial.py.
PAGES = [
    README,
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("examples", "grammar", "grammar/vscode")),
]

#: They train, or draw what was trained: their numbers are those of one machine.
_MEASURED = ("audit", "train", "verify", "transfer", "report")


def shown(page: Path, *, measured: bool) -> Iterator[Shown]:
    """The commands of richc that a page shows: what they print does, or does not, vary."""
    for one in commands(page.read_text(encoding="utf-8")):
        program, command, *_ = one.command.split()
        if program == "richc" and (command in _MEASURED) == measured:
            yield one


CASES = [(page, one) for page in PAGES for one in shown(page, measured=False)]
#: What docs/depth.md shows takes minutes.
MEASURING = [
    pytest.param(page, marks=pytest.mark.nightly if page.name == "depth.md" else ())
    for page in PAGES
    if any(shown(page, measured=True))
]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    folder = tmp_path_factory.mktemp("shown")
    shutil.copytree(ROOT / "examples", folder / "examples")
    for page in PAGES:
        for name, text in written(page.read_text(encoding="utf-8")):
            path = folder / name
            assert not path.exists() or path.read_text() == text, f"two files {name}"
            path.write_text(text, encoding="utf-8")
    return Shell(folder, folder / "bin")


@pytest.mark.parametrize(("page", "one"), CASES, ids=lambda case: getattr(case, "command", None))
def test_commands_print_what_is_shown(page: Path, one: Shown, shell: Shell) -> None:
    done = shell.run(one.command)

    assert done.code in (0, 1), done.output
    missing = unprinted(one.lines, done.output)
    assert missing is None, f"{page.name} shows {missing!r}, and this is printed:\n{done.output}"


@pytest.mark.measured
@pytest.mark.parametrize("page", MEASURING, ids=lambda page: page.name)
def test_measurements_print_what_is_shown(page: Path, shell: Shell) -> None:
    """In order: one draws what another has measured."""
    for one in shown(page, measured=True):
        done = shell.run(one.command)
        missing = unprinted(one.lines, done.output, without_numbers)
        assert missing is None, f"{page.name} shows {missing!r}, not:\n{done.output}"


def test_pages_show_something() -> None:
    assert 2 < len({page for page, _ in CASES})
    assert README in [page for case in MEASURING for page in case.values]


def test_every_rule_answers_a_question_and_every_command_has_a_section() -> None:
    """Rules of syntax and names apart, which say themselves what they are about."""
    linked = re.findall(r"richc/rules/(\w+\.md)", (ROOT / "docs/rules.md").read_text())
    asked = {page.code: file_name(page.code) for page in every() if not page.code.startswith("R0")}
    sections = re.findall(r"made: help (\w+)", (ROOT / "docs/commands.md").read_text())

    assert {} == {code: name for code, name in asked.items() if name not in linked}
    assert sorted(COMMANDS) == sorted(sections)


def test_the_readme_is_short() -> None:
    assert README.stat().st_size <= 9_000


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_are_no_longer_than_an_editor_is_wide(page: Path) -> None:
    """Rows of tables and what a program printed apart."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    prose = [line for line in text.splitlines() if not line.startswith("|")]

    assert [] == [line for line in prose if len(line) > 120]
