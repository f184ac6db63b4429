"""From raw tokens to the parser's: newlines only where they separate something.

Inside ``( )`` and ``[ ]`` a newline is white space; in a ``{ }`` block it separates items; in a
body (of a model, a repeat or a residual) it ends a statement, and so does a comma in the last two.
An unclosed bracket must not swallow the rest of the file, so a line that can only begin a statement
closes what is still open: up to the innermost body, or up to the model.
"""

from __future__ import annotations

from collections.abc import Sequence

from richc.diagnostics import Span
from richc.syntax.lalr import Token
from richc.words import ACTIVATIONS

NEWLINE = "NEWLINE"
#: A `}` that closes nothing: the model that it stands in goes on after it, up to its own `}`.
STRAY = "STRAY"
#: Where the body of a repeat or residual ends without a `}`.
UNCLOSED = "UNCLOSED"

#: Terminals that are names wherever a name may stand: words only in their own places.
NAMES = (
    "NAME",
    "BASE",
    "IN",
    "DEPTH",
    "TOKENS",
    "REPEAT",
    "RESIDUAL",
    "RMSNORM",
    "LAYERNORM",
)

#: Words that a statement of a model begins with (by the names of their terminals).
STATEMENT_WORDS = {
    "WIDTH": "width",
    "DEPTH": "depth",
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

_CLOSING = {"RPAR": "LPAR", "RSQB": "LSQB", "RBRACE": "LBRACE"}
_OPENING = frozenset(_CLOSING.values())
#: Among open brackets, a brace with statements inside.
_BODY = "BODY"
_MODEL_BODY = 1
_INNER = ("REPEAT", "RESIDUAL")
_NORMS = ("RMSNORM", "LAYERNORM")
_LAYERS = ("dense", "embedding")
#: What a residual may begin with.
_ATTRIBUTES = ("scale", "skip")
_BEFORE_STATEMENT = (NEWLINE, "LBRACE", "RBRACE", STRAY, UNCLOSED)


class NestingError(Exception):
    """Brackets nested deeper than any model needs."""

    def __init__(self, span: Span) -> None:
        super().__init__(span)
        self.span = span


def separate(tokens: Sequence[Token]) -> list[Token]:
    """Keep the newlines that separate, drop the others, end every statement with one.

    Raises NestingError.
    """
    separator = _Separator(tokens)
    newline: Token | None = None
    for index, token in enumerate(tokens):
        if token.type == NEWLINE:
            newline = newline or token
            continue
        if newline is not None:
            separator.line(index, newline)
            newline = None
        separator.token(index)
    return separator.end()


class _Separator:
    """The tokens kept so far, and the brackets that are open behind them."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._kept: list[Token] = []
        self._open: list[str] = []
        #: Whether all braces of the model are closed; None until that is asked.
        self._is_balanced: bool | None = None

    def line(self, index: int, newline: Token) -> None:
        """A line begins with the token at an index."""
        kind = self._tokens[index].type
        is_first = begins_statement(self._tokens, index)
        if is_first and len(self._open) > _MODEL_BODY:
            self._close(self._left(index))
        if self._separates(kind):
            self._kept.append(newline)
        if is_first and kind == "MODEL":
            self._open.clear()

    def token(self, index: int) -> None:
        """The next token.  Raises NestingError."""
        token = self._tokens[index]
        kind = token.type
        if not self._open:
            self._is_balanced = None
        if kind == "COMMA":
            # Inside a body, not in brackets of its own, it ends a statement.
            if self._is_in_inner_body and not self._is_ended:
                token = token._replace(type=NEWLINE)
        elif kind == "RBRACE":
            while self._open and self._open[-1] not in ("LBRACE", _BODY):
                self._open.pop()  # An unclosed parenthesis ends with its block.
            if self._is_in_body:
                if len(self._open) == _MODEL_BODY and _goes_on(self._tokens, index + 1):
                    self._kept.append(token._replace(type=STRAY))
                    return
                self._end_statement(token.start)
        if kind in _CLOSING:
            if self._open and self._open[-1] in (_CLOSING[kind], _BODY):
                self._open.pop()
        elif kind in _OPENING:
            if len(self._open) >= MAX_NESTING:
                raise NestingError(token.span)
            self._open.append(self._bracket(index))
        self._kept.append(token)

    def end(self) -> list[Token]:
        if _BODY in self._open[_MODEL_BODY:]:
            self._close(_MODEL_BODY)
        if self._open == [_BODY]:
            self._end_statement(self._kept[-1].span.end)
        return self._kept

    @property
    def _is_in_body(self) -> bool:
        return bool(self._open) and self._open[-1] == _BODY

    @property
    def _is_in_inner_body(self) -> bool:
        return self._is_in_body and len(self._open) > _MODEL_BODY

    @property
    def _is_ended(self) -> bool:
        return self._kept[-1].type in (NEWLINE, "LBRACE")

    def _bracket(self, index: int) -> str:
        kind, kept = self._tokens[index].type, self._kept
        if kind != "LBRACE" or (self._open and not self._is_in_body):
            return kind
        is_body = not self._open or opens_body(kept, len(kept), self._tokens, index)
        return _BODY if is_body else kind

    def _left(self, index: int) -> int:
        """How many brackets stay open where a statement begins."""
        if self._tokens[index].type == "MODEL":
            return _MODEL_BODY
        if self._tokens[index].type in STATEMENT_WORDS:
            if self._is_balanced is None:
                depth = sum(bracket in ("LBRACE", _BODY) for bracket in self._open)
                self._is_balanced = _is_balanced(self._tokens, index, depth)
            # Otherwise the statement is in the wrong place, and the body goes on behind it.
            if not self._is_balanced:
                return _MODEL_BODY
        bodies = (at for at, bracket in enumerate(self._open, 1) if bracket == _BODY)
        return max(bodies, default=_MODEL_BODY)

    def _close(self, left: int) -> None:
        """End everything that was opened after so many brackets."""
        end = self._kept[-1].span.end
        while len(self._open) > left:
            if self._open.pop() == _BODY:
                self._end_statement(end)
                self._kept.append(Token(UNCLOSED, "", end))

    def _end_statement(self, offset: int) -> None:
        if not self._is_ended:
            self._kept.append(Token(NEWLINE, "", offset))

    def _separates(self, kind: str) -> bool:
        """Whether a newline between the last kept token and one of this kind means anything."""
        if not self._open or self._open[-1] not in ("LBRACE", _BODY):
            return False
        is_going_on = self._kept[-1].type == "COMMA" and not self._is_in_inner_body
        if self._is_ended or is_going_on or kind in ("LBRACE", "COMMA"):
            return False
        return kind != "RBRACE" or self._is_in_body


def _is_balanced(tokens: Sequence[Token], index: int, depth: int) -> bool:
    """Whether the braces that are open before a token are closed where their model ends."""
    for at in range(index, len(tokens)):
        kind = tokens[at].type
        depth += (kind == "LBRACE") - (kind == "RBRACE")
        if depth == 0:
            after = next((t.type for t in tokens[at + 1 :] if t.type != NEWLINE), "MODEL")
            return after == "MODEL"
    return False


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


def opens_body(
    tokens: Sequence[Token], brace: int, behind: Sequence[Token] = (), index: int = 0
) -> bool:
    """Whether a `{` at an index begins the body of a repeat or residual, well written or not.

    Its head says so or, where that is of no layer, what stands behind the `{`: ``behind`` from
    ``index`` on, or else ``tokens``.  Both are such as ``separate`` keeps, or takes.
    """
    at = brace - 1
    while at >= 0 and tokens[at].type not in _BEFORE_STATEMENT:
        kind = tokens[at].type
        is_first = at == 0 or tokens[at - 1].type in _BEFORE_STATEMENT
        is_kind = is_first or tokens[at - 1].type == "COLON"
        if kind in _INNER and is_kind and not is_first:
            return True
        if (kind in _NORMS or tokens[at].text in _LAYERS) and is_kind:
            return False
        at -= 1
    first = tokens[at + 1].type if at + 1 < brace else ""
    if first in STATEMENT_WORDS and first not in NAMES:
        return False
    return _begins_with_statement(behind or tokens, (index if behind else brace) + 1)


def _begins_with_statement(tokens: Sequence[Token], at: int) -> bool:
    """Whether what stands from a token on is a statement, behind a residual's attributes or not."""
    line: list[Token] = []
    nested = 0
    for index in range(at, len(tokens)):
        token = tokens[index]
        nested += (token.type in ("LPAR", "LSQB")) - (token.type in ("RPAR", "RSQB"))
        if token.type == NEWLINE and (nested > 0 or not line):
            continue
        if token.type not in (NEWLINE, "COMMA", "LBRACE", "RBRACE", UNCLOSED):
            line.append(token)
            continue
        if _is_statement(line):
            return True
        is_attribute = len(line) > 1 and line[0].text in _ATTRIBUTES and line[1].type == "EQUAL"
        if not is_attribute or token.type not in (NEWLINE, "COMMA"):
            return False
        line = []
    return False


def _is_statement(line: Sequence[Token]) -> bool:
    """Whether some tokens are a layer, a norm or an activation, and no attribute."""
    kinds = [token.type for token in line]
    if "COLON" in kinds[1:]:
        kind = line[min(kinds.index("COLON") + 1, len(line) - 1)]
        return "ARROW" in kinds or kind.type in (*_INNER, *_NORMS)
    return len(line) == 1 and (kinds[0] in _NORMS or line[0].text in ACTIVATIONS)


def begins_statement(tokens: Sequence[Token], index: int) -> bool:
    """Whether the token can only begin a statement of a model (or a model)."""
    if index >= len(tokens):
        return False
    kind = tokens[index].type
    after = tokens[index + 1].type if index + 1 < len(tokens) else ""
    if kind in NAMES and kind != "IN" and after in ("COLON", "LSQB"):
        return True
    if kind == "DEPTH":
        return after in NAMES
    if kind == "OPTIMIZER":
        return after != "EQUAL"  # `optimizer = muon` is an attribute.
    return kind in STATEMENT_WORDS or kind == "MODEL"
