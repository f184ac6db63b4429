"""The page of single faults in the depth says what check says, and check is right everywhere."""

from __future__ import annotations

from tests.deep.fault_table import PAGE, rows


def test_the_page_is_true() -> None:
    table = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    written = [tuple(line.strip("| ").split(" | "))[:4] for line in table[2:]]

    found = list(rows())

    assert [] == [row for row in found if "✗" in row[3]]
    assert written == found
