"""A text that is open in an editor, and what is known of it: each thing found out when asked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from richc.diagnostics import Diagnostic, Span
from richc.editor.positions import UTF_16, Position, Positions
from richc.pipeline import FileResult, ModelResult, analyse_source
from richc.syntax import tree
from richc.syntax.lalr import Token
from richc.syntax.parser import lex, parse
from richc.syntax.source import MAX_BYTES, Source, SourceError, decode


class TextChange(NamedTuple):
    """New text for a range; for the whole document where there is none."""

    text: str
    start: Position | None = None
    end: Position | None = None


class Document:
    """One version of a text.  It never changes: the next version is another document."""

    def __init__(self, path: str, text: str, version: int = 0, encoding: str = UTF_16) -> None:
        self.path = path
        self.text = text
        self.version = version
        self.encoding = encoding

    def changed(self, changes: Iterable[TextChange], version: int) -> Document:
        """The next version; each change counts on those before it."""
        text = self.text
        positions: Positions | None = self.positions
        for change in changes:
            if change.start is None or change.end is None:
                text = change.text
            else:
                positions = positions or Positions(text, self.encoding)
                start, end = positions.offset(change.start), positions.offset(change.end)
                text = text[:start] + change.text + text[max(start, end) :]
            positions = None
        return Document(self.path, text, version, self.encoding)

    def again(self) -> Document:
        """The same text, to be checked anew: other files may have changed."""
        return Document(self.path, self.text, self.version, self.encoding)

    @cached_property
    def positions(self) -> Positions:
        return Positions(self.text, self.encoding)

    @cached_property
    def source(self) -> Source:
        return Source(self.path, self.text)

    def offset(self, position: Position) -> int:
        """The offset into the source, which has no byte order mark."""
        return max(self.positions.offset(position) - self.source.has_mark, 0)

    def position(self, offset: int) -> Position:
        return self.positions.at(offset + self.source.has_mark)

    @cached_property
    def _unreadable(self) -> Diagnostic | None:
        """What `richc check` says of a file that it does not read."""
        try:
            # What is far too long need not be encoded to be known for it.
            decode(self.text[: MAX_BYTES + 1].encode("utf-8", "surrogatepass"))
        except SourceError as error:
            return Diagnostic("R006", f"cannot read: {error}", Span(0, 0))
        return None

    @cached_property
    def result(self) -> FileResult:
        """The whole analysis, as `richc check` makes it."""
        if self._unreadable is not None:
            return FileResult(self.source, (), (self._unreadable,))
        return analyse_source(self.source)

    @cached_property
    def file(self) -> tree.File:
        """All models that could be parsed, usable or not."""
        return tree.File((), ()) if self._unreadable else parse(self.source)[0]

    @cached_property
    def tokens(self) -> list[Token]:
        return [] if self._unreadable else lex(self.source.text)

    def model_at(self, offset: int) -> ModelResult | None:
        """The judged model that an offset stands in."""
        return next((m for m in self.result.models if _holds(m.spec.place, offset)), None)

    def node_at(self, offset: int) -> tree.Model | None:
        """The model's tree, whether it could be judged or not."""
        return next((m for m in self.file.models if _holds(m.span, offset)), None)


def _holds(span: Span, offset: int) -> bool:
    return span.start <= offset <= span.end
