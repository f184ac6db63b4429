"""The one layout of .rich files: ``richc fmt``, and formatting in editors.

Every statement is a line, also in a repeat or residual; a block that does not fit, or that holds a
comment, has a line for each of its items.  A comment keeps its place: above what it stands above,
at the end of the line that it ends.  One that stands inside a line that becomes one line goes to
that line's end or, where another comment is there, above it.  Neither order nor wording of anything
changes, so the text means what it meant.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from richc.diagnostics import Span
from richc.syntax import tree
from richc.syntax.columns import LINE_LENGTH, CodeLine, ColumnRow, align, render
from richc.syntax.lalr import Token
from richc.syntax.parser import lex, parse
from richc.syntax.source import Source
from richc.syntax.spacing import spaced

#: What can be laid out: all of these are written in the same way.
_Node = tree.Statement | tree.Item
_BODIES = (tree.Repeat, tree.Residual)


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
        name = self._between(model.span.start, model.name.span.end)
        self._lines(spaced(name), model.span, model.statements, following, 0)

    def _lines(
        self,
        head: str,
        span: Span,
        nodes: Sequence[_Node],
        following: int,
        depth: int,
        kind: type[_Node] | None = None,
    ) -> None:
        """A line for each of the nodes, between braces; the closing one ends the span."""
        start, end = span
        opening = self._brace(start) + 1
        starts = [node.span.start for node in nodes] + [end - 1]
        self._line_of(CodeLine(depth, f"{head} {{", kind=kind), start, opening, starts[0])
        for node, after in zip(nodes, starts[1:], strict=True):
            self._node(node, after, depth + 1)
        self._own(end - 1, depth + 1)
        self._line_of(CodeLine(depth, "}"), end - 1, end, following)

    def _brace(self, start: int) -> int:
        """Where the first brace after a place is."""
        at = bisect_left(self._starts, start)
        while self._tokens[at].type != "LBRACE":
            at += 1
        return self._tokens[at].start

    def _node(self, node: _Node, following: int, depth: int) -> None:
        """One statement or item; ``following`` is where the next, or the closing brace, begins."""
        nodes = _held(node)
        start, end = node.span
        kind = type(node)
        if nodes is None or self._is_flat(node, depth):
            line = CodeLine(depth, self._one_line(node), kind=kind, row=self._row(node))
            self._line_of(line, start, end, following)
        else:
            self._lines(self._head(node), node.span, nodes, following, depth, kind)

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

    def _is_flat(self, node: _Node, depth: int) -> bool:
        """Whether a statement with a block is one line."""
        if isinstance(node, _BODIES):
            return False
        inside = bisect_left(self._comment_starts, self._brace(node.span.start))
        if inside < len(self._comments) and self._comment_starts[inside] < node.span.end:
            return False
        return CodeLine(depth, self._one_line(node)).length <= self._longest

    def _one_line(self, node: _Node) -> str:
        nodes = _held(node)
        if nodes is None:
            return spaced(self._between(*node.span))
        start = node.span.start
        if start not in self._flat:
            items = ", ".join(self._one_line(item) for item in nodes)
            braces = f"{{ {items} }}" if items else "{}"
            self._flat[start] = f"{self._head(node)} {braces}"
        return self._flat[start]

    def _head(self, node: _Node) -> str:
        return spaced(self._between(node.span.start, self._brace(node.span.start)))

    def _row(self, node: _Node) -> ColumnRow | None:
        if not isinstance(node, tree.Layer) or node.block is None or not node.block.items:
            return None
        items = node.block.items
        cells = tuple(self._one_line(item) for item in items)
        name, head = self._head(node).split(" ", 1)
        return ColumnRow(name, head, cells, tuple(item.name.text for item in items))

    def _between(self, start: int, end: int) -> list[Token]:
        return self._tokens[bisect_left(self._starts, start) : bisect_left(self._starts, end)]


def _held(node: _Node) -> Sequence[_Node] | None:
    """What stands between its braces; None where it has none."""
    if isinstance(node, tree.Repeat):
        return node.statements
    if isinstance(node, tree.Residual):
        return node.parts
    if isinstance(node, tree.Layer | tree.Norm | tree.Optimizer | tree.Train | tree.Section):
        return node.block.items if node.block is not None else None
    return None
