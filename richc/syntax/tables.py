"""The LALR tables of ``grammar/rich.lark``: built once, when the package is.

Building them takes tens of milliseconds, and a commit hook runs on every commit, so the wheel
carries them as ``_tables.json``: data, so reading them runs nothing (unlike a pickle), and reads as
fast in a folder without byte code (unlike a module: 0.4 ms with its ``.pyc``, 6 ms without).  After
an edit of the grammar, ``python -m richc.syntax.tables`` writes them anew in a checkout; until
then, tables that no longer match are ignored and built in memory.

The build hook (``hatch_build.py``) runs this file by its path, before any dependency but lark is
there, so it imports nothing of richc.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

#: How lark reads the grammar.  Newlines and stray characters are the business of lexer.py, and
#: spans are computed from the tokens, so every token is kept and lark tracks no positions.
GRAMMAR_OPTIONS: dict[str, Any] = {
    "parser": "lalr",
    "lexer": "basic",
    "start": "file",
    "keep_all_tokens": True,
    "maybe_placeholders": False,
    "propagate_positions": False,
}

#: Raised when the layout of the stored tables changes.
FORMAT = 1

_HERE = os.path.dirname(os.path.abspath(__file__))
_PACKAGE = os.path.dirname(_HERE)
TABLES_PATH = os.path.join(_HERE, "_tables.json")
#: Where a wheel has the grammar, and where a checkout has it.
_INSTALLED_GRAMMAR = os.path.join(_PACKAGE, "_grammar", "rich.lark")
_CHECKOUT_GRAMMAR = os.path.join(os.path.dirname(_PACKAGE), "grammar", "rich.lark")

_SHIFT, _REDUCE = 0, 1


def load() -> dict[str, Any]:
    """What ``Lark._load_from_dict(data, memo)`` takes, under the keys ``data`` and ``memo``.

    From the packaged tables where they are valid, else from the grammar itself.
    """
    return unpack(packaged() or build(grammar_text()))


def packaged() -> dict[str, Any] | None:
    """The stored tables, or None where they are missing, of another lark, or out of date."""
    try:
        with open(TABLES_PATH, encoding="utf-8") as file:
            stored: dict[str, Any] = json.load(file)
    except (OSError, ValueError):
        return None
    if stored.get("format") != FORMAT or stored.get("lark") != lark.__version__:
        return None
    # An installed package does not change under its tables; a checkout's grammar is being edited.
    if not os.path.exists(_INSTALLED_GRAMMAR) and stored.get("sha256") != _digest(grammar_text()):
        return None
    return stored


def grammar_text() -> str:
    """The source of the grammar: the wheel's copy, or the checkout's file."""
    path = _INSTALLED_GRAMMAR if os.path.exists(_INSTALLED_GRAMMAR) else _CHECKOUT_GRAMMAR
    with open(path, encoding="utf-8") as file:
        return file.read()


def build(grammar: str) -> dict[str, Any]:
    """Compile a grammar to tables that JSON can hold, the same for every run.

    It is lark's own serialisation without its repetitions (a third of the size), and with the
    states numbered as they are reached: lark numbers them in the order of a set.
    """
    parser = lark.Lark(grammar, **GRAMMAR_OPTIONS)
    data, memo = parser.memo_serialize([TerminalDef, Rule])
    memo, parts = _pack_memo([memo[number] for number in range(len(memo))])
    built = {
        "format": FORMAT,
        "lark": lark.__version__,
        "sha256": _digest(grammar),
        "parts": parts,
        "memo": memo,
        "table": _pack_table(data["parser"].pop("parser")),
        "data": data,
    }
    # What is built equals what is stored and read again: JSON has lists for lark's tuples.
    read: dict[str, Any] = json.loads(dumps(built))
    return read


def unpack(stored: dict[str, Any]) -> dict[str, Any]:
    """Lark's serialisation, from what ``build`` returned.  The argument is used up."""
    data: dict[str, Any] = stored["data"]
    data["parser"]["parser"] = _unpack_table(stored["table"])
    return {"data": data, "memo": _unpack_memo(stored["memo"], stored["parts"])}


def write(path: str = TABLES_PATH, grammar: str | None = None) -> str:
    """Build the tables and put them at ``path``, which is returned."""
    built = build(grammar_text() if grammar is None else grammar)
    # Through a file of its own, so that a check running meanwhile never reads half a table.
    partial = f"{path}.{os.getpid()}"
    with open(partial, "w", encoding="utf-8", newline="\n") as file:
        file.write(dumps(built))
    os.replace(partial, path)
    return path


