"""ANSI styles, or none, and tables of plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_SEVERITIES = {"error": "1;31", "warning": "1;33", "info": "1;36"}


class Style:
    """Wraps text in ANSI escapes when colour is on."""

    def __init__(self, color: bool) -> None:
        self.color = color

    def _wrap(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text

    def severity(self, severity: str, text: str) -> str:
        return self._wrap(_SEVERITIES[severity], text)

    def strong(self, text: str) -> str:
        return self._wrap("1", text)

    def good(self, text: str) -> str:
        return self._wrap("32", text)

    def sign(self, text: str) -> str:
        """``✓``, ``✗`` and ``?`` in the colours of what they say; other text as it is."""
        code = {"✓": "32", "✗": _SEVERITIES["error"], "?": _SEVERITIES["warning"]}.get(text)
        return text if code is None else self._wrap(code, text)

    def frame(self, text: str) -> str:
        return self._wrap("1;34", text)

    def marked(self, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """Lines of a table whose last column are signs, which are coloured."""
        for line in columns(rows):
            # Escapes must not count in the widths of columns.
            yield f"  {line[:-1]}{self.sign(line[-1])}"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of a table, aligned; columns of which no row has anything are left out."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{text:<{w}}" for text, w in zip(row, widths, strict=True) if w).rstrip()
        for row in rows
    ]
