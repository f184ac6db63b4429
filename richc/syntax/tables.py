"""Grammar to tables: lark compiles ``grammar/rich.lark``, and JSON holds the result.

This runs when a wheel is built (``hatch_build.py`` runs this file by its path, before richc can be
imported) and in a checkout whose grammar has been edited; ``richc.syntax.lalr`` runs the tables.
They are data: reading them runs nothing, unlike a pickle.  ``python -m richc.syntax.tables``
writes them anew.
"""

from __future__ import annotations

import json
import os
import re
import sys
from binascii import crc32
from collections.abc import Iterator
from typing import Any

import lark
from lark.grammar import Rule
from lark.lexer import PatternStr, TerminalDef

#: How lark reads the grammar.  Every token is kept, because spans are computed from them.
GRAMMAR_OPTIONS: dict[str, Any] = {
    "parser": "lalr",
    "lexer": "basic",
    "start": "file",
    "keep_all_tokens": True,
    "maybe_placeholders": False,
    "propagate_positions": False,
}

#: Raised when the layout of the stored tables changes.
FORMAT = 2

_HERE = os.path.dirname(os.path.abspath(__file__))
_PACKAGE = os.path.dirname(_HERE)
TABLES_PATH = os.path.join(_HERE, "_tables.json")
#: Where a wheel has the grammar, and where a checkout has it.
_GRAMMARS = (
    os.path.join(_PACKAGE, "_grammar", "rich.lark"),
    os.path.join(os.path.dirname(_PACKAGE), "grammar", "rich.lark"),
)

#: The terminal that words are instances of.
_WORD = "NAME"
_SHIFT = 0


def grammar_text() -> str:
    """The source of the grammar: the wheel's copy, or the checkout's file."""
    path = next(path for path in _GRAMMARS if os.path.exists(path))
    with open(path, encoding="utf-8") as file:
        return file.read()


def build(grammar: str) -> dict[str, Any]:
    """Compile a grammar to tables that JSON can hold, the same in every run.

    ``tokens`` are (terminal, regular expression) in order of precedence, ``words`` map reserved
    words to their terminals, ``rules`` are [name, callback, inlined symbols, length, whether a
    single child stands for itself], and ``rows`` the parser's states: [shifts, rule, set, ...],
    where shifts alternates symbols and states, and a set lists the lookahead on which a rule
    reduces.
    """
    parser = lark.Lark(grammar, **GRAMMAR_OPTIONS)
    data, memo = parser.memo_serialize([TerminalDef, Rule])
    rules = [number for number, entry in memo.items() if entry["__type__"] == "Rule"]
    tokens, words = _terminals(parser)
    return {
        "format": FORMAT,
        "crc32": crc32(grammar.encode()),
        "tokens": tokens,
        "words": words,
        "ignored": sorted(parser.ignore_tokens),
        "rules": [_rule(memo[number]) for number in rules],
        **_states(data["parser"]["parser"], {number: at for at, number in enumerate(rules)}),
    }


def dumps(built: dict[str, Any]) -> str:
    """The text of the stored tables."""
    return json.dumps(built, separators=(",", ":"), sort_keys=True) + "\n"


def write(path: str = TABLES_PATH, grammar: str | None = None) -> str:
    """Build the tables and put them at ``path``, which is returned."""
    built = build(grammar_text() if grammar is None else grammar)
    # Through a file of its own, so that a check running meanwhile never reads half a table.
    partial = f"{path}.{os.getpid()}"
    with open(partial, "w", encoding="utf-8", newline="\n") as file:
        file.write(dumps(built))
    os.replace(partial, path)
    return path


def _terminals(parser: lark.Lark) -> tuple[list[list[str]], dict[str, str]]:
    """Terminals in the order in which lark's own lexer tries them; words apart."""
    word = re.compile(next(t.pattern.to_regexp() for t in parser.terminals if t.name == _WORD))
    words: dict[str, str] = {}
    tokens: list[TerminalDef] = []
    for terminal in parser.terminals:
        if isinstance(terminal.pattern, PatternStr) and word.fullmatch(terminal.pattern.value):
            words[terminal.pattern.value] = terminal.name
        else:
            tokens.append(terminal)
    tokens.sort(
        key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name),
    )
    return [[t.name, t.pattern.to_regexp()] for t in tokens], words


def _rule(entry: dict[str, Any]) -> list[Any]:
    origin: str = entry["origin"]["name"]
    symbols: list[dict[str, Any]] = entry["expansion"]
    inlined = [
        at
        for at, symbol in enumerate(symbols)
        if symbol["__type__"] == "NonTerminal" and symbol["name"].startswith("_")
    ]
    alias: str | None = entry["alias"]
    single = bool(entry["options"]["expand1"]) and alias is None
    return [origin, alias or origin, inlined, len(symbols), single]


def _states(table: dict[str, Any], rule_at: dict[int, int]) -> dict[str, Any]:
    """Lark's parse table with states numbered as they are reached, and without repetition."""
    names: dict[int, str] = table["tokens"]
    by_symbol = {
        state: sorted((names[token], action) for token, action in row.items())
        for state, row in table["states"].items()
    }
    (start,) = table["start_states"].values()
    (end,) = table["end_states"].values()
    order = {state: number for number, state in enumerate(_reachable(start, by_symbol))}
    sets: dict[tuple[str, ...], int] = {}
    rows: list[list[Any]] = []
    for state in order:
        shifts: list[str | int] = []
        reductions: dict[int, list[str]] = {}
        for symbol, (action, target) in by_symbol[state]:
            if action == _SHIFT:
                shifts += (symbol, order[target])
            else:
                reductions.setdefault(rule_at[target["@"]], []).append(symbol)
        row: list[Any] = [shifts]
        for rule, lookahead in sorted(reductions.items()):
            row += (rule, sets.setdefault(tuple(lookahead), len(sets)))
        rows.append(row)
    return {"rows": rows, "sets": [list(symbols) for symbols in sets], "end": order[end]}


def _reachable(start: int, rows: dict[int, list[tuple[str, tuple[int, Any]]]]) -> Iterator[int]:
    """States in breadth-first order, which depends on the grammar alone."""
    seen = {start}
    queue = [start]
    for state in queue:
        yield state
        for _, (action, target) in rows[state]:
            if action == _SHIFT and target not in seen:
                seen.add(target)
                queue.append(target)


if __name__ == "__main__":
    sys.stdout.write(f"{write()}\n")
