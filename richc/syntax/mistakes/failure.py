"""Where a statement stops making sense, and what can be asked about that place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from richc.diagnostics import Diagnostic, Edit, Label, Span
from richc.syntax.lalr import Token
from richc.syntax.lexer import NEWLINE
from richc.words import ACTIVATIONS

OPENING = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
_CLOSING = {closing: opening for opening, closing in OPENING.items()}
#: A statement of each kind, to show how it is written.
EXAMPLES = {
    "WIDTH": "width n = 1024, base n0 = 64",
    "DEPTH": "depth L = 24, base L0 = 4",
    "RICHNESS": "richness r = 1/2, gamma = 1",
    "PARAMETERIZATION": "parameterization mup, gauge = stp",
    "INPUT": "input 64",
    "OPTIMIZER": "optimizer adam { lr = 1e-3 }",
    "LOSS": "loss cross_entropy",
    "TRAIN": "train { steps = 1000, batch = 128 }",
    "REQUIRE": "require mup",
    "WITH": "with ckpt, log",
    "layer": "body[2]: dense -> n { var = 2 / fan_in, lr = 1 / fan_in }",
}
#: Longer texts of the user are not repeated in a message.
_MOST = 60
_NONE = Token("$END", "", 0)


def syntax(
    message: str,
    span: Span,
    help: str | None = None,
    *,
    label: str = "",
    labels: tuple[Label, ...] = (),
    edits: Iterable[Edit] = (),
) -> Diagnostic:
    return Diagnostic(
        "R001",
        message,
        span,
        label,
        labels=labels,
        help=help,
        edits=tuple(edits),
    )


class Failure(NamedTuple):
    """The statement that begins at token ``start`` cannot go on with token ``at``."""

    text: str
    tokens: Sequence[Token]
    start: int
    at: int
    #: The terminals that could.
    accepted: frozenset[str]

    @property
    def first(self) -> Token:
        return self.tokens[self.start]

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    @property
    def before(self) -> Token:
        return self.peek(-1)

    def peek(self, by: int) -> Token:
        """The token so far after the one that fails, in this statement or after it."""
        at = self.at + by
        return self.get(at) if at >= self.start else _NONE

    def get(self, index: int) -> Token:
        """The token at an index, or an empty one where there is none."""
        return self.tokens[index] if 0 <= index < len(self.tokens) else _NONE

    def kinds(self, start: int, count: int) -> tuple[str, ...]:
        """The terminals of so many tokens from the one that fails, by offset."""
        return tuple(self.peek(by).type for by in range(start, start + count))

    def touches(self, by: int) -> bool:
        """Whether nothing stands between a token and the one before it."""
        return self.peek(by - 1).span.end == self.peek(by).start

    def is_on_new_line(self, index: int) -> bool:
        if index <= 0 or index >= len(self.tokens):
            return True
        token = self.tokens[index]
        before = self.tokens[index - 1]
        if NEWLINE in (before.type, token.type):
            return True
        between = self.text[before.span.end : token.start]
        return "\n" in between or "\r" in between

    @property
    def line_end(self) -> int:
        """Index of the first token after the failing one that is not on its line."""
        index = self.at + (self.token.type != "NEWLINE")
        while index < len(self.tokens) and not self.is_on_new_line(index):
            index += 1
        return index

    @property
    def line_start(self) -> int:
        """Index of the first token of the failing one's line, in this statement."""
        index = self.at
        while index > self.start and not self.is_on_new_line(index):
            index -= 1
        return index

    def span(self, start: int, end: int) -> Span:
        """From token to token, by index, the end exclusive; the first is always in it."""
        return self.tokens[start].span.to(self.tokens[max(start, end - 1)].span)

    def words(self, start: int, end: int) -> str:
        """What the user wrote there, or dots where that is long."""
        if end <= start:
            return ""
        span = self.span(start, end)
        text = " ".join(self.text[span.start : span.end].split())
        return text if len(text) <= _MOST else "..."

    def value(self, start: int) -> str:
        """What the user wrote as the value that begins at a token: up to a comma or a bracket."""
        depth = 0
        for index in range(start, len(self.tokens)):
            kind = self.tokens[index].type
            depth += (kind in OPENING) - (kind in _CLOSING)
            if depth < 0 or (depth == 0 and kind == "COMMA") or self.is_on_new_line(index):
                return self.words(start, index)
        return self.words(start, len(self.tokens))

    def without_token(self) -> Edit:
        """Take the failing token out, and leave one blank between its neighbours."""
        span = Span(self.before.span.end, self.token.span.end)
        return Edit(span, " " if self.touches(1) else "")

    @property
    def unclosed(self) -> int | None:
        """Index of the innermost bracket that is open before the failing token."""
        brackets: list[int] = []
        for index in range(self.start, self.at):
            kind = self.tokens[index].type
            if kind in OPENING:
                brackets.append(index)
            elif kind in _CLOSING and brackets:
                brackets.pop()
        return brackets[-1] if brackets else None

    def closing(self, opening: int) -> int | None:
        """Index of the bracket that closes the one at an index, on the same line."""
        depth = 0
        for index in range(opening, len(self.tokens)):
            if index > opening and self.is_on_new_line(index):
                return None
            kind = self.tokens[index].type
            depth += (kind in OPENING) - (kind in _CLOSING)
            if depth == 0:
                return index
        return None

    @property
    def is_in_block(self) -> bool:
        opened = self.unclosed
        return opened is not None and self.tokens[opened].type == "LBRACE"


def rewritten(message: str, span: Span, right: str) -> Diagnostic:
    """What stands there is written otherwise."""
    return syntax(message, span, f"write `{right}`", edits=[Edit(span, right)])


def superfluous(message: str, token: Token) -> Diagnostic:
    """A token that is one too many."""
    return syntax(message, token.span, "remove it", edits=[replace(token, "")])


def insert(offset: int, text: str) -> Edit:
    return Edit(Span(offset, offset), text)


def replace(token: Token, text: str) -> Edit:
    return Edit(token.span, text)


def is_activation(word: str) -> bool:
    """In whatever letters: ``LeakyReLU``."""
    return word.lower().replace("_", "") in {name.replace("_", "") for name in ACTIVATIONS}
