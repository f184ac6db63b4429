"""What newcomers write, and what richc says of it: the entries of ``mistakes.md``, each a test.

``RICHC_UPDATE_GOLDEN=1 pytest tests/syntax/test_mistakes.py`` writes the messages anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

import richc
from richc.cli.main import cli
from richc.diagnostics import apply
from richc.pipeline import analyse

PAGE = Path(__file__).with_name("mistakes.md")
_ENTRY = re.compile(
    r"^### (?P<title>[^\n]+)\n\n"
    r"```(?P<kind>diff|rich)\n(?P<text>.*?)^```\n\n"
    r"```text\n(?P<said>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MODEL = re.compile(r"^```rich\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Entry(NamedTuple):
    title: str
    #: The whole file.
    text: str
    said: str


def _read() -> list[Entry]:
    page = PAGE.read_text(encoding="utf-8")
    return [
        Entry(
            entry["title"],
            entry["text"]
            if entry["kind"] == "rich"
            else _changed(_models(page[: entry.start()])[-1], entry["text"]),
            entry["said"],
        )
        for entry in _ENTRY.finditer(page)
    ]


def _models(page: str) -> list[str]:
    """The models that entries change: outside of any entry."""
    return _MODEL.findall(_ENTRY.sub("", page))


def _changed(model: str, diff: str) -> str:
    """The model with the lines after ``-`` replaced by those after ``+``."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line.startswith("-"))
    new = "".join(line[1:] for line in lines if line.startswith("+"))
    assert model.count(old) == 1, old
    return model.replace(old, new)


ENTRIES = _read()


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.title for entry in ENTRIES])
def test_message(entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.rich").write_text(entry.text, encoding="utf-8")

    result = CliRunner().invoke(cli, ["check", "--quiet", "--color", "never", "net.rich"])

    if os.environ.get("RICHC_UPDATE_GOLDEN"):
        _write(entry, result.output.rstrip() + "\n")
    else:
        assert entry.said == result.output.rstrip() + "\n"
    assert 1 == result.exit_code


def _write(entry: Entry, said: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    begin = page.index(f"### {entry.title}\n")
    begin = page.index("```text\n", begin) + len("```text\n")
    end = page.index("```\n", begin)
    PAGE.write_text(page[:begin] + said + page[end:], encoding="utf-8", newline="\n")


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.title for entry in ENTRIES])
def test_one_mistake_has_one_message_whose_edits_mend_it(entry: Entry) -> None:
    """The edits leave a text with no such mistake; it may have others."""
    (found,) = analyse(entry.text).diagnostics

    spans = [found.span, *(label.span for label in found.labels), *(e.span for e in found.edits)]
    assert all(0 <= span.start <= span.end <= len(entry.text) for span in spans)
    if found.edits:
        after = analyse(apply(entry.text, found.edits)).diagnostics
        assert not any(d.code == found.code and d.span.start <= found.span.start for d in after)


def test_there_are_many_and_each_has_its_own_name() -> None:
    titles = [entry.title for entry in ENTRIES]

    assert PAGE.read_text(encoding="utf-8").count("\n### ") == len(titles) == len(set(titles))
    assert len(titles) >= 60


def test_the_models_themselves_are_right() -> None:
    found = _models(PAGE.read_text(encoding="utf-8"))

    assert 2 == len(found)
    for model in found:
        assert [] == richc.check(model).files[0].diagnostics
