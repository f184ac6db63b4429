"""Any text, in any state: answers, and never an error."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from richc.editor.actions import actions
from richc.editor.completion import complete
from richc.editor.definition import definition
from richc.editor.document import Document
from richc.editor.hints import hints
from richc.editor.hover import hover
from richc.editor.outline import outline
from richc.syntax.source import MAX_BYTES
from tests.editor.client import Editor, Text

MODEL = """\
model a {
  width n = 256, base n0 = 64
  richness r = 1/2 in [0, 1/2], gamma = 2
  parameterization rich(r = 1/2), gauge = stp
  input 16
  e[2]: dense -> 4*n { lr = alpha^2 * n^? / fan_in, bias { std = n^(2*r - 1), frozen } }
  leaky_relu(0.1)
  h: dense -> 10 { var = sqrt(2 / n), dist = normal }
  optimizer adamw { lr = 2e-3, betas = (0.9, 0.99), eps = 1e-8 }
  loss cross_entropy
  train { data = "a.csv", steps = 10, precision = fp16 }
  require regime rich
  require equivalent "b.rich"
}
"""
PIECES = st.sampled_from(
    [*MODEL.split(" "), "\0", "\ud800", "😀", "{", "}", "(", ")", '"', "#", "\r"]
)


def ask_everything(document: Document, offset: int) -> None:
    length = len(document.source.text)
    hover(document, offset)
    complete(document, offset)
    definition(document, offset)
    outline(document)
    for diagnostic in document.result.diagnostics:
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= length
        document.position(diagnostic.span.end)
    for hint in hints(document, 0, length):
        assert 0 <= hint.offset <= length
    actions(document, offset, offset)


@settings(max_examples=60)
@given(st.lists(PIECES, max_size=40).map(" ".join), st.data())
def test_any_text(text: str, data: st.DataObject) -> None:
    document = Document("net.rich", text)

    ask_everything(document, data.draw(st.integers(0, len(document.source.text))))


@settings(max_examples=60)
@given(st.integers(0, len(MODEL)), st.integers(0, 30), st.data())
def test_mutilated_model(start: int, length: int, data: st.DataObject) -> None:
    document = Document("net.rich", MODEL[:start] + MODEL[start + length :])

    ask_everything(document, data.draw(st.integers(0, len(document.source.text))))


def test_every_prefix() -> None:
    for end in range(0, len(MODEL), 3):
        ask_everything(Document("net.rich", MODEL[:end]), end)


@pytest.fixture
def text(editor: Editor) -> Text:
    text = Text(editor, "file:///robust.rich", "")
    text.open()
    return text


def answers(text: Text) -> None:
    text.hover(0)
    text.complete(len(text.text))
    text.hints()
    text.actions()
    text.outline()
    text.definition(0)


HOSTILE = {
    "empty": ("", "R002"),
    "binary": ("model\0a { }", "R006"),
    "surrogate": ("model \ud800a { }", "R006"),
    "too long": ("# é\n" * (MAX_BYTES // 4), "R006"),
    "long": (("#" * 97 + "é\n") * (MAX_BYTES // 100), "R002"),
    "long line": ("model a " * (MAX_BYTES // 8), "R001"),
    "deep": ("model a { b: dense -> n { lr = " + "(" * 5000, "R003"),
    "quotes": ('"' * 100_000, "R001"),
    "noise": (random.Random(0).randbytes(20_000).decode("latin-1").replace("\0", ""), "R001"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name: str, text: Text) -> None:
    content, code = HOSTILE[name]
    text.set(content)

    assert code in text.codes
    answers(text)
    text.set(MODEL)
    assert code not in text.codes


def test_large_model(text: Text) -> None:
    """What is typed while it is checked is not lost, and not checked one by one."""
    many = MODEL.replace("  loss", "".join(f"  # layer {i}\n" for i in range(30_000)) + "  loss")
    text.set(many)
    for _ in range(5):
        text.replace("16", "17")
        text.replace("17", "16")

    assert text.codes
    answers(text)


def test_what_is_not_open(editor: Editor) -> None:
    text = Text(editor, "file:///never.rich", MODEL)

    assert text.hover(0) is None
    assert {} == text.complete(0)
    assert [] == text.hints()
    assert [] == text.actions()
    assert [] == text.outline()
    assert text.definition(0) is None
    action = types.CodeAction("old", data={"uri": text.uri, "version": 1, "model": "a"})
    assert text.resolve(action).edit is None
    assert text.resolve(types.CodeAction("strange", data=[1])).edit is None


@pytest.mark.parametrize("line", [0, 3, 10**6])
def test_positions_that_do_not_exist(line: int, text: Text) -> None:
    text.set(MODEL)
    place = types.Position(line, 10**6)
    params = types.HoverParams(text.name, place)
    text.editor.run(text.editor.client.text_document_hover_async(params))
    text.change(types.TextDocumentContentChangePartial(types.Range(place, place), " "))

    assert text.codes


def test_bugs_of_ours_end_no_session(tmp_path: Path) -> None:
    """Nothing stale is left, the log says what happened, and the next text is checked."""
    script = tmp_path / "server.py"
    script.write_text(
        "from richc import pipeline\n"
        "from richc.editor import document, server\n"
        "def broken(source):\n"
        "    if 'bug' in source.text:\n"
        "        raise RuntimeError('a bug')\n"
        "    return pipeline.analyse_source(source)\n"
        "document.analyse_source = broken\n"
        "server.run()\n",
        encoding="utf-8",
    )
    editor = Editor(arguments=[str(script)])
    text = editor.open("model", "file:///bug.rich")
    assert text.codes

    text.set("model bug")

    assert [] == text.diagnostics
    text.set("model")
    assert text.codes
    (message,) = editor.messages
    assert "richc: internal error: RuntimeError: a bug; please report it" == message
    assert 0 == editor.close()
