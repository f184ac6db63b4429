"""The same text typed by somebody else: other spaces, lines and commas, and comments anywhere.

Works on tokens, and knows from richc/syntax/lexer.py's rules where a newline means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from hypothesis import strategies as st

from richc.syntax.lalr import Token
from richc.syntax.lexer import separate
from richc.syntax.parser import lex

_OPENING = ("LPAR", "LSQB", "LBRACE")
_CLOSING = ("RPAR", "RSQB", "RBRACE")

#: What comments say beside their number.
_WORDS = ("", " plain", ' { ( [ "', " } ) ]", "# twice", " μP, 宽度", " a, b = c\t", " model x {")

_SPACES = ("", "", " ", " ", "   ", "\t", "\f ")
_SOME_SPACES = (" ", " ", "  ", "\t")
_NEWLINES = ("\n", "\n", "\n\n", "\n \n\t\n\n")


class Scrambled(NamedTuple):
    text: str
    comments: tuple[str, ...]


@st.composite
def scrambled(draw: st.DrawFn, text: str) -> Scrambled:
    """A text that means the same as this one, which has no comments."""
    return _Scrambler(draw).run(text)


class _Scrambler:
    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._comments: list[str] = []
        self._parts: list[str] = []
        #: One in so many places gets a comment or a line break.
        self._rarity: int = draw(st.sampled_from([2, 6, 30]))

    def run(self, text: str) -> Scrambled:
        tokens = separate(lex(text))
        open_brackets: list[str] = []
        self._break(0)
        for at, token in enumerate(tokens):
            kind = token.type
            if kind in _CLOSING:
                open_brackets.pop()
            before = tokens[at - 1] if at else None
            in_block = len(open_brackets) > 1 and open_brackets[-1] == "LBRACE"
            if kind == "NEWLINE":
                # Between statements only: `texts` writes blocks on one line.
                is_comma = len(open_brackets) > 1 and self._rarely()
                self._parts.append("," if is_comma else "")
                self._break(0 if is_comma else 1)
            elif kind == "COMMA" and in_block and self._rarely():
                self._break(1)
            else:
                is_after_item = before is not None and before.type not in ("NEWLINE", "LBRACE")
                if kind == "RBRACE" and open_brackets and is_after_item and self._rarely():
                    self._parts.append(",")
                if before is not None:
                    self._gap(before, token, open_brackets)
                self._parts.append(token.text)
            if kind in _OPENING:
                open_brackets.append(kind)
        self._break(0)
        return Scrambled("".join(self._parts), tuple(self._comments))

    def _gap(self, before: Token, token: Token, open_brackets: list[str]) -> None:
        """What stands between two tokens of one statement."""
        in_brackets = bool(open_brackets) and open_brackets[-1] != "LBRACE"
        closes = token.type == "RBRACE" and len(open_brackets) > 1
        is_free = (
            in_brackets
            or before.type in ("LPAR", "LSQB", "LBRACE", "COMMA")
            or token.type in ("LBRACE", "COMMA", "RPAR", "RSQB")
            or closes
        )
        if is_free and self._rarely():
            self._break(0)
        needs = re.fullmatch(r"[\w.]{2}", before.text[-1:] + token.text[:1]) is not None
        self._parts.append(self._draw(st.sampled_from(_SOME_SPACES if needs else _SPACES)))

    def _break(self, least: int) -> None:
        """Line ends and comments, at least so many line ends."""
        parts = self._parts
        while self._rarely():
            parts.append(self._draw(st.sampled_from(_SPACES)))
            if self._draw(st.booleans()):
                parts.append(self._draw(st.sampled_from(_NEWLINES)))
                least -= 1
            if self._draw(st.booleans()):
                comment = f"#{len(self._comments)}{self._draw(st.sampled_from(_WORDS))}"
                self._comments.append(comment.rstrip())
                parts += (comment, "\n")
                least -= 1
        if least > 0:
            parts.append(self._draw(st.sampled_from(_NEWLINES)))

    def _rarely(self) -> bool:
        return self._draw(st.integers(1, self._rarity)) == self._rarity


#: A character put in, taken out or doubled somewhere.
Damage = Callable[[str], str]


def damage() -> st.SearchStrategy[Damage]:
    """Small mistakes of typing; some leave a text that still parses."""
    return st.builds(
        _damage,
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["cut", "put", "double"]),
        st.sampled_from([*'\n\n#,,{}()[]=:^*/-+? "1n.é\r\f', "bias", "model", "width "]),
        st.integers(1, 5),
    )


def _damage(where: float, what: str, text: str, length: int) -> Damage:
    def apply(before: str) -> str:
        at = int(where * (len(before) + 1))
        if what == "cut":
            return before[:at] + before[at + length :]
        if what == "put":
            return before[:at] + text + before[at:]
        return before[: at + length] + before[at:]

    return apply
