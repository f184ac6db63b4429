"""``richc map`` in the terminal: a drawing of each prism, and a legend of what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from richc.report.map_drawing import draw, draw_depths, key
from richc.report.map_entries import Entry, depths, panels, position
from richc.report.style import Style

#: What stands for the letters and signs of a drawing where there is ASCII only.
_ASCII = {
    "μ": "mu",
    "θ": "theta",
    "Δ": "d",
    "√": "sqrt",
    "≥": ">=",
    "≤": "<=",
    "✓": "+",
    "✗": "x",
    "─": "-",
    "│": "|",
    "·": ".",
    "○": "o",
    "●": "@",
    "◇": "%",
    "×": "X",
    "α": "alpha",
    "┬": "+",
    "┴": "+",
    "±": "+-",
}


def render(
    entries: Sequence[Entry], *, color: bool, ascii_only: bool = False, quiet: bool = False
) -> Iterator[str]:
    """Lines without line ends; with ``quiet``, no drawing."""
    style = Style(color)
    lines: list[str] = []
    for panel in () if quiet else panels(entries):
        lines += [style.strong(panel.title), "", *draw(panel), ""]
        if (deep := depths(panel)) is not None:
            title = f"{deep.title}: branches of L blocks, each times L^-α"
            lines += [style.strong(title), "", *draw_depths(deep), ""]
    lines += [] if quiet else [*key(entries), ""]
    width = len(str(len(entries)))
    for entry in entries:
        sentence = entry.result.sentence
        is_open = not entry.result.verdict.is_decided
        mark = style.sign("?" if is_open else "✓" if entry.result.passes else "✗")
        number = str(entry.number).rjust(width)
        lines.append(f"{number} {mark} {style.strong(entry.name)}: {sentence}")
        lines.append(f"{' ' * width}   {position(entry.place)}")
    for line in lines:
        yield plain(line) if ascii_only else line


def plain(text: str) -> str:
    """In ASCII, but for what the user named."""
    return "".join(_ASCII.get(letter, letter) for letter in text)
