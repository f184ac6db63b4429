"""The parser: a text to a tree, and every bad statement to a diagnostic.

It drives lark's LALR tables itself, one token at a time, because that is what makes recovery
simple: the parser's stacks are saved at the start of each statement, and a statement that cannot
be parsed is reported, taken back, and skipped.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from lark import Lark, Token, Tree, UnexpectedToken
from lark.lexer import LexerThread

from richc.diagnostics import Diagnostic, Span
from richc.syntax import messages, tables, tree
from richc.syntax.builder import Builder
from richc.syntax.lexer import NestingError, begins_statement, separate, span_of
from richc.syntax.source import Source

MAX_ERRORS = 100

_END = "$END"

_Stacks = tuple[list[Any], list[Any], list[int]]


class _Language:
    """The loaded tables, with what the lexer sets aside of the text it is reading."""

    def __init__(self) -> None:
        self.aside: list[Token] = []
        stored = tables.load()
        self.lark = Lark._load_from_dict(
            stored["data"],
            stored["memo"],
            transformer=Builder(),
            lexer_callbacks={"COMMENT": self._set_aside, "ILLEGAL": self._set_aside},
        )

    def _set_aside(self, token: Token) -> Token:
        self.aside.append(token)
        return token

    def lex(self, text: str) -> tuple[list[Token], list[Token]]:
        """All tokens of the text, and the comments and illegal characters beside them."""
        self.aside = []
        lexer: Any = self.lark.parser
        tokens = list(LexerThread.from_text(lexer.lexer, text).lex(None))
        return tokens, self.aside


@cache
def _language() -> _Language:
    return _Language()


def parse(source: Source) -> tuple[tree.File, tuple[Diagnostic, ...]]:
    """Parse a source; the tree leaves out what the diagnostics report."""
    language = _language()
    tokens, aside = language.lex(source.text)
    illegal = [token for token in aside if token.type == "ILLEGAL"]
    comments = tuple(
        tree.Name(str(token), span_of(token)) for token in aside if token.type == "COMMENT"
    )
    try:
        separated = separate(tokens)
    except NestingError as error:
        return tree.File((), comments), (messages.too_deep(error.span),)
    run = _Run(language, separated)
    models = run.models()
    found = [messages.illegal_character(token) for token in illegal[:MAX_ERRORS]]
    # A statement with a stray character is already reported; what follows from it is noise.
    found += [e for e in run.errors if not any(_touches(e, span_of(t)) for t in illegal)]
    if not found and not models:
        found.append(messages.no_model(bool(source.text.strip())))
    if len(found) > MAX_ERRORS:
        found = [*found[:MAX_ERRORS], messages.too_many(found[MAX_ERRORS].span)]
    return tree.File(models, comments), tuple(sorted(found, key=lambda d: d.span))


def _touches(error: Diagnostic, illegal: Span) -> bool:
    return abs(error.span.start - illegal.end) <= 1 or abs(illegal.start - error.span.end) <= 1


class _Run:
    """One pass over one file's tokens."""

    def __init__(self, language: _Language, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.errors: list[Diagnostic] = []
        self._state = language.lark.parse_interactive("").parser_state
        self._mark = self._stacks()
        #: Names (by offset) of models of which a statement was left out.
        self._incomplete: set[int] = set()

    def models(self) -> tuple[tree.Model, ...]:
        tokens = self.tokens
        index = 0
        while index < len(tokens) and len(self.errors) <= MAX_ERRORS:
            index = self._model(index)
        models: tuple[tree.Model, ...] = self._state.feed_token(Token(_END, ""), is_end=True)
        return tuple(
            model._replace(incomplete=True) if model.name.span.start in self._incomplete else model
            for model in models
        )

    def _model(self, index: int) -> int:
        """Read one model from ``index``; return where the next may begin."""
        tokens = self.tokens
        brace = self._header(index)
        if brace is None:
            return self._next_model(index + 1)
        name = self._state.value_stack[-2]
        index = brace + 1
        while index < len(tokens) and tokens[index].type not in ("RBRACE", "MODEL"):
            index, complete = self._statement(index)
            if not complete:
                self._incomplete.add(name.span.start)
            if len(self.errors) > MAX_ERRORS:
                break
        if index < len(tokens) and tokens[index].type == "RBRACE":
            self._state.feed_token(tokens[index])
            return index + 1
        if len(self.errors) <= MAX_ERRORS:
            self.errors.append(messages.unclosed_model(name, span_of(tokens[brace])))
        self._incomplete.add(name.span.start)
        self._state.feed_token(Token.new_borrow_pos("RBRACE", "}", tokens[index - 1]))
        return index

    def _header(self, index: int) -> int | None:
        """Feed ``model NAME {``, mending it where it is wrong; the brace's index, or None."""
        tokens = self.tokens
        self._mark = self._stacks()
        for at in range(index, min(index + 3, len(tokens))):
            try:
                self._state.feed_token(tokens[at])
            except UnexpectedToken as error:
                self.errors.append(messages.bad_header(tokens, index, at, error))
                break
        else:
            if index + 3 <= len(tokens):
                return index + 2
            self.errors.append(messages.bad_header(tokens, index, len(tokens), None))
        self._restore()
        brace = next(
            (at for at in range(index, min(index + 4, len(tokens))) if tokens[at].type == "LBRACE"),
            None,
        )
        if brace is None:
            return None
        first = tokens[index]
        for kind, text in (("MODEL", "model"), ("NAME", "model"), ("LBRACE", "{")):
            self._state.feed_token(Token.new_borrow_pos(kind, text, first))
        self._incomplete.add(first.start_pos or 0)
        return brace

    def _next_model(self, index: int) -> int:
        tokens = self.tokens
        while index < len(tokens) and tokens[index].type != "MODEL":
            index += 1
        return index

    def _statement(self, start: int) -> tuple[int, bool]:
        """Read one statement and its newline; report and skip it where it is wrong."""
        tokens = self.tokens
        self._mark = self._stacks()
        depth = 0
        for at in range(start, len(tokens)):
            token = tokens[at]
            try:
                self._state.feed_token(token)
            except UnexpectedToken as error:
                self.errors.append(messages.bad_statement(tokens, start, at, error))
                self._restore()
                return self._skip(start), False
            if token.type == "NEWLINE" and depth == 0:
                return at + 1, True
            depth += (token.type == "LBRACE") - (token.type == "RBRACE")
        self.errors.append(messages.bad_statement(tokens, start, len(tokens), None))
        self._restore()
        return len(tokens), False

    def _skip(self, start: int) -> int:
        """Where the statement after the one at ``start`` begins, or where its model ends."""
        depth = 0
        for at in range(start, len(self.tokens)):
            kind = self.tokens[at].type
            if kind == "LBRACE":
                depth += 1
            elif kind == "RBRACE":
                if depth == 0:
                    return at
                depth -= 1
            elif kind == "NEWLINE" and (depth == 0 or begins_statement(self.tokens, at + 1)):
                return at + 1
        return len(self.tokens)

    def _stacks(self) -> _Stacks:
        values = list(self._state.value_stack)
        # A repetition's children are extended in place: their number is part of the state.
        lengths = [len(v.children) if isinstance(v, Tree) else 0 for v in values]
        return list(self._state.state_stack), values, lengths

    def _restore(self) -> None:
        states, values, lengths = self._mark
        self._state.state_stack[:] = states
        self._state.value_stack[:] = values
        for value, length in zip(values, lengths, strict=True):
            if isinstance(value, Tree):
                del value.children[length:]
