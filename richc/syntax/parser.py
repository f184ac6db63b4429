"""The parser: a text to a tree, and every bad statement to a diagnostic.

Recovery is simple: the stacks are saved at the start of each statement, and a statement that
cannot be parsed is reported, taken back, and skipped.  So it is in the bodies of repeats and
residuals: what stands beside a bad statement stays.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import NamedTuple

from richc.diagnostics import Diagnostic, Edit, Span, apply
from richc.syntax import tree
from richc.syntax.builder import Builder
from richc.syntax.lalr import Parser, Stacks, Tables, Token, Unexpected, load
from richc.syntax.lexer import (
    NEWLINE,
    UNCLOSED,
    NestingError,
    begins_statement,
    opens_body,
    separate,
)
from richc.syntax.source import Source
from richc.words import LOSSES, NORMS, OPTIMIZERS, PARAMETERIZATIONS, norm_meant

MAX_ERRORS = 100
#: Of one statement; expressions are refused at far fewer.
MAX_TOKENS = 20_000
#: Words that look like an activation where they stand alone, but belong to another statement.
_NO_ACTIVATIONS = frozenset((*OPTIMIZERS, *LOSSES, *PARAMETERIZATIONS))


def _is_no_activation(tokens: Sequence[Token], start: int, end: int) -> bool:
    """Whether what looks like an activation is something else: ``adam``, ``layer_norm(n)``."""
    word = tokens[start].text
    is_bare = end == start + 1
    if not is_bare and tokens[start + 1].type != "LPAR":
        return False
    if norm_meant(word) is not None:
        return not is_bare or word not in NORMS
    return word in _NO_ACTIVATIONS if is_bare else word == "embedding"


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
    run = _Run(tables, source.text, separated, illegal)
    models = run.models()
    found = run.found(source)
    if not found and not models:
        found.append(_messages().no_model(bool(source.text.strip())))
    if len(found) > MAX_ERRORS:
        found = _messages().capped(found, MAX_ERRORS)
    return tree.File(models, comments), tuple(sorted(found, key=lambda d: d.span))


class Mistake(NamedTuple):
    """A finding, and the offset of the token at which it was made."""

    offset: int
    diagnostic: Diagnostic


class _Run:
    """One pass over one file's tokens."""

    def __init__(
        self, tables: Tables, text: str, tokens: list[Token], illegal: list[Token]
    ) -> None:
        self.tables = tables
        self.text = text
        self.tokens = tokens
        #: Characters of no token: what a statement means without them is not known.
        self.illegal = illegal
        self._illegal = [token.start for token in illegal]
        self.errors: list[Mistake] = []
        self._parser = Parser(tables, Builder())
        #: Names (by offset) of models of which a statement was left out.
        self._incomplete: set[int] = set()
        self._cut_short = False
        #: How many repeats and residuals are around the statement that is being read.
        self._bodies = 0

    def found(self, source: Source) -> list[Diagnostic]:
        """All mistakes; on a line with a strange character the first one, the others are noise."""
        if not self.illegal:
            return [error.diagnostic for error in self.errors]
        from richc.syntax.mistakes.characters import illegal

        lines: dict[int, list[Token]] = {}
        for token in self.illegal[: MAX_ERRORS**2]:
            lines.setdefault(source.position(token.start).line, []).append(token)
        strange = list(lines.items())[:MAX_ERRORS]
        first = {n: Mistake(line[0].start, illegal(line, self.text)) for n, line in strange}
        found: list[Diagnostic] = []
        for error in self.errors:
            number = source.position(error.offset).line
            if number not in lines:
                found.append(error.diagnostic)
            elif number in first and error.offset < first[number].offset:
                first[number] = error
        return found + [mistake.diagnostic for mistake in first.values()]

    def models(self) -> tuple[tree.Model, ...]:
        tokens = self.tokens
        index = 0
        while index < len(tokens) and len(self.errors) <= MAX_ERRORS:
            index = self._model(index)
        models: tuple[tree.Model, ...] = self._parser.finish()
        return tuple(
            model._replace(incomplete=True)
            if model.name.span.start in self._incomplete or self._has_illegal(*model.span)
            else model
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
            last = tokens[index - 1]
            end = (tokens[index - 2] if last.type == NEWLINE else last).span.end
            found = _messages().unclosed_model(name, tokens[brace].span, end)
            self.errors.append(Mistake(tokens[brace].start, found))
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
        mark = self._parser.save()
        for at in range(index, min(index + 3, len(tokens))):
            try:
                self._parser.feed(tokens[at])
            except Unexpected as error:
                self._bad_header(index, at, error.accepted)
                break
        else:
            if index + 3 <= len(tokens):
                return index + 2
            self._bad_header(index, len(tokens), frozenset())
        self._parser.restore(mark)
        if tokens[index].type == "LBRACE":
            return None
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

    def _bad_header(self, start: int, at: int, accepted: frozenset[str]) -> None:
        from richc.syntax.mistakes.failure import Failure
        from richc.syntax.mistakes.headers import bad_header

        failure = Failure(self.text, self.tokens, start, at, accepted)
        place = self.tokens[min(at, len(self.tokens) - 1)]
        self.errors.append(Mistake(place.start, bad_header(failure)))

    def _next_model(self, index: int) -> int:
        tokens = self.tokens
        while index < len(tokens) and tokens[index].type != "MODEL":
            index += 1
        return index

    def _statement(self, start: int) -> tuple[int, bool]:
        """Read one statement and its newline; report and skip it where it is wrong.

        Returns where the next begins, and whether all of this one is in the tree.
        """
        tokens = self.tokens
        mark = self._parser.save()
        head = tokens[start - 1].span.end
        at = start
        depth = 0
        complete = True
        #: The stacks behind the statement's body, if it has one.
        closed: Stacks | None = None
        while at < len(tokens):
            token = tokens[at]
            try:
                self._parser.feed(token)
            except Unexpected as error:
                if closed is not None:
                    return self._bad_end(closed, start, at, error.accepted), False
                return self._bad_statement(mark, start, at, error.accepted), False
            if closed is None and at - start > MAX_TOKENS:
                self.errors.append(Mistake(token.start, _messages().too_long(tokens[start].span)))
                self._parser.restore(mark)
                return self._skip(start), False
            if token.type == NEWLINE and depth == 0:
                if _is_no_activation(tokens, start, at):
                    return self._bad_statement(mark, start, at, frozenset({NEWLINE})), False
                if self._has_illegal(head, token.start if closed is None else head):
                    self._parser.restore(mark)
                    return at + 1, False
                return at + 1, complete
            if token.type == "LBRACE" and depth == 0 and opens_body(tokens, at):
                if any(before.type == "ARROW" for before in tokens[start:at]):
                    return self._bad_statement(mark, start, at, frozenset()), False
                if self._has_illegal(head, token.start):
                    return self._bad_head(mark, start, at), False
                at, complete = self._body(at)
                if at == len(tokens):
                    break
                self._parser.feed(Token("RBRACE", tokens[at].text, tokens[at].start))
                closed = self._parser.save()
                head = tokens[at].span.end
            else:
                depth += (token.type == "LBRACE") - (token.type == "RBRACE")
            at += 1
        # The bracket that swallowed the rest of the file swallowed the model's end as well.
        self._cut_short = True
        self._bad_statement(mark, start, len(tokens), frozenset())
        return len(tokens), False

    def _body(self, brace: int) -> tuple[int, bool]:
        """Read the statements of a repeat or residual.

        Returns the index of the token that ends it, and whether all of it is in the tree.
        """
        index = brace + 1
        complete = True
        self._bodies += 1
        # Under a bad head, brackets may have hidden the body from the lexer.
        while index < len(self.tokens) and self.tokens[index].type not in ("RBRACE", UNCLOSED):
            if len(self.errors) > MAX_ERRORS:
                index = self._skip(index)
                complete = False
                continue
            index, good = self._statement(index)
            complete = complete and good
        self._bodies -= 1
        if index < len(self.tokens) and self.tokens[index].type == UNCLOSED:
            complete = False
            found = _messages().unclosed_body(self.tokens[brace], self.tokens[index].start)
            self.errors.append(Mistake(self.tokens[brace].start, found))
        return index, complete

    def _has_illegal(self, start: int, end: int) -> bool:
        return bisect_left(self._illegal, start) < bisect_left(self._illegal, end)

    def _bad_statement(self, mark: Stacks, start: int, at: int, accepted: frozenset[str]) -> int:
        """Report and take back a statement; the index of the next."""
        self._parser.restore(mark)
        after = self._skip(start)
        self._report(start, at, after, accepted)
        brace = at
        while brace < after and self.tokens[brace].type not in (NEWLINE, "LBRACE"):
            brace += 1
        is_brace = brace < after and self.tokens[brace].type == "LBRACE"
        if is_brace and opens_body(self.tokens, brace):
            return self._bad_head(mark, start, brace)
        return after

    def _bad_head(self, mark: Stacks, start: int, brace: int) -> int:
        """Take back a repeat or residual, but for the mistakes inside; the index of the next."""
        self._parser.restore(mark)
        for kind in ("NAME", "COLON", "RESIDUAL", "LBRACE"):
            self._parser.feed(Token(kind, "", self.tokens[brace].start))
        index, _ = self._body(brace)
        self._parser.restore(mark)
        return self._skip(index + 1)

    def _bad_end(self, closed: Stacks, start: int, at: int, accepted: frozenset[str]) -> int:
        """Report what stands behind a body, and go on without it; the index of the next."""
        self._parser.restore(closed)
        after = self._skip(at)
        self._report(start, at, after, accepted)
        self._parser.feed(Token(NEWLINE, "", self.tokens[at].start))
        return after

    def _report(self, start: int, at: int, after: int, accepted: frozenset[str]) -> None:
        from richc.syntax.mistakes.failure import Failure

        found: Diagnostic = _messages().bad_statement(
            Failure(self.text, self.tokens, start, at, accepted)
        )
        if found.edits and not self._mends(start, after, found.edits):
            found = found._replace(edits=())
        place = self.tokens[min(at, len(self.tokens) - 1)]
        self.errors.append(Mistake(place.start, found))

    def _mends(self, start: int, after: int, edits: tuple[Edit, ...]) -> bool:
        """Whether a statement can be read after its edits, up to another mistake behind them."""
        first = self.tokens[start].start
        last = self.tokens[after - 1]
        end = last.start if last.type == NEWLINE else last.span.end
        if any(not first <= edit.span.start <= edit.span.end <= end for edit in edits):
            return False
        moved = [
            Edit(Span(edit.span.start - first, edit.span.end - first), edit.text) for edit in edits
        ]
        before, after_it = "model m {\n", "\n}"
        if self._bodies:
            before, after_it = f"{before}b: residual {{\n", f"\n}}{after_it}"
        statement = apply(self.text[first:end], moved)
        tokens, aside = self.tables.lex(before + statement + after_it)
        # What stands behind the last edit is as long as it was.
        behind = (end - first) - max(edit.span.end for edit in moved)
        reached = len(before) + len(statement) - behind
        if any(token.type == "ILLEGAL" and token.start < reached for token in aside):
            return False
        parser = Parser(self.tables, Builder())
        try:
            for token in separate(tokens):
                parser.feed(token)
        except Unexpected as error:
            return behind > 0 and reached < error.token.start < len(before) + len(statement)
        except NestingError:
            return False
        return True

    def _skip(self, start: int) -> int:
        """Where the statement after the one at ``start`` begins, or where its body ends."""
        #: For each open brace: whether a body begins with it.
        braces: list[bool] = []
        for at in range(start, len(self.tokens)):
            kind = self.tokens[at].type
            if kind == "LBRACE":
                braces.append(opens_body(self.tokens, at))
            elif kind in ("RBRACE", UNCLOSED):
                while kind == UNCLOSED and braces and not braces[-1]:
                    braces.pop()
                if not braces:
                    return at
                braces.pop()
            elif kind == NEWLINE:
                if braces and not braces[-1] and begins_statement(self.tokens, at + 1):
                    while braces and not braces[-1]:
                        braces.pop()
                if not braces:
                    return at + 1
        return len(self.tokens)
