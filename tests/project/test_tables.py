"""The packaged LALR tables are what lark makes of the grammar, and are used only while they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import lark
import pytest

from richc.syntax import tables


@pytest.fixture(scope="module")
def grammar(root: Path) -> str:
    return (root / "grammar" / "rich.lark").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def built(grammar: str) -> dict[str, Any]:
    return tables.build(grammar)


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Current tables, which a test may spoil."""
    path = tmp_path / "_tables.json"
    tables.write(str(path))
    monkeypatch.setattr(tables, "TABLES_PATH", str(path))
    return path


def test_packaged_tables_are_current(built: dict[str, Any]) -> None:
    advice = "run `python -m richc.syntax.tables`"
    assert Path(tables.TABLES_PATH).exists(), advice
    assert Path(tables.TABLES_PATH).read_text(encoding="utf-8") == tables.dumps(built), advice


def test_packaged_tables_are_used(built: dict[str, Any], stored: Path) -> None:
    assert tables.packaged() == built


@pytest.mark.parametrize("seed", ["0", "1"])
def test_same_bytes_in_every_process(seed: str, tmp_path: Path, built: dict[str, Any]) -> None:
    path = tmp_path / "_tables.json"
    program = f"from richc.syntax import tables; tables.write({str(path)!r})"
    environment = os.environ | {"PYTHONHASHSEED": seed}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)

    assert path.read_text(encoding="utf-8") == tables.dumps(built)


def test_loaded_parser_is_the_one_lark_builds(grammar: str, stored: Path) -> None:
    expected = lark.Lark(grammar, **tables.GRAMMAR_OPTIONS)

    loaded = tables.load()
    actual = lark.Lark._load_from_dict(loaded["data"], loaded["memo"])

    assert _terminals(expected) == _terminals(actual)
    assert expected.ignore_tokens == actual.lexer_conf.ignore
    assert _rules(expected.rules) == _rules(actual.rules)
    assert _automaton(expected) == _automaton(actual)


def test_other_grammar_makes_tables_stale(
    grammar: str, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "grammar_text", lambda: grammar + "\n// edited\n")

    assert tables.packaged() is None


def test_other_options_make_tables_stale(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tables.GRAMMAR_OPTIONS, "keep_all_tokens", False)

    assert tables.packaged() is None


def test_installed_grammar_is_not_compared(
    grammar: str, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "rich.lark"
    installed.write_text(grammar + "\n// not read\n", encoding="utf-8")
    monkeypatch.setattr(tables, "_INSTALLED_GRAMMAR", str(installed))

    assert tables.packaged() is not None


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param('{"format"', id="cut off"),
        pytest.param('{"format": 0}', id="other layout"),
        pytest.param('{"format": 1, "lark": "1.0.0"}', id="other lark"),
        pytest.param(f'{{"format": 1, "lark": "{lark.__version__}"}}', id="no digest"),
    ],
)
def test_built_in_memory_without_valid_tables(
    spoilt: str | None, stored: Path, built: dict[str, Any]
) -> None:
    if spoilt is None:
        stored.unlink()
    else:
        stored.write_text(spoilt, encoding="utf-8")

    assert tables.packaged() is None
    assert tables.load() == tables.unpack(json.loads(tables.dumps(built)))


def _terminals(parser: lark.Lark) -> list[tuple[Any, ...]]:
    return [
        (
            terminal.name,
            terminal.priority,
            terminal.pattern.type,
            terminal.pattern.value,
            # A set before it is serialised, a list after.
            set(terminal.pattern.flags),
        )
        for terminal in parser.terminals
    ]


def _rules(rules: list[Any]) -> list[tuple[Any, ...]]:
    return [
        (
            rule.origin.name,
            [(symbol.name, symbol.is_term) for symbol in rule.expansion],
            rule.order,
            rule.alias,
            rule.options.expand1,
            rule.options.keep_all_tokens,
            rule.options.priority,
            list(rule.options.empty_indices),
        )
        for rule in rules
    ]


def _automaton(parser: lark.Lark) -> list[dict[str, Any]]:
    """The rows of the parse table with the states numbered as they are reached."""
    frontend: Any = parser.parser
    table = frontend.parser._parse_table
    order = {table.start_states["file"]: 0}
    rows = []
    queue = list(order)
    for state in queue:
        row: dict[str, Any] = {}
        for token, (action, target) in sorted(table.states[state].items()):
            if action.name == "Shift":
                if target not in order:
                    order[target] = len(order)
                    queue.append(target)
                row[token] = order[target]
            else:
                row[token] = _rules([target])
        rows.append(row)
    assert table.end_states["file"] in order
    assert len(rows) == len(table.states)
    return rows
