"""The formatter changes nothing but the layout, whatever the text looks like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from richc.diagnostics import Diagnostic, Span
from richc.pipeline import analyse
from richc.syntax.formatter import format_text
from richc.syntax.parser import parse
from richc.syntax.source import Source
from tests import strategies
from tests.fmt.scrambler import Damage, damage, scrambled
from tests.spec.content import content, models

_TESTS = Path(__file__).parents[1]

#: Every file of the tests and examples that is text, good or bad.
CORPUS = [
    path
    for path in sorted([*_TESTS.rglob("*.rich"), *(_TESTS.parent / "examples").glob("*.rich")])
    if b"\0" not in path.read_bytes() and not path.stem.startswith(("latin1", "utf16"))
]


def tree(text: str) -> Any:
    """The syntax tree without places; None where there are errors."""
    file, problems = parse(Source("<text>", text))
    return None if problems else bare(file.models)


def bare(node: Any) -> Any:
    if isinstance(node, Span):
        return None
    if isinstance(node, tuple):
        return (type(node).__name__, *(bare(child) for child in node))
    return node


def comments(text: str) -> list[str]:
    file, _ = parse(Source("<text>", text))
    return [comment.text.rstrip() for comment in file.comments]


def findings(text: str) -> list[tuple[str, ...]]:
    """Diagnostics without places, and without the words, which quote what they are about."""

    def facts(found: Diagnostic) -> tuple[str, ...]:
        return (found.code, found.severity, f"{found.layer}", f"{found.model}")

    return sorted(map(facts, analyse(text, mend=False).diagnostics))


def could_break(text: str) -> list[str]:
    """Lines that are too long for their code and hold a block."""
    comment = re.compile(r'^((?:[^"#]|"[^"]*")*?) *#.*$')
    lines = [comment.sub(r"\1", line) for line in text.splitlines()]
    return [line for line in lines if len(line) > 100 and re.search(r"\{ .* \}", line)]


def ragged(lines: Sequence[str]) -> list[str]:
    """Lines that end in spaces, and blank ones that are not alone."""
    return [
        line
        for at, line in enumerate(lines)
        if line != line.rstrip(" \t\f") or (not line and not lines[at - 1])
    ]


@settings(max_examples=150)
@given(data=st.data())
def test_a_scrambled_text(data: st.DataObject) -> None:
    text = data.draw(strategies.texts() | strategies.deep_texts())
    before = data.draw(scrambled(text))
    note(before.text)
    # The scrambler does what it says.
    assert tree(text) == tree(before.text)
    after = format_text(before.text)
    note(after)

    assert tree(text) == tree(after)
    assert list(before.comments) == comments(after)
    assert format_text(after) == after
    assert could_break(after) == []
    assert ragged(after.splitlines()) == []


@settings(max_examples=100)
@given(data=st.data())
def test_the_layout_does_not_depend_on_how_it_was_typed(data: st.DataObject) -> None:
    """Where there are no comments and no blank lines, there is one layout."""
    text = data.draw(strategies.texts() | strategies.deep_texts())
    before = data.draw(scrambled(text))
    assume(not before.comments)
    plain = re.sub(r"\n\s*\n", "\n", before.text)

    assert format_text(text) == format_text(plain)


@settings(max_examples=60)
@given(data=st.data())
def test_the_model_and_its_diagnostics_stay(data: st.DataObject) -> None:
    before = data.draw(strategies.texts().flatmap(scrambled)).text
    after = format_text(before)

    assert list(map(content, models(before))) == list(map(content, models(after)))
    assert findings(before) == findings(after)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_corpus(path: Path) -> None:
    before = path.read_bytes().decode()
    after = format_text(before)

    assert format_text(after) == after
    if tree(before) is None:
        assert after == before
    else:
        assert tree(before) == tree(after)
        assert comments(before) == comments(after)
        assert could_break(after) == []
        assert findings(before) == findings(after)


@settings(max_examples=300)
@given(
    path=st.sampled_from(CORPUS),
    damages=st.lists(damage(), min_size=1, max_size=4),
)
def test_a_damaged_text(path: Path, damages: list[Damage]) -> None:
    before = path.read_bytes().decode()
    assume(len(before) < 5_000)
    for apply in damages:
        before = apply(before)
    after = format_text(before)
    note(after)

    if tree(before) is None:
        assert after == before
    else:
        assert tree(before) == tree(after)
        assert comments(before) == comments(after)
        assert format_text(after) == after


@given(
    text=st.text(
        alphabet=st.sampled_from([*'modelwidth n=1,{}()[]#"\n\r\t:>-^?*/.é']), max_size=200
    )
)
def test_garbage(text: str) -> None:
    assert format_text(text) == text or tree(text) is not None
