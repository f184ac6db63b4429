"""The spaces between the tokens of one line, and nothing else: numbers keep their spelling.

``a * b / c`` outside of exponents and dimensions, ``2*r - 1`` and ``4*n`` inside; a ratio of two
numbers is one number, ``1/2``, wherever it can be read so.
"""

from __future__ import annotations

from collections.abc import Sequence

from richc.syntax.lalr import Token
from richc.syntax.lexer import NAMES

_OPENING = ("LPAR", "LSQB")
_CLOSING = ("RPAR", "RSQB")
_TIMES = ("STAR", "SLASH")
#: What a minus after it subtracts from; after anything else it is a sign.
_OPERANDS = (*NAMES, "NUMBER", "QMARK", *_CLOSING)


def spaced(tokens: Sequence[Token]) -> str:
    """One statement or item without its block, as a line."""
    parts: list[str] = []
    #: For each open bracket: whether products inside are written without spaces.
    tight = [False]
    for at, token in enumerate(tokens):
        kind = token.type
        if kind == "COMMA" and at + 1 < len(tokens) and tokens[at + 1].type in _CLOSING:
            continue
        if at and _is_spaced(tokens, at, is_tight=tight[-1]):
            parts.append(" ")
        parts.append(token.text)
        if kind in _OPENING:
            tight.append(tight[-1] or tokens[at - 1].type == "CIRCUMFLEX")
        elif kind in _CLOSING:
            tight.pop()
        elif kind == "ARROW":
            tight[-1] = True
    return "".join(parts)


def _is_spaced(tokens: Sequence[Token], at: int, *, is_tight: bool) -> bool:
    """Whether a space goes before a token that is not the first."""
    before, kind = tokens[at - 1].type, tokens[at].type
    if kind in ("COMMA", "COLON", "CIRCUMFLEX", *_CLOSING) or before in ("CIRCUMFLEX", *_OPENING):
        return False
    if before == "MINUS" and _is_sign(tokens, at - 1):
        return False
    if kind == "LPAR" and before in NAMES:
        return False
    if kind == "LSQB" and at == 1:
        return False  # A layer's repeat.
    if kind in _TIMES:
        return not is_tight and not _is_bar(tokens, at)
    if before in _TIMES:
        return not is_tight and not _is_bar(tokens, at - 1)
    return True


def _is_sign(tokens: Sequence[Token], at: int) -> bool:
    """Whether the minus is unary."""
    return at == 0 or tokens[at - 1].type not in _OPERANDS


def _is_bar(tokens: Sequence[Token], at: int) -> bool:
    """Whether the operator is the bar of a ratio: of two numbers that no other operator parts."""
    if tokens[at].type != "SLASH" or tokens[at - 1].type != "NUMBER":
        return False
    if at + 1 >= len(tokens) or tokens[at + 1].type != "NUMBER":
        return False
    if at + 2 < len(tokens) and tokens[at + 2].type == "CIRCUMFLEX":
        return False
    first = at - 2
    while first >= 0 and tokens[first].type == "MINUS" and _is_sign(tokens, first):
        first -= 1
    return first < 0 or tokens[first].type not in (*_TIMES, "CIRCUMFLEX")
