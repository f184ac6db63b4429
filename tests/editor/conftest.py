"""One language server for all tests of this folder: starting it takes longer than asking it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.editor.client import Editor


@pytest.fixture(scope="session")
def editor() -> Iterator[Editor]:
    """It must have been sound to the end: no error messages, a clean goodbye."""
    editor = Editor()
    yield editor
    assert 0 == editor.close()
    assert [] == editor.messages
