"""The parser: a text to a tree, and every bad statement to a diagnostic.

Recovery is simple: the stacks are saved at the start of each statement, and a statement that
cannot be parsed is reported, taken back, and skipped.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType

from richc.diagnostics import Diagnostic, Span
from richc.syntax import tree
from richc.syntax.builder import Builder
from richc.syntax.lalr import Parser, Stacks, Tables, Token, Unexpected, load
from richc.syntax.lexer import NestingError, begins_statement, separate
from richc.syntax.source import Source

MAX_ERRORS = 100
#: Of one statement; expressions are refused at far fewer.
MAX_TOKENS = 20_000


def _messages() -> ModuleType:
    """The messages, which only a file with mistakes needs."""
    from richc.syntax import messages

    return messages


@cache
def _tables() -> Tables:
    return load()


def lex(text: str) -> list[Token]:
    """The tokens of a text, newlines included, comments not."""
    tokens, _ = _tables().lex(text)
    return tokens


def parse(source: Source) -> tuple[tree.File, tuple[Diagnostic, ...]]:
    """Parse a source; the tree leaves out what the diagnostics report."""
    tables = _tables()
    tokens, aside = tables.lex(source.text)
    illegal = [token for token in aside if token.type == "ILLEGAL"]
    comments = tuple(
        tree.Name(token.text, token.span) for token in aside if token.type == "COMMENT"
    )
    try:
        separated = separate(tokens)
    except NestingError as error:
        return tree.File((), comments), (_messages().too_deep(error.span),)
    run = _Run(tables, separated)
    # Without its stray characters a statement means something else.
    models = tuple(
        model._replace(incomplete=True)
        if any(model.span.start <= token.start < model.span.end for token in illegal)
        else model
        for model in run.models()
    )
    found = [_messages().illegal_character(token) for token in _first_on_lines(illegal, source)]
    # A line with a stray character is already reported; what follows from it is noise.
    reported = {source.position(token.start).line for token in illegal}
    found += [e for e in run.errors if source.position(e.span.start).line not in reported]
    if not found and not models:
        found.append(_messages().no_model(bool(source.text.strip())))
    if len(found) > MAX_ERRORS:
        found = _messages().capped(found, MAX_ERRORS)
    return tree.File(models, comments), tuple(sorted(found, key=lambda d: d.span))


def _first_on_lines(illegal: list[Token], source: Source) -> list[Token]:
    """One a line: the quotes around a word are one mistake."""
    lines: dict[int, Token] = {}
    for token in illegal[: MAX_ERRORS**2]:
        lines.setdefault(source.position(token.start).line, token)
    return list(lines.values())[:MAX_ERRORS]


class _Run:
    """One pass over one file's tokens."""

    def __init__(self, tables: Tables, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.errors: list[Diagnostic] = []
        self._parser = Parser(tables, Builder())
        self._mark: Stacks = self._parser.save()
        #: Names (by offset) of models of which a statement was left out.
        self._incomplete: set[int] = set()
        self._cut_short = False

    def models(self) -> tuple[tree.Model, ...]:
        tokens = self.tokens
        index = 0
        while index < len(tokens) and len(self.errors) <= MAX_ERRORS:
            index = self._model(index)
        models: tuple[tree.Model, ...] = self._parser.finish()
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
        name = self._parser.values[-2]
        index = brace + 1
        while index < len(tokens) and not self._ends_model(index):
            index, complete = self._statement(index)
            if not complete:
                self._incomplete.add(name.span.start)
            if len(self.errors) > MAX_ERRORS:
                break
        if index < len(tokens) and tokens[index].type == "RBRACE":
            self._parser.feed(tokens[index])
            return index + 1
        if len(self.errors) <= MAX_ERRORS and not self._cut_short:
            self.errors.append(_messages().unclosed_model(name, tokens[brace].span))
        self._incomplete.add(name.span.start)
        self._parser.feed(Token("RBRACE", "", tokens[index - 1].span.end))
        return index

    def _ends_model(self, index: int) -> bool:
        kind = self.tokens[index].type
        if kind == "MODEL" and index + 1 < len(self.tokens):
            # `model: dense -> n` is a layer with a reserved name.
            return self.tokens[index + 1].type not in ("COLON", "LSQB")
        return kind in ("MODEL", "RBRACE")

    def _header(self, index: int) -> int | None:
        """Feed ``model NAME {``, mending it where it is wrong; the brace's index, or None."""
        tokens = self.tokens
        self._mark = self._parser.save()
        for at in range(index, min(index + 3, len(tokens))):
            try:
                self._parser.feed(tokens[at])
            except Unexpected:
                self.errors.append(_messages().bad_header(tokens, index, at))
                break
        else:
            if index + 3 <= len(tokens):
                return index + 2
            self.errors.append(_messages().bad_header(tokens, index, len(tokens)))
        self._parser.restore(self._mark)
        brace = next(
            (at for at in range(index, min(index + 4, len(tokens))) if tokens[at].type == "LBRACE"),
            None,
        )
        if brace is None:
            return None
        first = tokens[index]
        for token in (Token("MODEL", "", first.start), Token("NAME", "", first.start)):
            self._parser.feed(token)
        self._parser.feed(tokens[brace])
        # What stands before the brace is in the name's place.
        self._parser.values[-2] = tree.Name("model", Span(first.start, tokens[brace].start))
        self._incomplete.add(first.start)
        return brace

    def _next_model(self, index: int) -> int:
        tokens = self.tokens
        while index < len(tokens) and tokens[index].type != "MODEL":
            index += 1
        return index

    def _statement(self, start: int) -> tuple[int, bool]:
        """Read one statement and its newline; report and skip it where it is wrong."""
        tokens = self.tokens
        self._mark = self._parser.save()
        depth = 0
        for at in range(start, len(tokens)):
            token = tokens[at]
            try:
                self._parser.feed(token)
            except Unexpected as error:
                self.errors.append(_messages().bad_statement(tokens, start, at, error))
                self._parser.restore(self._mark)
                return self._skip(start), False
            if at - start > MAX_TOKENS:
                self.errors.append(_messages().too_long(tokens[start].span))
                self._parser.restore(self._mark)
                return self._skip(start), False
            if token.type == "NEWLINE" and depth == 0:
                return at + 1, True
            depth += (token.type == "LBRACE") - (token.type == "RBRACE")
        # The bracket that swallowed the rest of the file swallowed the model's end as well.
        self._cut_short = True
        self.errors.append(_messages().bad_statement(tokens, start, len(tokens), None))
        self._parser.restore(self._mark)
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
