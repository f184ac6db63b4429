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
        if kind in _CLOSING:
            if kind == "RBRACE":
                # An unclosed parenthesis ends with its block.
                while open_brackets and open_brackets[-1] != "LBRACE":
                    open_brackets.pop()
                if len(open_brackets) == _MODEL_BODY and kept[-1].type not in (NEWLINE, "LBRACE"):
                    kept.append(Token(NEWLINE, "", token.start))
            if open_brackets and open_brackets[-1] == _CLOSING[kind]:
                open_brackets.pop()
        elif kind in _OPENING:
            if len(open_brackets) >= MAX_NESTING:
                raise NestingError(token.span)
            open_brackets.append(kind)
        kept.append(token)
    if len(open_brackets) == _MODEL_BODY and kept[-1].type not in (NEWLINE, "LBRACE"):
        kept.append(Token(NEWLINE, "", kept[-1].span.end))
    return kept


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
