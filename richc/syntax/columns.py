"""Lines of a .rich file, and what stands in columns across neighbouring ones.

- Of layers with attributes: the kinds (a repeated name may stick out), the opening braces, and the
  attributes until a layer has another one;
- the symbols of ``width``, ``depth`` and ``richness``;
- comments at the ends of lines, in column 42 or, in a paragraph with a longer line, further right.

Code never gets longer than 100 columns for that, nor do comments that would begin further right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from richc.syntax import tree

LINE_LENGTH = 100
#: Where comments begin, counted from 0, in a paragraph of short lines.
_COMMENT_COLUMN = 41
#: Between code and a comment, at least.
_GAP = 2
_INDENT = 2
#: Statements that declare symbols.
_SYMBOLS = (tree.Width, tree.Depth, tree.Richness)
#: Two spellings of one attribute.
_SAME = {"var": "std"}


class ColumnRow(NamedTuple):
    """A layer on one line: its name and colon, what stands before its block, and the block."""

    name: str
    head: str
    cells: tuple[str, ...]
    names: tuple[str, ...]


class CodeLine(NamedTuple):
    """A line of code, of code and a comment, or of a comment alone (then ``code`` is empty)."""

    depth: int
    code: str
    comment: str = ""
    kind: type[tree.Statement | tree.Item] | None = None
    row: ColumnRow | None = None
    #: Whether a blank line stands before it.
    is_apart: bool = False

    @property
    def length(self) -> int:
        """Up to the end of the code."""
        return _INDENT * self.depth + len(self.code)


def align(lines: Sequence[CodeLine]) -> list[CodeLine]:
    """The lines with the columns of their code aligned."""
    aligned = list(lines)
    for run in _runs(lines):
        _align_layers(aligned, [at for at in run if lines[at].row is not None])
    for run in _symbol_runs(lines):
        _align_symbols(aligned, run)
    return aligned


def render(lines: Sequence[CodeLine]) -> Iterator[str]:
    """The lines as text, with blank ones, and with comments aligned in each paragraph."""
    columns = _comment_columns(lines)
    for line, column in zip(lines, columns, strict=True):
        if line.is_apart:
            yield ""
        code = f"{' ' * (_INDENT * line.depth)}{line.code}"
        yield (code.ljust(column) + line.comment) if line.comment else code


def _runs(lines: Sequence[CodeLine]) -> Iterator[list[int]]:
    """Indices of neighbouring layers, with activations, norms and comments between them."""
    run: list[int] = []
    for at, line in enumerate(lines):
        is_layer = line.kind is tree.Layer and not line.code.endswith(" {")
        is_between = line.kind in (tree.Activation, tree.Norm) and not line.code.endswith(" {")
        if line.is_apart or not (is_layer or is_between or not line.code):
            yield run
            run = []
        if is_layer or run:
            run.append(at)
    yield run


def _align_layers(lines: list[CodeLine], run: Sequence[int]) -> None:
    """Align everything, or all but the attributes, or nothing, as far as no line gets too long."""
    rows = [row for at in run if (row := lines[at].row) is not None]
    if not rows:
        return
    name = max((len(row.name) for row in rows if "[" not in row.name), default=0)
    rows = [row._replace(head=f"{row.name.ljust(name)} {row.head}") for row in rows]
    head = max(len(row.head) for row in rows)
    for widths in (_widths(rows), []):
        if _put(lines, run, [_joined(row, head, widths) for row in rows]):
            return


def _put(lines: list[CodeLine], run: Sequence[int], codes: Sequence[str]) -> bool:
    """Take other code for some lines, unless one of them gets too long."""
    changed = [lines[at]._replace(code=code) for at, code in zip(run, codes, strict=True)]
    if any(line.length > LINE_LENGTH for line in changed):
        return False
    for at, line in zip(run, changed, strict=True):
        lines[at] = line
    return True


def _widths(rows: Sequence[ColumnRow]) -> list[int]:
    """The widths of the columns, as far as all rows have the same attributes."""
    widths: list[int] = []
    for column in range(max(len(row.cells) for row in rows) - 1):
        there = [row for row in rows if len(row.cells) > column]
        if len({_SAME.get(row.names[column], row.names[column]) for row in there}) > 1:
            break
        # A last cell may be as wide as it likes: nothing follows it.
        widths.append(max(len(row.cells[column]) for row in there if len(row.cells) > column + 1))
    return widths


def _joined(row: ColumnRow, head: int, widths: Sequence[int]) -> str:
    *before, last = row.cells
    parts = [f"{row.head.ljust(head)} {{ "]
    for column, cell in enumerate(before):
        width = widths[column] if column < len(widths) else 0
        parts.append(f"{f'{cell},'.ljust(width + 1)} ")
    return f"{''.join(parts)}{last} }}"


def _symbol_runs(lines: Sequence[CodeLine]) -> Iterator[list[int]]:
    """Indices of neighbouring statements that declare symbols."""
    run: list[int] = []
    for at, line in enumerate(lines):
        if line.is_apart or line.kind not in _SYMBOLS:
            yield run
            run = []
        if line.kind in _SYMBOLS:
            run.append(at)
    yield run


def _align_symbols(lines: list[CodeLine], run: Sequence[int]) -> None:
    words = [lines[at].code.split(" ", 1) for at in run]
    width = max((len(word) for word, _ in words), default=0)
    _put(lines, run, [f"{word.ljust(width)} {rest}" for word, rest in words])


def _comment_columns(lines: Sequence[CodeLine]) -> list[int]:
    """Where the comment of each line begins."""
    columns = [_alone(line) for line in lines]
    paragraph: list[int] = []
    for at, line in enumerate(lines):
        if line.is_apart or not line.depth:
            _align_comments(lines, paragraph, columns)
            paragraph = []
        if line.depth and line.code and line.comment:
            paragraph.append(at)
    _align_comments(lines, paragraph, columns)
    return columns


def _alone(line: CodeLine) -> int:
    return line.length + _GAP if line.code else line.length


def _align_comments(
    lines: Sequence[CodeLine], paragraph: Sequence[int], columns: list[int]
) -> None:
    """One column for a paragraph's comments; after the longest lines, which would push others out
    of sight, a column of their own.
    """
    ends = {max(columns[at], _COMMENT_COLUMN) for at in paragraph if columns[at] <= LINE_LENGTH}
    for column in sorted(ends, reverse=True):
        inside = [at for at in paragraph if columns[at] <= column]
        if column == _COMMENT_COLUMN or all(_fits(lines[at], column) for at in inside):
            for at in inside:
                columns[at] = column
            return


def _fits(line: CodeLine, column: int) -> bool:
    return column + len(line.comment) <= LINE_LENGTH
