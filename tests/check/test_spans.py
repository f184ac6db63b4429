"""Every span lies in its file, begins before it ends, and is where the text says."""

from __future__ import annotations

from pathlib import Path

import pytest

import richc

HERE = Path(__file__).parent
FILES = sorted([*HERE.glob("golden/*.rich"), *HERE.parent.glob("syntax/bad/*.rich")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_spans_lie_in_the_file(path: Path) -> None:
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        pytest.skip("no text")
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    (file,) = richc.check(text).files
    for diagnostic in file.diagnostics:
        for span in (diagnostic.span, *(edit.span for edit in diagnostic.edits)):
            first, last = (span.line, span.column), (span.end_line, span.end_column)

            assert (1, 1) <= first <= last <= (len(lines), len(lines[-1]) + 1)
            assert span.column <= len(lines[span.line - 1]) + 1
            assert span.end_column <= len(lines[span.end_line - 1]) + 1


def test_columns_are_characters() -> None:
    """Not bytes, and not terminal columns."""
    text = "model net {\n  # größe\n  wörter 3 }\n"
    (file,) = richc.check(text).files

    span = file.diagnostics[0].span

    assert (3, 4, 3, 5) == (span.line, span.column, span.end_line, span.end_column)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_line_end_counts_once(newline: str) -> None:
    text = newline.join(["model net {", "  width n = 256", "", "  input zero", "}", ""])
    (file,) = richc.check(text).files

    places = [(d.code, d.span.line, d.span.column) for d in file.diagnostics]

    assert ("R017", 4, 9) in places


def test_a_byte_order_mark_is_no_column() -> None:
    (file,) = richc.check("\ufeffmodle net {\n}\n").files

    assert (1, 1) == (file.diagnostics[0].span.line, file.diagnostics[0].span.column)
