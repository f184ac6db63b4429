"""What an editor is told while somebody types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lsprotocol import types

from tests.editor.client import Editor, Text

GOOD = """\
model net {
  width n = 256
  richness r = 1/2
  input 16
  l1: dense -> n { std = 1 / 4, lr = alpha^2 / fan_in }
  tanh
  l2: dense -> 1 { std = n^(-1), lr = 1 / n }
  optimizer sgd { lr = 0.1 }
}
"""
SLOW = GOOD.replace("lr = 1 / n", "lr = 1 / n^2")


@pytest.fixture
def good(editor: Editor) -> Iterator[Text]:
    text = editor.open(GOOD)
    yield text
    assert [] == text.close()


def only(text: Text) -> types.Diagnostic:
    (found,) = text.diagnostics
    return found


def test_clean(good: Text) -> None:
    assert [] == good.diagnostics


def test_a_mistake_and_its_end(good: Text) -> None:
    good.replace("lr = 1 / n ", "lr = 1 / n^2 ")
    found = only(good)

    assert ("R402", types.DiagnosticSeverity.Error) == (found.code, found.severity)
    assert "richc" == found.source
    assert good.range("1 / n^2") == found.range
    assert "help: " in found.message
    good.replace("^2 }\n  opt", " }\n  opt")
    assert [] == good.diagnostics


def test_page(good: Text) -> None:
    good.set(SLOW)
    found = only(good)

    assert found.code_description is not None
    uri = found.code_description.href
    assert uri.startswith("file:///")
    assert Path(uri.removeprefix("file://")).read_text(encoding="utf-8").startswith("# R402 ")


@pytest.mark.parametrize(
    ("text", "code", "severity"),
    [
        (GOOD.replace("1 / n }", "n^? }"), "R503", types.DiagnosticSeverity.Information),
        (
            GOOD.replace("0.1 }", "0.1, weight_decay = n }"),
            "R602",
            types.DiagnosticSeverity.Warning,
        ),
    ],
)
def test_severities(text: str, code: str, severity: types.DiagnosticSeverity, good: Text) -> None:
    good.set(text)

    assert (code, severity) in {(d.code, d.severity) for d in good.diagnostics}


def test_related_information(good: Text) -> None:
    good.replace("std = 1 / 4,", "std = 1 / 4, var = 1,")
    found = only(good)

    assert found.related_information
    (related,) = found.related_information
    assert good.uri == related.location.uri
    assert good.range("1 / 4") == related.location.range or good.range("std = 1 / 4") == (
        related.location.range
    )
    assert related.message


@pytest.mark.parametrize("before", ["😀", "e\u0301", "𝛂𝛃 ", "\u2028", "\x0c", "\x85"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ranges_in_utf_16(before: str, end: str, editor: Editor) -> None:
    """Beyond the BMP, combining, and what Python takes for a line end and editors do not."""
    line = f'  train {{ data = "{before}", steps = x }}'
    model = GOOD.replace("  optimizer", f"{line}\n  optimizer").replace("\n", end)
    text = editor.open(model, "file:///u.rich")

    expected = text.text.index("x }")
    found = [d for d in text.diagnostics if d.range.start == text.at(expected)]

    assert found
    assert text.at(expected + 1) == found[0].range.end
    text.close()


def test_several_changes_at_once(good: Text) -> None:
    """Each counts on those before it."""
    place = good.range("16")
    end = types.Position(place.start.line, place.start.character + 4)
    good.change(
        types.TextDocumentContentChangePartial(place, "x😀y"),
        types.TextDocumentContentChangePartial(types.Range(place.start, end), "16"),
    )

    assert [] == good.diagnostics


def test_typing_a_whole_model(editor: Editor) -> None:
    """Every state on the way is checked or passed over; the last one never is."""
    text = editor.open("", "file:///typed.rich")
    for character in GOOD:
        end = text.at(len(text.text))
        text.text += character
        text.change(types.TextDocumentContentChangePartial(types.Range(end, end), character))

    assert [] == text.diagnostics
    text.close()


def test_key_presses_do_not_queue_checks(editor: Editor) -> None:
    """While a slow check runs, what is typed is one next check, not many."""
    deep = GOOD.replace(
        "  l2:",
        "".join(
            f"  h{i}: dense -> n {{ std = n^(-1/2), lr = 1 / n^2 }}\n  tanh\n" for i in range(300)
        )
        + "  l2:",
    )
    text = editor.open(deep, "file:///deep.rich")
    before = len(text.diagnostics)
    seen = len(editor.published)
    for _ in range(40):
        end = text.at(0)
        text.text = "#" + text.text
        text.change(types.TextDocumentContentChangePartial(types.Range(end, end), "#"))
    text.replace("#" * 40, "#\n")

    assert before == len(text.diagnostics)
    assert len(editor.published) - seen < 20
    text.close()


def test_closed_is_forgotten(editor: Editor) -> None:
    text = editor.open(SLOW, "file:///closed.rich")
    assert ["R402"] == text.codes

    assert [] == text.close()
    text.set(GOOD)  # of a text that is not open: nothing is said
    other = editor.open(GOOD, "file:///other.rich")
    assert [] == other.diagnostics
    assert [] == [p for p in editor.published if (p.uri, p.version) == (text.uri, text.version)]
    other.close()


def test_closed_before_its_check(editor: Editor) -> None:
    text = editor.open(SLOW, "file:///short.rich")
    text.close()
    text.open()

    assert ["R402"] == text.codes
    text.close()


def test_unsaved_text(editor: Editor) -> None:
    text = editor.open(SLOW, "untitled:Untitled-1")

    assert ["R402"] == text.codes
    text.close()


def test_others_are_checked_when_one_is_saved(editor: Editor, tmp_path: Path) -> None:
    text = editor.open(
        GOOD.replace("}\n\n", "}\n") + "# equivalent\n", (tmp_path / "a.rich").as_uri()
    )
    assert [] == text.diagnostics
    editor.published.clear()

    saved = types.TextDocumentIdentifier((tmp_path / "b.rich").as_uri())
    editor.client.text_document_did_save(types.DidSaveTextDocumentParams(saved))

    assert [] == text.diagnostics
    text.close()
