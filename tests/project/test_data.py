"""The bundled data is the UCI digits, whole and unchanged."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections import Counter
from pathlib import Path

import pytest

# Of the text, not of the file: another zlib compresses it to other bytes.
_SHA256 = "1a8c0ce573804cf39bc6fdc9a6cc8f23d15cbf27a72575c1ca5fac15163717d0"


@pytest.fixture(scope="module")
def text(examples: Path) -> str:
    with gzip.open(examples / "digits.csv.gz") as file:
        return file.read().decode("ascii")


def test_text_is_unchanged(text: str) -> None:
    assert hashlib.sha256(text.encode()).hexdigest() == _SHA256


def test_rows(text: str) -> None:
    header, *rows = csv.reader(io.StringIO(text))

    assert header == [f"p{row}{column}" for row in range(8) for column in range(8)] + ["digit"]
    assert len(rows) == 1797
    assert {len(row) for row in rows} == {65}
    assert {int(pixel) for row in rows for pixel in row[:64]} == set(range(17))


def test_labels(text: str) -> None:
    labels = Counter(line.rpartition(",")[2] for line in text.splitlines()[1:])

    expected = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert [labels[str(digit)] for digit in range(10)] == expected


def test_file_is_small_and_reproducible(examples: Path) -> None:
    content = (examples / "digits.csv.gz").read_bytes()

    assert len(content) < 70_000
    assert content[4:8] == bytes(4), "the gzip header holds a time"
    assert content[3] == 0, "the gzip header holds a file name"


def test_source_is_cited(examples: Path) -> None:
    text = (examples / "README.md").read_text(encoding="utf-8")

    for needed in ("Alpaydin", "Kaynak", "10.24432/C50P49", "CC BY 4.0", "scikit-learn"):
        assert needed in text
