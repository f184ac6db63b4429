"""The pages of the A rules: each example gives, or does not give, what its page is about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import richc
from richc.diagnostics import AUDITED
from richc.rules import pages

_SECTION = re.compile(
    r"^## (Reported|Not reported)\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


def examples(code: str) -> dict[str, str]:
    return dict(_SECTION.findall(pages.read(code).text))


def reported(example: str, folder: Path) -> dict[str, str]:
    """Code -> severity of what an audit of an example finds."""
    path = folder / "example.py"
    path.write_text(example, encoding="utf-8")
    report = richc.audit(f"{path}:make", widths=(64, 128, 256))
    assert report.verdict != "refused", report.reason
    return {finding.code: finding.severity for finding in report.findings}


@pytest.mark.parametrize("code", sorted(AUDITED))
@pytest.mark.slow
def test_examples_give_what_they_say(code: str, tmp_path: Path) -> None:
    page, found = pages.read(code), examples(code)

    for folder in ("wrong", "right"):
        (tmp_path / folder).mkdir()

    assert {code: page.severity} == reported(found["Reported"], tmp_path / "wrong")
    assert {} == reported(found["Not reported"], tmp_path / "right")
