"""The lines under a message: what they point at stands above the marks, whatever the line holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from richc.cli.main import cli

HEAD = "model net {\n  width n = 4\n  input 3\n"


def shown(text: str, folder: Path, code: str) -> list[str]:
    """What `richc check` shows of the text beside a message, bars and marks included."""
    path = folder / "net.rich"
    path.write_bytes(text.encode())
    result = CliRunner().invoke(cli, ["check", "--quiet", str(path)])
    (message,) = (m for m in result.output.split("\n\n") if m.startswith(f"error[{code}]"))
    return [line for line in message.splitlines() if re.match(r"[ \d]*\|", line)]


def test_two_places_of_one_line_share_a_row(tmp_path: Path) -> None:
    text = HEAD + "  a: dense -> 1 { std = 1, lr = 1, std = 2 }\n}\n"

    assert [
        "   |",
        " 4 |   a: dense -> 1 { std = 1, lr = 1, std = 2 }",
        "   |                   -------          ^^^^^^^",
        "   |                   |",
        "   |                   first given here",
        "   |",
    ] == shown(text, tmp_path, "R013")


def test_places_of_two_lines(tmp_path: Path) -> None:
    text = HEAD + "  input 5\n}\n"

    assert [
        "   |",
        " 3 |   input 3",
        "   |   ------- first given here",
        " 4 |   input 5",
        "   |   ^^^^^^^",
        "   |",
    ] == shown(text, tmp_path, "R013")


def test_a_place_beside_another_has_its_own_row(tmp_path: Path) -> None:
    text = HEAD + "  a: dense -> 1 { std = (1, lr = 1 }\n}\n"

    assert [
        "   |",
        " 4 |   a: dense -> 1 { std = (1, lr = 1 }",
        "   |                          - a `)` is missing after this",
        "   |                         ^",
        "   |",
    ] == shown(text, tmp_path, "R001")


@pytest.mark.parametrize(
    ("before", "columns"),
    [
        ("\t", 4),
        ("宽", 2),
        ("e\N{COMBINING ACUTE ACCENT}", 1),
        ("a\N{COMBINING ACUTE ACCENT}\N{COMBINING DIAERESIS}", 1),
        ("\N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}", 1),
        ("\x1b", 1),
        ("\N{ZERO WIDTH JOINER}", 1),
        ("\N{RIGHT-TO-LEFT OVERRIDE}", 1),
    ],
    ids=ascii,
)
def test_marks_stand_under_what_they_mark(before: str, columns: int, tmp_path: Path) -> None:
    """As many terminal columns after the quotation mark as the text takes, then the mark."""
    text = f'model net {{\n  train {{ data = "{before}", batch = 1, batch = 2 }}\n}}\n'

    line, marks = shown(text, tmp_path, "R013")[1:3]

    assert line.startswith(' 2 |   train { data = "')
    expected = " " * (len('  train { data = "", batch = 1, ') + columns) + "^^^^^^^^^"
    assert expected == re.sub("-", " ", marks)[len("   | ") :]


def test_a_terminal_does_not_obey_the_source(tmp_path: Path) -> None:
    text = HEAD + '  loss "\x1b[31m\x07"\n}\n'
    path = tmp_path / "net.rich"
    path.write_bytes(text.encode())

    for form in ("text", "concise"):
        result = CliRunner().invoke(cli, ["check", "--format", form, str(path)])

        assert {"\n"} == {c for c in result.output if not c.isprintable()}


def test_a_long_line_is_cut_around_the_place(tmp_path: Path) -> None:
    line = "  a: dense -> 1 { std = " + "1 * " * 100 + "m" + " * 1" * 100 + ", lr = 1 }"

    above, marks = shown(HEAD + line + "\n}\n", tmp_path, "R010")[1:3]

    assert len(above) <= 140
    assert above.startswith(" 4 | ...")
    assert above.endswith("...")
    assert "m" == above[marks.index("^")]


def test_places_far_apart_on_a_long_line_are_both_shown(tmp_path: Path) -> None:
    line = "  a: dense -> 1 { std = 1, lr = " + "1 * " * 100 + "1, std = 2 }"

    first, dashes, second, carets = shown(HEAD + line + "\n}\n", tmp_path, "R013")[1:5]

    assert "std = 1" == first[dashes.index("-") : dashes.index("-") + len("std = 1")]
    assert "std = 2" == second[carets.index("^") : carets.index("^") + len("std = 2")]
    assert dashes.endswith("------- first given here")


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n", "  # the end"])
def test_at_the_end_of_the_file(end: str, tmp_path: Path) -> None:
    text = "model net {\n  optimizer sgd {" + end

    line, marks = shown(text, tmp_path, "R001")[1:3]

    assert line.startswith(" 2 |   optimizer sgd {")
    assert "   |                 ^" == marks


def test_an_empty_file_has_no_line_to_show(tmp_path: Path) -> None:
    assert [] == shown("", tmp_path, "R002")


@pytest.mark.parametrize(
    "line", ["  a: dense -> 1 { std = 1, lr = 1, std = 2 }", "  input 5", "  loss mes", "  √ 3"]
)
def test_colours_change_nothing_but_colours(line: str, tmp_path: Path) -> None:
    text = HEAD + line + "\n}\n"
    path = tmp_path / "net.rich"
    path.write_text(text, encoding="utf-8")
    plain, coloured = (
        CliRunner().invoke(cli, ["check", "--color", when, str(path)], color=True).output
        for when in ("never", "always")
    )

    assert "\x1b[1;31m^" in coloured
    assert "\x1b" not in plain
    assert plain == re.sub(r"\x1b\[[\d;]*m", "", coloured)
