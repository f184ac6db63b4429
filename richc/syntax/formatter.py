"""The one layout of .rich files: ``richc fmt``, and formatting in editors.

Every statement is a line; a block that does not fit, or that holds a comment, has a line for each
of its items.  A comment keeps its place: above what it stands above, at the end of the line that
it ends.  One that stands inside a line that becomes one line goes to that line's end or, where
another comment is there, above it.  Neither order nor wording of anything changes, so the text
means what it meant.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from richc.syntax import tree
from richc.syntax.columns import LINE_LENGTH, CodeLine, ColumnRow, align, render
from richc.syntax.lalr import Token
from richc.syntax.parser import lex, parse
from richc.syntax.source import Source
from richc.syntax.spacing import spaced

#: What can be laid out: all of these are written in the same way.
_Node = tree.Statement | tree.Item


def format_text(text: str) -> str:
    """The text in the one layout; one that does not parse comes back as it is."""
    source = Source("<text>", text)
    file, problems = parse(source)
    if problems:
        return text
    return ("\ufeff" if source.has_mark else "") + layout(source, file)


def unfolded(text: str) -> str | None:
    """A text that is in the one layout, without columns and with blocks on one line; else None.

    What is edited there, ``format_text`` lays out again.  A block with a comment stays as it is.
    """
    source = Source("<text>", text)
    file, problems = parse(source)
    if problems or layout(source, file) != source.text:
        return None
    return layout(source, file, folds=False)


def layout(source: Source, file: tree.File, *, folds: bool = True) -> str:
    """The text of a source that parsed without problems into this tree, in the one layout.

    Without ``folds``: no columns, and lines of any length.
    """
    tokens = lex(source.text)
    newline = next((token.text for token in tokens if token.type == "NEWLINE"), "\n")
    code = [token for token in tokens if token.type != "NEWLINE"]
    writer = _Writer(source, file, code, LINE_LENGTH if folds else len(source.text))
    lines = align(writer.lines) if folds else writer.lines
    return "".join(f"{line}{newline}" for line in render(lines))


class _Comment(NamedTuple):
    text: str
    start: int
    #: Whether it ends a line of code.
    is_beside: bool


class _Writer:
    """Walks the tree, line by line, and puts each comment where it belongs on the way."""

    def __init__(self, source: Source, file: tree.File, tokens: list[Token], longest: int) -> None:
        self.lines: list[CodeLine] = []
        self._source = source
        self._tokens = tokens
        self._longest = longest
        self._starts = [token.start for token in tokens]
        self._comment_starts = [comment.span.start for comment in file.comments]
        self._comments = [self._comment(comment) for comment in file.comments]
        #: The first comment that is not written yet.
        self._next = 0
        #: Lines of blocks, by the places where these begin.
        self._flat: dict[int, str] = {}
        end = len(source.text) + 1
        for at, model in enumerate(file.models):
            following = file.models[at + 1].span.start if at + 1 < len(file.models) else end
            self._model(model, following)
        self._own(end, 0)

    def _comment(self, comment: tree.Name) -> _Comment:
        start = comment.span.start
        before = bisect_left(self._starts, start) - 1
        is_beside = before >= 0 and self._line(self._tokens[before].start) == self._line(start)
        return _Comment(comment.text.rstrip(" \t\f"), start, is_beside)

    def _model(self, model: tree.Model, following: int) -> None:
        close = model.span.end - 1
        starts = [statement.span.start for statement in model.statements] + [close]
        name = self._between(model.span.start, model.name.span.end)
        brace = self._starts[bisect_left(self._starts, model.name.span.end)]
        self._line_of(CodeLine(0, f"{spaced(name)} {{"), model.span.start, brace + 1, starts[0])
        for statement, after in zip(model.statements, starts[1:], strict=True):
            self._node(statement, after, 1)
        self._close(close, following, 0)

    def _node(self, node: _Node, following: int, depth: int) -> None:
        """One statement or item; ``following`` is where the next, or the closing brace, begins."""
        block = _block(node)
        start, end = node.span
        kind = type(node)
        if block is None or self._is_flat(node, block, depth):
            line = CodeLine(depth, self._one_line(node), kind=kind, row=self._row(node, block))
            self._line_of(line, start, end, following)
            return
        close = block.span.end - 1
        starts = [item.span.start for item in block.items] + [close]
        head = f"{self._head(node, block)} {{"
        self._line_of(CodeLine(depth, head, kind=kind), start, block.span.start + 1, starts[0])
        for item, after in zip(block.items, starts[1:], strict=True):
            self._node(item, after, depth + 1)
        self._close(close, following, depth)

    def _close(self, brace: int, following: int, depth: int) -> None:
        self._own(brace, depth + 1)
        self._line_of(CodeLine(depth, "}"), brace, brace + 1, following)

    # Lines and their comments

    def _line_of(self, line: CodeLine, start: int, end: int, following: int) -> None:
        """Write a line of code, which stood from start to end, with the comments that are its."""
        self._own(start, line.depth)
        first = last = self._next
        while last < len(self._comments) and self._comments[last].start < end:
            last += 1
        # A comma may stand after the item, and a comment after the comma.
        for at in range(last, len(self._comments)):
            if self._comments[at].start >= following:
                break
            if self._comments[at].is_beside:
                last = at + 1
        taken = self._comments[first:last]
        self._next = last
        if taken and taken[-1].is_beside:
            line = line._replace(comment=taken.pop().text)
        is_apart = line.code != "}" and self._is_apart(start)
        for comment in taken:
            self._write(CodeLine(line.depth, "", comment.text, is_apart=is_apart))
            is_apart = False
        self._write(line._replace(is_apart=is_apart))

    def _own(self, before: int, depth: int) -> None:
        """Write the comments up to a place, each on its own line."""
        while self._next < len(self._comments) and self._comments[self._next].start < before:
            comment = self._comments[self._next]
            is_apart = self._is_apart(comment.start)
            self._write(CodeLine(depth, "", comment.text, is_apart=is_apart))
            self._next += 1

    def _write(self, line: CodeLine) -> None:
        if not self.lines or self.lines[-1].code.endswith("{"):
            line = line._replace(is_apart=False)
        self.lines.append(line)

    def _is_apart(self, start: int) -> bool:
        """Whether a blank line stands before a place where a token or a comment begins."""
        token = bisect_left(self._starts, start) - 1
        comment = bisect_left(self._comment_starts, start) - 1
        before = max(
            self._tokens[token].start if token >= 0 else 0,
            self._comment_starts[comment] if comment >= 0 else 0,
        )
        return self._line(start) - self._line(before) > 1

    def _line(self, offset: int) -> int:
        return self._source.position(offset).line

    # Code

    def _is_flat(self, node: _Node, block: tree.Block, depth: int) -> bool:
        """Whether a statement with a block is one line."""
        inside = bisect_left(self._comment_starts, block.span.start)
        if inside < len(self._comments) and self._comment_starts[inside] < block.span.end:
            return False
        return CodeLine(depth, self._one_line(node)).length <= self._longest

    def _one_line(self, node: _Node) -> str:
        block = _block(node)
        if block is None:
            return spaced(self._between(*node.span))
        start = node.span.start
        if start not in self._flat:
            items = ", ".join(self._one_line(item) for item in block.items)
            braces = f"{{ {items} }}" if items else "{}"
            self._flat[start] = f"{self._head(node, block)} {braces}"
        return self._flat[start]

    def _head(self, node: _Node, block: tree.Block) -> str:
        return spaced(self._between(node.span.start, block.span.start))

    def _row(self, node: _Node, block: tree.Block | None) -> ColumnRow | None:
        if not isinstance(node, tree.Layer) or block is None or not block.items:
            return None
        cells = tuple(self._one_line(item) for item in block.items)
        name, head = self._head(node, block).split(" ", 1)
        return ColumnRow(name, head, cells, tuple(item.name.text for item in block.items))

    def _between(self, start: int, end: int) -> list[Token]:
        return self._tokens[bisect_left(self._starts, start) : bisect_left(self._starts, end)]


def _block(node: _Node) -> tree.Block | None:
    if isinstance(node, tree.Layer | tree.Optimizer | tree.Train | tree.Section):
        return node.block
    return None
