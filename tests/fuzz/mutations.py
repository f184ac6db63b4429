"""Texts that are nearly right, and therefore deep inside: valid ones with a few things changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from tests.fuzz.words import CHARACTERS, NUMBERS, PIECES, PUNCTUATION, VOCABULARY, WORDS

#: Words, numbers, and everything else by the character; white space between them.
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|->|\s+|.", re.ASCII)
_KINDS = (WORDS, WORDS, NUMBERS, NUMBERS, PUNCTUATION, PIECES, CHARACTERS)

_Tokens = list[str]


def mutate(text: str, other: str, pick: Random) -> str:
    """A text with one to four changes, some of which take parts of another one."""
    tokens = _TOKEN.findall(text)
    others = _TOKEN.findall(other) or [""]
    for _ in range(pick.choice((1, 1, 2, 3, 4))):
        pick.choice(_CHANGES)(tokens, others, pick)
    return "".join(tokens)


def _range(tokens: _Tokens, pick: Random) -> slice:
    start = pick.randrange(len(tokens) + 1)
    return slice(start, start + pick.choice((1, 1, 1, 2, 3, 8, 30)))


def _delete(tokens: _Tokens, _: _Tokens, pick: Random) -> None:
    del tokens[_range(tokens, pick)]


def _duplicate(tokens: _Tokens, _: _Tokens, pick: Random) -> None:
    part = _range(tokens, pick)
    times = pick.choice((1, 1, 1, 2, 5, 40))
    tokens[part.start : part.start] = tokens[part] * times


def _swap(tokens: _Tokens, _: _Tokens, pick: Random) -> None:
    if tokens:
        one, two = pick.randrange(len(tokens)), pick.randrange(len(tokens))
        tokens[one], tokens[two] = tokens[two], tokens[one]


def _insert(tokens: _Tokens, _: _Tokens, pick: Random) -> None:
    tokens.insert(pick.randrange(len(tokens) + 1), pick.choice(pick.choice(_KINDS)))


def _replace(tokens: _Tokens, _: _Tokens, pick: Random) -> None:
    """One token by another of its kind, or by anything."""
    if not tokens:
        return
    at = pick.randrange(len(tokens))
    kinds = [kind for kind in (WORDS, NUMBERS, PUNCTUATION) if tokens[at] in kind]
    tokens[at] = pick.choice(pick.choice([*kinds, *kinds, VOCABULARY]))


def _line(tokens: _Tokens, _: _Tokens, pick: Random) -> None:
    """Move, double or drop what stands between two line ends."""
    ends = [at for at, token in enumerate(tokens) if "\n" in token]
    if len(ends) < 2:
        return
    at = pick.randrange(len(ends) - 1)
    part = slice(ends[at], ends[at + 1])
    line = tokens[part]
    if pick.random() < 0.6:
        del tokens[part]
    if pick.random() < 0.7:
        place = pick.choice([at for at, token in enumerate(tokens) if "\n" in token] or [0])
        tokens[place:place] = line


def _splice(tokens: _Tokens, others: _Tokens, pick: Random) -> None:
    start = pick.randrange(len(others))
    length = pick.choice((1, 3, 10, 30, 100))
    tokens[_range(tokens, pick)] = others[start : start + length]


def _character(tokens: _Tokens, _: _Tokens, pick: Random) -> None:
    """Change inside of a token."""
    if not tokens:
        return
    at = pick.randrange(len(tokens))
    token = tokens[at]
    place = pick.randrange(len(token) + 1)
    new = pick.choice(("", token[:1], pick.choice(CHARACTERS), chr(pick.randrange(0x250))))
    tokens[at] = token[:place] + new + token[place + pick.choice((0, 1)) :]


_CHANGES: tuple[Callable[[_Tokens, _Tokens, Random], None], ...] = (
    _delete,
    _duplicate,
    _swap,
    _insert,
    _insert,
    _replace,
    _replace,
    _replace,
    _line,
    _splice,
    _character,
)
