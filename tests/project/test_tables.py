"""The packaged LALR tables are what lark makes of the grammar, and are used only while they are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from richc.syntax import lalr, tables

#: Says what a fresh process loaded, and whether it took lark to do so.
_LOAD = """
import json, sys
from richc.syntax import lalr
loaded = vars(lalr.load())
loaded |= {"pattern": loaded["pattern"].pattern, "ignored": sorted(loaded["ignored"])}
print(json.dumps({"built": "lark" in sys.modules, **loaded}))
"""


class Checkout(NamedTuple):
    """A copy of the package and its grammar, which a test may spoil."""

    root: Path

    @property
    def grammar(self) -> Path:
        return self.root / "grammar" / "rich.lark"

    @property
    def tables(self) -> Path:
        return self.root / "richc" / "syntax" / "_tables.json"

    def run(self, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
        # -P: not from the current folder; PYTHONPATH goes before an editable install of richc.
        return subprocess.run(
            [sys.executable, "-P", "-c", program],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root)} | environment,
            capture_output=True,
            text=True,
        )

    def load(self) -> dict[str, Any]:
        run = self.run(_LOAD)
        assert run.returncode == 0, run.stderr
        result: dict[str, Any] = json.loads(run.stdout)
        return result


@pytest.fixture(scope="module")
def built(root: Path) -> dict[str, Any]:
    return tables.build((root / "grammar" / "rich.lark").read_text(encoding="utf-8"))


@pytest.fixture
def checkout(root: Path, tmp_path: Path, built: dict[str, Any]) -> Checkout:
    copy = Checkout(tmp_path / "checkout")
    no_more = shutil.ignore_patterns("_tables.json*", "__pycache__")
    shutil.copytree(root / "richc", copy.root / "richc", ignore=no_more)
    shutil.copytree(root / "grammar", copy.root / "grammar")
    copy.tables.write_text(tables.dumps(built), encoding="utf-8")
    return copy


def test_packaged_tables_are_current(built: dict[str, Any]) -> None:
    advice = "run `python -m richc.syntax.tables`"
    assert Path(lalr.TABLES_PATH).exists(), advice
    assert Path(lalr.TABLES_PATH).read_text(encoding="utf-8") == tables.dumps(built), advice


def test_written_where_they_are_read() -> None:
    assert tables.TABLES_PATH == lalr.TABLES_PATH


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_same_bytes_in_every_process(seed: str, checkout: Checkout, built: dict[str, Any]) -> None:
    checkout.tables.unlink()

    run = checkout.run(
        "import runpy; runpy.run_module('richc.syntax.tables', run_name='__main__')",
        PYTHONHASHSEED=seed,
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout == f"{checkout.tables}\n"
    assert checkout.tables.read_bytes() == tables.dumps(built).encode()
    assert list(checkout.tables.parent.glob("_tables.json?*")) == []


def test_current_tables_are_used_without_lark(checkout: Checkout) -> None:
    assert not checkout.load()["built"]


def test_edited_grammar_is_used(checkout: Checkout) -> None:
    text = checkout.grammar.read_text(encoding="utf-8")
    checkout.grammar.write_text(text.replace('loss: "loss"', 'loss: "objective"'), encoding="utf-8")

    loaded = checkout.load()

    assert loaded["built"]
    assert "objective" in loaded["words"]
    assert "loss" not in loaded["words"]


def test_edited_grammar_is_used_after_tables_are_written(checkout: Checkout) -> None:
    text = checkout.grammar.read_text(encoding="utf-8")
    checkout.grammar.write_text(text + "\n// edited: μ\n", encoding="utf-8")
    assert checkout.load()["built"]

    run = checkout.run("from richc.syntax import tables; tables.write()")

    assert run.returncode == 0, run.stderr
    assert not checkout.load()["built"]


def test_line_endings_of_the_grammar_are_no_edit(checkout: Checkout) -> None:
    """What git makes of a checkout on Windows."""
    checkout.grammar.write_bytes(checkout.grammar.read_bytes().replace(b"\n", b"\r\n"))

    assert not checkout.load()["built"]


def test_tables_of_an_installed_package_need_no_grammar(checkout: Checkout) -> None:
    shutil.rmtree(checkout.root / "grammar")

    assert not checkout.load()["built"]


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"format"', id="cut off"),
        pytest.param(b"\xff\xfe{", id="not text"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"format": 1}', id="other layout"),
        pytest.param(json.dumps({"format": tables.FORMAT}).encode(), id="no checksum"),
    ],
)
def test_built_in_memory_without_valid_tables(spoilt: bytes | None, checkout: Checkout) -> None:
    expected = checkout.load()
    if spoilt is None:
        checkout.tables.unlink()
    else:
        checkout.tables.write_bytes(spoilt)

    loaded = checkout.load()

    assert loaded.pop("built")
    assert not expected.pop("built")
    assert loaded == expected
    assert (checkout.tables.read_bytes() if checkout.tables.exists() else None) == spoilt
