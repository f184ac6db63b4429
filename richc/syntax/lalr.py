"""A driver for the LALR tables that lark made of the grammar (see richc.syntax.tables).

Importing lark takes longer than checking a file does, and a commit hook pays for it on every
commit; what is left to do at run time is one regular expression and a loop of shifts and
reductions.  The driver hands out its stacks, which is what recovery from errors needs.
"""

from __future__ import annotations

import os
import re
from binascii import crc32
from collections.abc import Callable
from typing import Any, NamedTuple

from richc.diagnostics import Span

END = "$END"
#: The layout of the tables that this module runs (see richc.syntax.tables).
FORMAT = 2

_HERE = os.path.dirname(os.path.abspath(__file__))
TABLES_PATH = os.path.join(_HERE, "_tables.json")
#: Beside a checkout's package; an installed one has its grammar inside.
_CHECKOUT_GRAMMAR = os.path.join(os.path.dirname(os.path.dirname(_HERE)), "grammar", "rich.lark")


class Token(NamedTuple):
    type: str
    text: str
    start: int

    @property
    def span(self) -> Span:
        return Span(self.start, self.start + len(self.text))


class Unexpected(Exception):
    """A token that no state accepts here; ``accepted`` are the terminals that would do."""

    def __init__(self, token: Token, accepted: frozenset[str]) -> None:
        super().__init__(token)
        self.token = token
        self.accepted = accepted


class Production(NamedTuple):
    origin: str
    callback: str
    #: Which of the symbols are repetitions, whose children become the rule's own.
    inlined: tuple[int, ...]
    length: int
    #: A single child stands for itself.
    single: bool


class Tables:
    """The grammar, ready to run: immutable and shared by all parsers."""

    def __init__(self, stored: dict[str, Any]) -> None:
        self.words: dict[str, str] = stored["words"]
        self.ignored = frozenset(stored["ignored"])
        self.pattern = re.compile("|".join(f"(?P<{n}>{regex})" for n, regex in stored["tokens"]))
        self.rules = [Production(o, c, tuple(i), n, s) for o, c, i, n, s in stored["rules"]]
        #: For each rule that only renames its one symbol, the name; the value stays as it is.
        self.renames = [
            rule.origin if rule.single and rule.length == 1 and not rule.inlined else None
            for rule in self.rules
        ]
        self.end: int = stored["end"]
        #: For each state: symbol -> the state to shift to, or ~rule to reduce by.
        self.states = [_row(row, stored["sets"]) for row in stored["rows"]]

    def lex(self, text: str) -> tuple[list[Token], list[Token]]:
        """All tokens of a text, and those that the grammar ignores (but for white space)."""
        tokens: list[Token] = []
        aside: list[Token] = []
        words, ignored = self.words, self.ignored
        for match in self.pattern.finditer(text):
            kind = match.lastgroup
            if kind == "SPACE":
                continue
            assert kind is not None
            value = match.group()
            if kind == "NAME":
                kind = words.get(value, kind)
            (aside if kind in ignored else tokens).append(Token(kind, value, match.start()))
        return tokens, aside


def _row(row: list[Any], sets: list[list[str]]) -> dict[str, int]:
    shifts, *reductions = row
    actions: dict[str, int] = dict(zip(shifts[::2], shifts[1::2], strict=True))
    for rule, lookahead in zip(reductions[::2], reductions[1::2], strict=True):
        actions.update(dict.fromkeys(sets[lookahead], ~rule))
    return actions


class Stacks(NamedTuple):
    """A parser's state, to go back to."""

    states: list[int]
    values: list[Any]
    #: A repetition's children are extended in place, so their number is part of the state.
    lengths: list[int]


