"""Every code has a page, and every page is true: its examples give what they say that they give.

A comment on a line of an example names what is reported there, `# error: R401`, or several,
`# error: R103, error: R201`; nothing else is reported, and nothing at all of other examples.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

import richc.rules
from richc.cli.main import cli
from richc.diagnostics import SLUGS, Diagnostic
from richc.pipeline import analyse
from richc.rules import pages
from richc.rules.pages import Page

CODES = sorted(SLUGS)
#: Those of audits have examples in Python: tests/audit/test_pages.py.
EVERY = sorted(pages.ALL)
FOLDER = Path(richc.rules.__file__).parent

#: What no short text can give. Their pages say so on a line that begins with NO_EXAMPLE.
WITHOUT_EXAMPLE = ["R006", "R007", "R506"]
NO_EXAMPLE = "No example: "

SECTIONS = ["Why it matters", "Reported", "Not reported", "How to fix it"]
LAST_SECTION = "References"

_BLOCK = re.compile(r"^```rich\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXPECTED = re.compile(r"\b(error|warning|info): (R\d+)\b")

#: Line, severity, code.
Finding = tuple[int, str, str]


def blocks(text: str) -> list[str]:
    return _BLOCK.findall(text)


def expected(block: str) -> Counter[Finding]:
    return Counter(
        (number, severity, code)
        for number, line in enumerate(block.splitlines(), start=1)
        for severity, code in _EXPECTED.findall(line.partition("#")[2])
    )


def reported(block: str) -> tuple[Counter[Finding], list[Diagnostic]]:
    result = analyse(block)
    found = result.diagnostics
    lines = (result.source.position(d.span.start).line for d in found)
    return Counter((n, d.severity, d.code) for n, d in zip(lines, found, strict=True)), list(found)


def read(code: str) -> Page:
    name = pages.file_name(code)
    assert (FOLDER / name).is_file(), (
        f"{code} {pages.ALL[code]} has no page: write richc/rules/{name}"
    )
    return pages.read(code)


def test_every_page_has_a_code() -> None:
    names = {path.name for path in FOLDER.glob("*.md")}

    assert names == {pages.file_name(code) for code in EVERY}


def test_every_code_has_a_page_of_one_layout() -> None:
    for code in EVERY:
        page = read(code)
        assert (code, pages.ALL[code]) == (page.code, page.slug)
        assert page.text.endswith("\n")
        assert page.summary[0].isupper(), code
        assert len(page.summary) <= 100, code

        found = re.findall(r"^## (.*)$", page.text, re.MULTILINE)
        wanted = [SECTIONS[0], SECTIONS[-1]] if code in WITHOUT_EXAMPLE else SECTIONS
        assert found in (wanted, [*wanted, LAST_SECTION]), code

        for name in (page.slug, page.slug.upper(), page.slug.replace("-", "_"), code.lower()):
            assert code == pages.known(name) == pages.known(code)


@pytest.mark.parametrize("code", WITHOUT_EXAMPLE)
def test_why_there_is_no_example(code: str) -> None:
    text = read(code).text

    assert re.search(f"^{NO_EXAMPLE}", text, re.MULTILINE)
    assert blocks(text) == []


@pytest.mark.parametrize("code", [code for code in CODES if code not in WITHOUT_EXAMPLE])
def test_examples_give_what_they_say(code: str) -> None:
    """One is reported and one is not, and what is reported is as the head says."""
    page = read(code)
    text, own = page.text, []
    for block in blocks(text):
        findings, diagnostics = reported(block)
        assert expected(block) == findings, block
        own += [d for d in diagnostics if d.code == code]
    assert {page.severity} == {d.severity for d in own}
    assert {page.desideratum} == {d.desideratum for d in own}
    assert page.fixable == any(d.edits for d in own)

    examples = [{code for _, _, code in expected(block)} for block in blocks(text)]
    bad = re.search(r"^## Reported$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    good = re.search(r"^## Not reported$(.*?)^## ", text, re.MULTILINE | re.DOTALL)

    assert NO_EXAMPLE not in text
    assert bad is not None
    assert [code in expected_codes for expected_codes in examples].count(True) >= 1
    assert all(expected(block) for block in blocks(bad[1]))
    assert good is not None
    assert blocks(good[1])
    assert not any(expected(block) for block in blocks(good[1]))
    # All that is fenced is a model that this test reads.
    assert text.count("```") == 2 * len(examples)


def test_a_hundred_mistakes_are_shown() -> None:
    mistakes = "".join(f"bogus{number} {number}\n" for number in range(200))
    *shown, last = analyse(f"model net {{\n{mistakes}}}\n").diagnostics

    assert ["R001"] * 100 == [d.code for d in shown]
    assert ("R007", read("R007").severity) == (last.code, last.severity)


def test_utf16_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "net.rich"
    path.write_text("model", encoding="utf-16")

    result = CliRunner().invoke(cli, ["check", "--format", "json", str(path)])
    (diagnostic,) = json.loads(result.stdout)["files"][0]["diagnostics"]

    assert 2 == result.exit_code
    assert ("R006", read("R006").severity) == (diagnostic["code"], diagnostic["severity"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# error: R401", "# error: R402"),
        ("# error: R401", "# warning: R401"),
        ("# error: R401", ""),
        ("# error: R401", "# error: R401, error: R201"),
        ("# error: R401", "\n  # error: R401"),
        ("lr = 1 / n ", "lr = 1 "),
    ],
)
def test_a_wrong_example_is_noticed(old: str, new: str) -> None:
    block = next(b for b in blocks(read("R401").text) if expected(b))
    assert old in block

    tampered = block.replace(old, new)

    assert expected(tampered) != reported(tampered)[0]


@pytest.mark.parametrize(
    "head",
    [
        "R401 negligible-update\n\n*error*\n\nA summary.\n",
        "# R401\n\n*error*\n\nA summary.\n",
        "# R401 negligible-update\n\nA summary.\n",
        "# R401 negligible-update\n\n*mistake*\n\nA summary.\n",
        "# R401 negligible-update\n\n*error*\n\nNo summary\n",
    ],
)
def test_a_page_without_a_head_is_refused(head: str) -> None:
    with pytest.raises(ValueError, match="does not begin"):
        pages.parse(head)


@pytest.mark.parametrize("word", ["", "R", "R4", "R4010", "R999", "negligible", "../syntax", "*"])
def test_other_words_are_no_rules(word: str) -> None:
    assert pages.known(word) is None


def explain(what: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["explain", what])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("what", ["R401", "r401", "negligible-update", "negligible_update"])
def test_explain(what: str) -> None:
    text = (FOLDER / "negligible_update.md").read_text(encoding="utf-8")

    assert (0, text, "") == explain(what)


@pytest.mark.parametrize(
    ("what", "hint"),
    [
        ("R411", "did you mean `R401`?"),
        ("r0401", "did you mean `R001`?"),
        ("R4011", "did you mean `R401`?"),
        ("negligable-update", "did you mean `negligible-update`?"),
        ("epsilom", "did you mean `epsilon`?"),
        ("R999", "`richc rules` lists all rules"),
        ("nonsense", "`richc rules` lists all rules"),
    ],
)
def test_explain_nothing_known(what: str, hint: str) -> None:
    assert (2, "", f"error: there is no file, no rule and no word '{what}'; {hint}\n") == explain(
        what
    )


def test_a_folder_hides_no_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "syntax").mkdir()

    code, text, _ = explain("syntax")

    assert code == 0
    assert text.startswith("# R001 syntax\n")


def test_rules_as_text() -> None:
    result = CliRunner().invoke(cli, ["rules"])
    head, *rows = result.output.splitlines()

    assert result.exit_code == 0
    assert ["code", "slug", "severity", "fix", "reports"] == head.split()
    assert EVERY == [row.split()[0] for row in rows]
    # Columns are aligned.
    assert {head.index("reports")} == {
        row.index(pages.read(code).summary) for code, row in zip(EVERY, rows, strict=True)
    }


def test_rules_as_json() -> None:
    result = CliRunner().invoke(cli, ["rules", "--format", "json"])
    schema = json.loads(CliRunner().invoke(cli, ["schema", "rules"]).output)
    listed = json.loads(result.output)
    rules = {rule["code"]: rule for rule in listed["rules"]}

    assert result.exit_code == 0
    assert ["version", "richc", "rules"] == list(listed) == list(schema["properties"])
    assert 1 == listed["version"]
    assert EVERY == list(rules)
    assert {
        "code": "R401",
        "slug": "negligible-update",
        "desideratum": "D3",
        "severity": "error",
        "fixable": True,
        "summary": pages.read("R401").summary,
    } == rules["R401"]
    assert list(rules["R401"]) == list(schema["$defs"]["Rule"]["properties"])
    assert rules["R601"]["desideratum"] is None
    assert rules["R601"]["severity"] == "warning"
