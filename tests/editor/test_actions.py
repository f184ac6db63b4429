from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from richc.diagnostics import apply
from richc.editor.actions import FILL_HOLES, FIX_ALL, QUICK_FIX, edits_between
from richc.fixing.fix import fix
from richc.pipeline import analyse
from richc.syntax.source import Source
from tests.editor.client import Editor, Text

SLOW = """\
# 😀
model net {
  width n = 256
  richness r = 1/2
  input 16
  l1: dense -> n { std = 1 / 4, lr = alpha^2 / fan_in } # keep 😀
  tanh
  l2: dense -> 1 { std = n^(-1), lr = 1 / n^2 }
  optimizer sgd { lr = 0.1 }
}
model other {
  width n = 256
  parameterization standard
  input 16
  a: dense -> n
  relu
  b: dense -> 10
  optimizer sgd
}
"""
HOLES = SLOW.replace("1 / n^2 }", "n^? }").replace("n^(-1)", "n^?")


@pytest.fixture
def text(editor: Editor) -> Iterator[Text]:
    text = editor.open(SLOW, "file:///actions.rich")
    yield text
    text.close()


def one(text: Text, words: str, *only: str) -> types.CodeAction:
    (found,) = text.actions(text.range(words), only)
    return found


def test_quick_fix(text: Text) -> None:
    action = one(text, "n^2", QUICK_FIX)

    assert "R402: `1 / n^2` → `1 / (n * 256)`" == action.title
    assert action.is_preferred
    assert ["R402"] == [d.code for d in action.diagnostics or ()]
    assert action.diagnostics is not None
    assert action.diagnostics[0] in text.diagnostics
    assert SLOW.replace("n^2", "(n * 256)") == text.done(action)


def test_none_elsewhere(text: Text) -> None:
    assert [] == text.actions(text.range("# 😀"))
    assert [] == text.actions(text.range("tanh"), [QUICK_FIX])
    assert [] == text.actions(text.range("n^2"), ["refactor"])


def test_fix_all_of_one_model(text: Text) -> None:
    """It is resolved when it is chosen: editors ask at every movement of the cursor."""
    action = one(text, "tanh", FIX_ALL)

    assert "Fix all of `net`" == action.title
    assert action.edit is None
    done = text.done(text.resolve(action))
    assert fix(Source("", SLOW), "net").result.source.text == done
    assert not analyse(done).only("net").has_errors
    assert analyse(done).only("other").has_errors


def test_fix_all_on_save(text: Text) -> None:
    """What editors ask for with `source.fixAll`, of the whole text."""
    found = text.actions(only=["source.fixAll"])

    assert ["Fix all of `net`", "Fix all of `other`"] == [action.title for action in found]
    done = text.done(text.resolve(found[1]))
    before, _, other = SLOW.partition("model other")
    other = other.replace("standard", "mup").replace("n = 256", "n = 256, base n0 = 256")
    assert f"{before}model other{other}" == done


def test_fix_of_a_text_that_has_changed(text: Text) -> None:
    action = one(text, "tanh", FIX_ALL)
    text.replace("# 😀\n", "#\n")

    assert text.resolve(action).edit is None


def test_nothing_to_fix(text: Text) -> None:
    text.set(SLOW.replace("n^2", "n").replace("standard", "mup"))

    assert [] == text.actions()


def test_holes(text: Text) -> None:
    text.set(HOLES)

    quick = text.actions(text.range("l2: dense -> 1 { std = n^?, lr = n^?"), [QUICK_FIX])
    assert ["Write the exponent (-1/2 - r)", "Write the exponent -1"] == [a.title for a in quick]
    assert HOLES.replace("lr = n^?", "lr = n^-1") == text.done(quick[1])
    fill = one(text, "tanh", FILL_HOLES)
    assert "Fill all holes of `net`" == fill.title
    expected = HOLES.replace("std = n^?", "std = n^(-1/2 - r)").replace("lr = n^?", "lr = n^-1")
    assert expected == text.done(fill)


def test_on_windows_lines(text: Text) -> None:
    text.set(SLOW.replace("\n", "\r\n"))

    action = text.resolve(one(text, "tanh", FIX_ALL))

    assert action.edit is not None
    assert action.edit.document_changes is not None
    (change,) = action.edit.document_changes
    assert isinstance(change, types.TextDocumentEdit)
    (edit,) = change.edits
    assert text.range("n^2").start.line == edit.range.start.line == edit.range.end.line


def test_an_editor_that_resolves_nothing() -> None:
    """It gets all edits at once, without versions, and text without Markdown."""
    plain = types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(
            hover=types.HoverClientCapabilities(content_format=[types.MarkupKind.PlainText])
        )
    )
    editor = Editor(plain)
    text = editor.open(SLOW)

    action = one(text, "tanh", FIX_ALL)

    assert action.edit is not None
    assert action.edit.changes is not None
    assert fix(Source("", SLOW), "net").result.source.text == text.done(action)
    params = types.HoverParams(text.name, text.at("tanh"))
    shown = editor.run(editor.client.text_document_hover_async(params))
    assert shown is not None
    assert isinstance(shown.contents, types.MarkupContent)
    assert types.MarkupKind.PlainText == shown.contents.kind
    assert 0 == editor.close()


@pytest.mark.parametrize(
    ("encoding", "column"),
    [
        (types.PositionEncodingKind.Utf8, 29),
        (types.PositionEncodingKind.Utf16, 27),
        (types.PositionEncodingKind.Utf32, 26),
    ],
)
def test_other_encodings(encoding: types.PositionEncodingKind, column: int) -> None:
    """What client and server agree on when they meet."""
    general = types.GeneralClientCapabilities(position_encodings=[encoding])
    editor = Editor(types.ClientCapabilities(general=general))
    text = editor.open('model a { train { data = "😀", nonsense = 1 } }')

    starts = {d.range.start.character for d in text.diagnostics}

    assert encoding == editor.server.position_encoding
    assert column + 4 in starts
    assert 0 == editor.close()


@given(st.text("ab\n\r", max_size=30), st.text("ab\n\r", max_size=30))
def test_edits_between(old: str, new: str) -> None:
    assert new == apply(old, edits_between(old, new))


def test_every_fault_of_the_examples(examples: Path, editor: Editor) -> None:
    path = examples / "digits_sp_fails.rich"
    text = editor.open(path.read_text(encoding="utf-8"), path.as_uri())

    (action,) = text.actions(only=[FIX_ALL])

    assert not analyse(text.done(text.resolve(action))).has_errors
    text.close()
