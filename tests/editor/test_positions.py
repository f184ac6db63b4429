from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from richc.editor.document import Document, TextChange
from richc.editor.positions import UTF_8, UTF_16, UTF_32, Position, Positions, units

ENCODINGS = (UTF_8, UTF_16, UTF_32)
#: Line ends of all kinds, what only looks like one, and characters of every length.
TEXTS = st.text(st.sampled_from("ab \n\r\x0b\x0c\x85\u2028é\u0301μ𝛂😀\ufeff\ud800"), max_size=40)


def between(text: str, offset: int) -> bool:
    """Whether an offset is inside of a line end."""
    return 0 < offset < len(text) and text[offset - 1 : offset + 1] == "\r\n"


@given(TEXTS, st.sampled_from(ENCODINGS))
def test_round_trip(text: str, encoding: str) -> None:
    positions = Positions(text, encoding)

    for offset in range(len(text) + 1):
        expected = offset - 1 if between(text, offset) else offset
        assert expected == positions.offset(positions.at(offset))


@given(TEXTS)
def test_utf_16_by_its_codec(text: str) -> None:
    """Columns are what an encoder makes of the line, two bytes a unit."""
    positions = Positions(text)

    for offset in range(len(text) + 1):
        before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
        if between(text, offset):
            before = before[:-1]
        line = before.rpartition("\n")[2].encode("utf-16-le", "surrogatepass")
        assert Position(before.count("\n"), len(line) // 2) == positions.at(offset)


@given(TEXTS, st.integers(0, 12), st.integers(0, 60), st.sampled_from(ENCODINGS))
def test_any_position_is_somewhere(text: str, line: int, character: int, encoding: str) -> None:
    positions = Positions(text, encoding)

    offset = positions.offset(Position(line, character))

    assert 0 <= offset <= len(text)
    assert positions.at(offset) <= Position(line, character)


def test_inside_a_surrogate_pair() -> None:
    assert 1 == Positions("a😀b").offset(Position(0, 2))


@pytest.mark.parametrize(("encoding", "expected"), [(UTF_8, 8), (UTF_16, 5), (UTF_32, 4)])
def test_units(encoding: str, expected: int) -> None:
    assert expected == units("ae\u0301😀", encoding)


@given(TEXTS, TEXTS, st.data())
def test_incremental_changes(text: str, new: str, data: st.DataObject) -> None:
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    if between(text, start) or between(text, end):
        return
    document = Document("net.rich", text)
    change = TextChange(new, document.positions.at(start), document.positions.at(end))

    changed = document.changed([change, TextChange("!", *[Position(0, 0)] * 2)], 2)

    assert "!" + text[:start] + new + text[end:] == changed.text


def test_byte_order_mark() -> None:
    document = Document("net.rich", "\ufeffab")

    assert "ab" == document.source.text
    assert Position(0, 2) == document.position(1)
    assert 1 == document.offset(Position(0, 2))
    assert 0 == document.offset(Position(0, 0))
