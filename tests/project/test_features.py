"""The feature table of docs/editors.md is true: every command of ours does what its row says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from richc.cli.main import cli
from tests.project.features import BEGIN, END, FEATURES, FILES, Feature, Mark, table


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.what)
def test_feature(
    feature: Feature, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text, encoding="utf-8")
    program, *arguments = shlex.split(feature.command)
    if program == "pre-commit":
        done = subprocess.run([sys.executable, "-m", "pre_commit", *arguments], cwd=root)
        assert feature.code == done.returncode
        return

    assert "richc" == program
    stdin = None if feature.stdin is None else FILES[feature.stdin]
    result = CliRunner().invoke(cli, arguments, input=stdin)

    assert feature.code == result.exit_code, result.output
    assert [] == [words for words in feature.shows if words not in result.output], result.output


def test_others_have_their_documentation() -> None:
    marks = [m for f in FEATURES for m in (f.ruff, f.actionlint, f.sqlfluff, f.taplo)]

    assert all(isinstance(mark, Mark) for mark in marks)
    assert [] == [m for m in marks if (m.text == "–") == m.link.startswith("https://")]


def test_the_page_has_the_table(root: Path) -> None:
    path = root / "docs" / "editors.md"
    page = path.read_text(encoding="utf-8")
    found = re.search(rf"{BEGIN}\n.*?{END}\n", page, re.DOTALL)
    assert found is not None, f"docs/editors.md has no {BEGIN} ... {END} to keep true"
    if os.environ.get("RICHC_UPDATE_DOCS"):
        page = page.replace(found[0], table())
        path.write_text(page, encoding="utf-8", newline="\n")

    assert table() in page
