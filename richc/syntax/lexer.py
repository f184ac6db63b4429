"""From raw tokens to the parser's: newlines only where they separate something.

Inside ``( )`` and ``[ ]`` a newline is white space; in a ``{ }`` block it separates items; in a
model it ends a statement.  An unclosed bracket must not swallow the rest of the file, so a line
that can only begin a statement of the model closes whatever is still open.
"""

from __future__ import annotations

from collections.abc import Sequence

from richc.diagnostics import Span
from richc.syntax.lalr import Token

NEWLINE = "NEWLINE"
#: A `}` that closes nothing: the model that it stands in goes on after it, up to its own `}`.
STRAY = "STRAY"

#: Words that only a statement can begin with (by the names of their terminals).
STATEMENT_WORDS = {
    "WIDTH": "width",
    "RICHNESS": "richness",
    "PARAMETERIZATION": "parameterization",
    "INPUT": "input",
    "OPTIMIZER": "optimizer",
    "LOSS": "loss",
    "TRAIN": "train",
    "REQUIRE": "require",
    "WITH": "with",
}

MAX_NESTING = 64

_OPENING = {"LPAR", "LSQB", "LBRACE"}
_CLOSING = {"RPAR": "LPAR", "RSQB": "LSQB", "RBRACE": "LBRACE"}
_MODEL_BODY = 1


class NestingError(Exception):
    """Brackets nested deeper than any model needs."""

    def __init__(self, span: Span) -> None:
        super().__init__(span)
        self.span = span


def separate(tokens: Sequence[Token]) -> list[Token]:
    """Keep the newlines that separate, drop the others, end every statement with one.

    Raises NestingError.
    """
    kept: list[Token] = []
    open_brackets: list[str] = []
    newline: Token | None = None
    for index, token in enumerate(tokens):
        kind = token.type
        if kind == NEWLINE:
            newline = newline or token
            continue
        if newline is not None:
            if len(open_brackets) > _MODEL_BODY and begins_statement(tokens, index):
                del open_brackets[_MODEL_BODY:]
            if _separates(kept, open_brackets, kind):
                kept.append(newline)
            newline = None
        if kind == "RBRACE":
            _end_block(open_brackets)
            if len(open_brackets) == _MODEL_BODY:
                if _goes_on(tokens, index + 1):
                    kept.append(token._replace(type=STRAY))
                    continue
                _end_statement(kept, token.start)
        if kind in _CLOSING:
            if open_brackets and open_brackets[-1] == _CLOSING[kind]:
                open_brackets.pop()
        elif kind in _OPENING:
            if len(open_brackets) >= MAX_NESTING:
                raise NestingError(token.span)
            open_brackets.append(kind)
        kept.append(token)
    if len(open_brackets) == _MODEL_BODY:
        _end_statement(kept, kept[-1].span.end)
    return kept


def _end_block(open_brackets: list[str]) -> None:
    """An unclosed parenthesis ends with its block."""
    while open_brackets and open_brackets[-1] != "LBRACE":
        open_brackets.pop()


def _end_statement(kept: list[Token], offset: int) -> None:
    if kept[-1].type not in (NEWLINE, "LBRACE"):
        kept.append(Token(NEWLINE, "", offset))


def _goes_on(tokens: Sequence[Token], index: int) -> bool:
    """Whether statements of a model follow, and the `}` that closes it."""
    depth = 0
    is_first = True
    for at in range(index, len(tokens)):
        kind = tokens[at].type
        if kind == NEWLINE:
            continue
        if kind == "MODEL" or (is_first and kind == "RBRACE"):
            return False
        is_first = False
        if kind == "RBRACE" and depth == 0:
            return True
        depth += (kind == "LBRACE") - (kind == "RBRACE")
    return False


def _separates(before: list[Token], open_brackets: list[str], kind: str) -> bool:
    """Whether a newline between the last kept token and one of this kind means anything."""
    if not open_brackets or open_brackets[-1] != "LBRACE":
        return False
    if before[-1].type in ("LBRACE", "COMMA", NEWLINE) or kind in ("LBRACE", "COMMA"):
        return False
    return kind != "RBRACE" or len(open_brackets) == _MODEL_BODY


def begins_statement(tokens: Sequence[Token], index: int) -> bool:
    """Whether the token can only begin a statement of a model (or a model)."""
    if index >= len(tokens):
        return False
    kind = tokens[index].type
    if kind in STATEMENT_WORDS or kind == "MODEL":
        return True
    if index + 1 < len(tokens) and kind == "NAME":
        return tokens[index + 1].type in ("COLON", "LSQB")
    return False
