"""The layout: ``golden/*.rich`` as people type them, ``golden/*.out`` as they are laid out.

``RICHC_UPDATE_GOLDEN=1 pytest tests/fmt`` writes the golden files anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from richc.syntax.formatter import format_text

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.rich"))
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str) -> None:
    actual = format_text((GOLDEN / f"{name}.rich").read_text(encoding="utf-8"))
    path = GOLDEN / f"{name}.out"
    if os.environ.get("RICHC_UPDATE_GOLDEN"):
        path.write_text(actual, encoding="utf-8", newline="\n")

    assert path.read_text(encoding="utf-8") == actual


@pytest.mark.parametrize("name", NAMES)
def test_what_is_laid_out_stays(name: str) -> None:
    text = (GOLDEN / f"{name}.out").read_text(encoding="utf-8")

    assert format_text(text) == text


def test_every_layout_has_its_input() -> None:
    assert NAMES == sorted(path.stem for path in GOLDEN.glob("*.out"))


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.rich")), ids=lambda p: p.stem)
def test_examples_are_laid_out(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert format_text(text) == text


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("name", NAMES)
def test_line_ends_and_the_mark_stay(name: str, mark: str, newline: str) -> None:
    before = (GOLDEN / f"{name}.rich").read_text(encoding="utf-8").replace("\n", newline)
    after = (GOLDEN / f"{name}.out").read_text(encoding="utf-8").replace("\n", newline)

    assert format_text(mark + before) == mark + after


def test_mixed_line_ends_become_the_first() -> None:
    assert format_text("model a {\r\nloss mse\n}\r") == "model a {\r\n  loss mse\r\n}\r\n"


def test_a_text_on_one_line() -> None:
    assert format_text("model a { loss mse }") == "model a {\n  loss mse\n}\n"


@pytest.mark.parametrize(
    "text", ["", "# nothing\n\n\n", "model {  }", "model a { loss  }", "x = 1"]
)
def test_a_text_with_errors_is_left_alone(text: str) -> None:
    assert format_text(text) == text