class Parser:
    """One parse: feed it tokens, then ``finish``.  ``callbacks`` has a method for every rule."""

    def __init__(self, tables: Tables, callbacks: object) -> None:
        self._tables = tables
        self._callbacks: list[Callable[[list[Any]], Any] | None] = [
            None if rule.origin.startswith("_") else getattr(callbacks, rule.callback, None)
            for rule in tables.rules
        ]
        self._states = [0]
        self.values: list[Any] = []

    def feed(self, token: Token) -> None:
        """Shift one token, after all reductions that it allows.  Raises Unexpected."""
        rows, states, renames = self._tables.states, self._states, self._tables.renames
        kind = token.type
        while True:
            action = rows[states[-1]].get(kind)
            if action is None:
                raise Unexpected(token, self._accepted())
            if action >= 0:
                states.append(action)
                self.values.append(token)
                return
            if (renamed := renames[~action]) is not None:
                states[-1] = rows[states[-2]][renamed]
            else:
                self._reduce(~action)

    def finish(self) -> Any:
        """The value of the whole text.  Raises Unexpected where it ends too early."""
        while self._states[-1] != self._tables.end:
            action = self._tables.states[self._states[-1]].get(END)
            if action is None:
                raise Unexpected(Token(END, "", 0), self._accepted())
            self._reduce(~action)
        return self.values[-1]

    def save(self) -> Stacks:
        values = list(self.values)
        lengths = [len(v) if isinstance(v, list) else 0 for v in values]
        return Stacks(list(self._states), values, lengths)

    def restore(self, stacks: Stacks) -> None:
        self._states[:] = stacks.states
        self.values[:] = stacks.values
        for value, length in zip(stacks.values, stacks.lengths, strict=True):
            if isinstance(value, list):
                del value[length:]

    def _reduce(self, number: int) -> None:
        rule = self._tables.rules[number]
        values, states = self.values, self._states
        children: list[Any] = values[len(values) - rule.length :]
        if rule.length:
            del values[-rule.length :]
            del states[-rule.length :]
        if rule.inlined:
            children = _inline(children, rule.inlined)
        callback = self._callbacks[number]
        if callback is None:
            value: Any = children
            if rule.single and len(children) == 1:
                value = children[0]
        elif rule.single and len(children) == 1:
            value = children[0]
        else:
            value = callback(children)
        values.append(value)
        states.append(self._tables.states[states[-1]][rule.origin])

    def _accepted(self) -> frozenset[str]:
        """The terminals that can really come next, by trying each on a copy of the states."""
        rows = self._tables.states
        found = set()
        for symbol in rows[self._states[-1]]:
            states = list(self._states)
            while symbol.isupper() or symbol == END:
                action = rows[states[-1]].get(symbol)
                if action is None:
                    break
                if action >= 0:
                    found.add(symbol)
                    break
                rule = self._tables.rules[~action]
                del states[len(states) - rule.length :]
                states.append(rows[states[-1]][rule.origin])
        return frozenset(found)


def _inline(children: list[Any], inlined: tuple[int, ...]) -> list[Any]:
    # A repetition is left-recursive: its list is taken over, not copied for every item.
    if inlined[0] == 0:
        result: list[Any] = children[0]
        start = 1
    else:
        result, start = [], 0
    for at in range(start, len(children)):
        if at in inlined:
            result += children[at]
        else:
            result.append(children[at])
    return result


def load() -> Tables:
    """The packaged tables, or new ones where a checkout's grammar has been edited since."""
    import json

    try:
        with open(TABLES_PATH, encoding="utf-8") as file:
            stored = json.load(file)
    except (OSError, ValueError):
        stored = None
    if (
        not isinstance(stored, dict)
        or stored.get("format") != FORMAT
        or not _is_current(stored.get("crc32"))
    ):
        stored = _rebuilt()
    return Tables(stored)


def _rebuilt() -> dict[str, Any]:
    try:
        from richc.syntax import tables
    except ModuleNotFoundError as error:
        raise RuntimeError(
            "the grammar has been edited: pip install -e '.[dev]' brings lark, which compiles it"
        ) from error
    return tables.build(tables.grammar_text())


def _is_current(checksum: int | None) -> bool:
    try:
        with open(_CHECKOUT_GRAMMAR, "rb") as file:
            return crc32(file.read().replace(b"\r\n", b"\n")) == checksum
    except OSError:
        return True  # An installed package has no grammar that could change under it.