def dumps(built: dict[str, Any]) -> str:
    """The text of the stored tables."""
    return json.dumps(built, separators=(",", ":"), sort_keys=True) + "\n"


def _digest(grammar: str) -> str:
    """What the tables were built from: the grammar and the options it is read with."""
    return sha256(f"{grammar}\0{sorted(GRAMMAR_OPTIONS.items())}".encode()).hexdigest()


def _pack_memo(memo: list[dict[str, Any]]) -> tuple[list[Any], list[dict[str, Any]]]:
    """Terminals as they are; rules as lists, their symbols and options as indices into ``parts``.

    Returns the terminals and rules, and the parts.
    """
    parts: list[dict[str, Any]] = []

    def index(part: dict[str, Any]) -> int:
        if part not in parts:
            parts.append(part)
        return parts.index(part)

    packed: list[Any] = []
    for entry in memo:
        if entry["__type__"] != "Rule":
            packed.append(entry)
            continue
        symbols = [index(symbol) for symbol in (entry["origin"], *entry["expansion"])]
        packed.append([symbols, entry["order"], entry["alias"], index(entry["options"])])
    return packed, parts


def _unpack_memo(packed: list[Any], parts: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    memo: dict[int, dict[str, Any]] = {}
    for number, entry in enumerate(packed):
        if isinstance(entry, list):
            symbols, order, alias, options = entry
            origin, *expansion = [parts[symbol] for symbol in symbols]
            memo[number] = {
                "__type__": "Rule",
                "origin": origin,
                "expansion": expansion,
                "order": order,
                "alias": alias,
                "options": parts[options],
            }
        else:
            memo[number] = entry
    return memo


def _pack_table(table: dict[str, Any]) -> dict[str, Any]:
    """Lark's parse table, renumbered and without repetition.

    A row is ``[shifts, rule, set, rule, set…]``: ``shifts`` alternates tokens and states, ``set``
    is the index of a set of lookahead tokens on which ``rule`` (an index into ``memo``) reduces.
    """
    names: dict[int, str] = table["tokens"]
    tokens = sorted(names.values())
    number_of = {name: number for number, name in enumerate(tokens)}
    by_token = {
        state: sorted((number_of[names[token]], action) for token, action in row.items())
        for state, row in table["states"].items()
    }

    order: dict[int, int] = {}
    for start in sorted(table["start_states"]):
        for state in _reachable(table["start_states"][start], by_token):
            order.setdefault(state, len(order))

    sets: dict[tuple[int, ...], int] = {}
    rows: list[list[Any]] = []
    for state in order:
        shifts: list[int] = []
        reductions: dict[int, list[int]] = {}
        for token, (action, target) in by_token[state]:
            if action == _SHIFT:
                shifts += (token, order[target])
            else:
                reductions.setdefault(target["@"], []).append(token)
        row: list[Any] = [shifts]
        for rule, lookahead in sorted(reductions.items()):
            row += (rule, sets.setdefault(tuple(lookahead), len(sets)))
        rows.append(row)
    return {
        "tokens": tokens,
        "sets": [list(lookahead) for lookahead in sets],
        "rows": rows,
        "start_states": {name: order[state] for name, state in table["start_states"].items()},
        "end_states": {name: order[state] for name, state in table["end_states"].items()},
    }


def _reachable(start: int, rows: dict[int, list[tuple[int, tuple[int, Any]]]]) -> Iterator[int]:
    """States in breadth-first order, which depends on the grammar alone."""
    seen = {start}
    queue = [start]
    for state in queue:
        yield state
        for _, (action, target) in rows[state]:
            if action == _SHIFT and target not in seen:
                seen.add(target)
                queue.append(target)


def _unpack_table(packed: dict[str, Any]) -> dict[str, Any]:
    sets: list[list[int]] = packed["sets"]
    states: dict[int, dict[int, tuple[int, Any]]] = {}
    for number, (shifts, *reductions) in enumerate(packed["rows"]):
        row: dict[int, tuple[int, Any]] = {}
        steps = iter(shifts)
        for token, state in zip(steps, steps, strict=True):
            row[token] = (_SHIFT, state)
        pairs = iter(reductions)
        for rule, lookahead in zip(pairs, pairs, strict=True):
            row.update(dict.fromkeys(sets[lookahead], (_REDUCE, {"@": rule})))
        states[number] = row
    return {
        "tokens": dict(enumerate(packed["tokens"])),
        "states": states,
        "start_states": packed["start_states"],
        "end_states": packed["end_states"],
    }


if __name__ == "__main__":
    sys.stdout.write(f"{write()}\n")
